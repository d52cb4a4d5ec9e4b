"""Places in the input's own coordinates: what is put at a place and found by the network is found at that place."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.io import wavfile

from plusx.data.array import ArraySpec
from plusx.data.image import ImageSpec
from plusx.data.signal import SignalSpec
from plusx.data.sound import SoundSpec
from plusx.data.text import TextSpec
from plusx.data.volume import VolumeSpec
from plusx.understand.origin import WithOrigin

PICTURES: dict[str, dict[str, Any]] = {
    "crop": {"fit": "crop"},
    "smaller crop": {"fit": "crop", "crop_fraction": 0.8},
    "letterbox": {"fit": "letterbox"},
    "stretch": {"fit": "stretch"},
    "native": {"fit": "native"},
}


def hottest(prepared: np.ndarray) -> list[int]:
    """The place of the largest value, as a map would have it, channels left out."""
    flat = prepared.astype(float).max(axis=-1)
    return [int(at) for at in np.unravel_index(flat.argmax(), flat.shape)]


@pytest.mark.parametrize("options", PICTURES.values(), ids=PICTURES.keys())
def test_a_pictures_pixels(options: dict[str, Any]) -> None:
    spec = WithOrigin(ImageSpec(height=40, width=40, channels=1, background=0, **options))
    pixels = np.zeros((90, 60), np.uint8)
    pixels[50:56, 30:36] = 255
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    for source in (pixels, file.getvalue()):
        seen = spec.prepare(source)
        lit = np.argwhere(seen.prepared[..., 0] > 128)
        found = spec.place(seen, lit.mean(axis=0).round().astype(int).tolist())
        assert found["x"] == pytest.approx(33, abs=2)
        assert found["y"] == pytest.approx(53, abs=2)


@pytest.mark.parametrize(("options", "seconds"), [({}, 3.0), ({}, 0.5), ({"shorter": "repeat"}, 0.5)])
def test_a_sounds_moment_and_tone(options: dict[str, Any], seconds: float) -> None:
    spec = SoundSpec(samples=16_000, **options)
    times = np.arange(int(48_000 * seconds)) / 48_000
    begin = seconds / 2 + 0.1
    beep = np.where((times > begin) & (times < begin + 0.05), np.sin(2 * np.pi * 1000 * times), 0)
    file = BytesIO()
    wavfile.write(file, 48_000, (20_000 * beep).astype(np.int16))
    origin = WithOrigin(spec)
    seen = origin.prepare(file.getvalue())
    bands = spec.mel.log_mel(seen.prepared[:, 0])
    index = np.unravel_index(bands.argmax(), bands.shape)
    found = origin.place(seen, [int(at) for at in index])
    assert found["time_s"] == pytest.approx(begin + 0.025, abs=0.03)
    assert found["hz"] == pytest.approx(1000, rel=0.1)
    assert origin.place(seen, [int(index[1])]) == {"time_s": found["time_s"]}
    wave = WithOrigin(SoundSpec(samples=16_000, front="waveform", **options))
    seen = wave.prepare(file.getvalue())
    loudest = int(np.abs(seen.prepared[:, 0].astype(int)).argmax())
    assert wave.place(seen, [loudest])["time_s"] == pytest.approx(begin + 0.025, abs=0.03)


@pytest.mark.parametrize("cut", ["head", "head+tail"])
def test_a_texts_character_and_word(cut: Any) -> None:
    text = "Ein schöner Tag, und danach kömmt die Nacht"
    for spec in (TextSpec(length=24, cut=cut), TextSpec(length=100, cut=cut)):
        origin = WithOrigin(spec)
        seen = origin.prepare(text.encode())
        for at in range(len(seen.prepared)):
            byte = int(seen.prepared[at, 0])
            found = origin.place(seen, [at])
            if 0 < byte < 0x80:
                assert text[found["character"]] == chr(byte)
                assert found["word"] in text.split() or (found["word"] == "" and chr(byte) == " ")
            elif byte >= 0x80:
                assert text[found["character"]] == "ö"
                assert found["word"] in ("schöner", "kömmt")
    assert origin.place(seen, [99])["word"] == "Nacht"


def test_a_texts_tail_is_counted_from_its_beginning() -> None:
    origin = WithOrigin(TextSpec(length=8, cut="head+tail"))
    seen = origin.prepare(b"ab cd ef gh ij")
    assert bytes(seen.prepared) == b"abgh ij"[:2] + b" gh ij"
    assert [origin.place(seen, [at]) for at in (1, 3, 7)] == [
        {"character": 1, "word": "ab"},
        {"character": 9, "word": "gh"},
        {"character": 13, "word": "ij"},
    ]


@pytest.mark.parametrize("fit", ["crop", "stretch"])
@pytest.mark.parametrize("size", [(4, 10, 10), (12, 40, 24)])
def test_a_volumes_voxel(fit: Any, size: tuple[int, int, int]) -> None:
    voxels = np.zeros((8, 20, 24), np.float32)
    voxels[3:5, 11:13, 13:15] = 1
    depth, height, width = size
    origin = WithOrigin(VolumeSpec(depth=depth, height=height, width=width, fit=fit, window=(0, 1)))
    seen = origin.prepare(voxels)
    place = origin.place(seen, hottest(seen.prepared))
    assert (place["slice"], place["row"], place["column"]) == (
        pytest.approx(3.5, abs=1),
        pytest.approx(11.5, abs=1.5),
        pytest.approx(13.5, abs=1.5),
    )


def test_a_signals_sample() -> None:
    values = np.zeros((100, 2), np.float32)
    values[70, 1] = 5
    for length in (50, 61, 100, 130):
        origin = WithOrigin(SignalSpec(length=length, channels=2, fill="zero"))
        seen = origin.prepare(values)
        assert origin.place(seen, hottest(seen.prepared)) == {"sample": 70}
    values[68:73, 1] = 5
    table = "time,a,b\n" + "".join(f"{at / 50},{a},{b}\n" for at, (a, b) in enumerate(values))
    origin = WithOrigin(SignalSpec(length=40, channels=2, rate_hz=25))
    place = origin.place(origin.prepare(table.encode()), hottest(origin.prepare(table.encode()).prepared))
    assert place["sample"] == pytest.approx(70, abs=2)
    assert place["time_s"] == place["sample"] / 50


def test_an_arrays_index() -> None:
    origin = WithOrigin(ArraySpec(sizes=(1, 2, 3), mean=(0,), std=(1,)))
    assert origin.place(origin.prepare(np.zeros((2, 3, 1))), [1, 2]) == {"index": [1, 2]}
