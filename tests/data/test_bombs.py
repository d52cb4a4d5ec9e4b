"""Small files that ask for much are refused from what their headers say, before memory or time is spent on them."""

import io
from collections.abc import Callable

import hostile
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from plusx.data.bombs import MOST_SCANS, scans_of, webp_size
from plusx.data.compressed import most_samples, read_compressed
from plusx.data.decode import BadSample
from plusx.data.image import ImageSpec
from plusx.data.modalities import Spec
from plusx.data.signal import SignalSpec
from plusx.data.sound import SoundSpec
from plusx.data.text import TextSpec
from plusx.data.volume import VolumeSpec
from plusx.predict.ahead import prepare_or_why

PICTURE = ImageSpec(height=8, width=8, channels=3, max_pixels=1 << 20)
SOUND = SoundSpec(samples=100, max_samples=1 << 20)
SIGNAL = SignalSpec(length=10, rate_hz=100, file_rate_hz=1, max_samples=1 << 20)
VOLUME = VolumeSpec(depth=2, height=2, width=2, spacing=(1, 1, 1), max_voxels=1 << 16)

BOMBS: dict[str, tuple[Spec, Callable[[], bytes], str]] = {
    "a PNG of 50,000 x 50,000": (PICTURE, lambda: hostile.png(50_000, 50_000), "max_pixels"),
    "a whole black PNG": (PICTURE, lambda: hostile.blank_png(2000, 1000), "max_pixels"),
    "a canvas of WebP": (PICTURE, lambda: hostile.webp(16_000, 16_000), "16000 x 16000 pixels"),
    "a thousand scans": (PICTURE, lambda: hostile.jpeg_of_scans(64, 1000), "more than 64 scans"),
    "a tile larger than the picture": (PICTURE, lambda: hostile.tiff(16, 16, (40_000, 40_000)), "40000 x 40000"),
    "FLAC that says nothing": (SOUND, lambda: hostile.flac(100), "max_samples"),
    "FLAC that says too much": (SOUND, lambda: hostile.flac(100, said=1 << 35), "max_samples"),
    "Vorbis of empty packets": (SOUND, lambda: hostile.vorbis(100), "max_samples"),
    "WAV that is cut short": (SOUND, lambda: hostile.wav(1 << 30, 100), "cut short"),
    "WAV of too many samples": (SOUND, lambda: hostile.wav(2 << 20, 2 << 20), "max_samples"),
    "a signal that is stretched": (SIGNAL, lambda: b"1\n" * 20_000, "max_samples"),
    "a CSV of empty cells": (SIGNAL, lambda: b"," * (2 << 20), "max_samples"),
    "an array that is not there": (SIGNAL, lambda: hostile.npy((1 << 40,)), "cut short"),
    "an array of no values and endless axes": (SIGNAL, lambda: hostile.npy((0, 1 << 70)), "damaged"),
    "an array of too many axes": (SIGNAL, lambda: hostile.npy((1,) * 70, 4), "damaged"),
    "an array whose axis is a word": (SIGNAL, lambda: hostile.npy("(True, 2)"), "damaged"),
    "a volume of endless axes": (VOLUME, lambda: hostile.npy((1 << 40, 0, 1 << 40)), "damaged"),
    "a volume that is stretched": (VOLUME, lambda: hostile.nifti(spacing=(1000, 1000, 1000)), "resampled to"),
    "a scan of too many voxels": (VOLUME, lambda: hostile.nifti((60, 60, 60)), "max_voxels"),
    "a scan that begins late": (VOLUME, lambda: hostile.nifti(start=1e9, more=1 << 20), "header asks for more"),
    "a scan with a long foreword": (
        VOLUME,
        lambda: hostile.nifti(start=0, extension=(1 << 31) - 16, more=1 << 20),
        "header asks for more",
    ),
    "a zip of zeros": (VOLUME, lambda: hostile.zipped([70 << 20]), "larger than 64 MiB"),
    "a zip of very many files": (VOLUME, lambda: b"PK\x03\x04" + b"PK\x01\x02" * 30_000, "more than 20000 files"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_it_is_refused(name: str) -> None:
    spec, made, reason = BOMBS[name]
    with pytest.raises(BadSample, match=reason):
        spec.prepare(made())


def test_the_first_of_very_many_frames_is_taken() -> None:
    assert PICTURE.prepare(hostile.gif(100_000)).shape == (8, 8, 3)


def test_what_pretends_is_told_from_what_is_large() -> None:
    """The same files, of sizes that are allowed."""
    for source in (hostile.blank_png(100, 100), hostile.webp(100, 100), hostile.jpeg_of_scans(64, 10)):
        assert PICTURE.prepare(source).shape == (8, 8, 3)
    assert SOUND.prepare(hostile.flac(2)).shape == (100, 1)
    assert VOLUME.prepare(hostile.nifti((8, 8, 8), (0.5, 0.5, 0.5))).shape == (2, 2, 2, 1)


@pytest.mark.parametrize("size", [(1, 1), (17, 300), (4000, 3)])
@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"lossless": True, "exif": b"Exif\0\0MM\0*"}])
def test_a_webps_size_is_its_own(size: tuple[int, int], options: dict[str, object]) -> None:
    file = io.BytesIO()
    Image.new("RGB", size).save(file, "WEBP", **options)
    assert webp_size(file.getvalue()) == size


@pytest.mark.parametrize(
    ("options", "scans"),
    [({}, 1), ({"progressive": True}, 10), ({"progressive": True, "restart_marker_blocks": 1}, 10)],
)
def test_scans_are_counted(options: dict[str, object], scans: int) -> None:
    file, thumbnail = io.BytesIO(), io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(thumbnail, "JPEG", progressive=True)
    # Neither what stands in a segment counts nor what follows the picture.
    Image.fromarray(noise).save(file, "JPEG", comment=thumbnail.getvalue(), **options)
    source = file.getvalue() + b"\xff\xda" * 100
    assert scans_of(source, JpegImageFile(io.BytesIO(source))) == scans
    many = hostile.jpeg_of_scans(8, 1000)
    assert scans_of(many, JpegImageFile(io.BytesIO(many))) == MOST_SCANS + 1


@pytest.mark.parametrize("name", ["tone.flac", "tone.ogg", "tone.mp3"])
def test_no_more_samples_come_than_are_foretold(name: str, request: pytest.FixtureRequest) -> None:
    miniaudio = pytest.importorskip("miniaudio")
    source = (request.path.parent / "sounds" / name).read_bytes()
    there = read_compressed(source).values.size
    for enough in (1 << 40, 0):
        assert there <= most_samples(source, miniaudio, enough)
    # An MP3 that is near the limit is counted by itself.
    assert most_samples(source, miniaudio, 0) <= 4 * there


WHOLE = [
    (PICTURE, hostile.blank_png(9, 9)),
    (PICTURE, hostile.webp(9, 9)),
    (PICTURE, hostile.jpeg_of_scans(16, 1)),
    (PICTURE, hostile.tiff(16, 16, (16, 16))),
    (PICTURE, hostile.gif(2)),
    (SOUND, hostile.flac(1, 1)),
    (SOUND, hostile.vorbis(3)),
    (SOUND, hostile.wav(100, 100)),
    (SIGNAL, b"time,x\n0,1\n1,2\n2,3\n"),
    (SIGNAL, hostile.npy((2,))),
    (VOLUME, hostile.nifti()),
    (VOLUME, hostile.npy((1, 1, 2))),
    (VOLUME, hostile.zipped([200, 200])),
    (VOLUME, bytes(128) + b"DICM" + bytes(40)),
    (TextSpec(length=8), "né".encode()),
]


@given(st.data())
@settings(max_examples=300)
def test_whatever_the_bytes_they_are_an_example_or_a_bad_one(data: st.DataObject) -> None:
    spec, whole = data.draw(st.sampled_from(WHOLE))
    changed = bytearray(whole)
    for _ in range(data.draw(st.integers(0, 8))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    source = bytes(changed[: data.draw(st.integers(0, len(changed)))]) + data.draw(st.binary(max_size=20))
    example = prepare_or_why(spec, source)
    if isinstance(example, str):
        assert "\n" not in example
    else:
        assert example.dtype == spec.dtype
