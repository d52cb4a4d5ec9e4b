"""What comes out for what goes in: each line of `image.py`'s list, against Pillow or by hand."""

import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageOps
from pydantic import ValidationError

from plusx.data.image import EXTENSIONS, BadSample, ImageSpec, peek_size, prepare
from plusx.data.modalities import spec_from_json
from plusx.errors import PlusxError

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
ORANGE = (240, 120, 16)


def rgb(height: int = 4, width: int = 4, **more: Any) -> ImageSpec:
    return ImageSpec(height=height, width=width, channels=3, **more)


def grey(height: int = 4, width: int = 4, **more: Any) -> ImageSpec:
    return ImageSpec(height=height, width=width, channels=1, **more)


def colour(source: bytes, spec: ImageSpec | None = None) -> list[int]:
    """Of a picture that is all one colour."""
    pixels = prepare(source, spec or rgb())
    assert (pixels == pixels[0, 0]).all()
    return pixels[0, 0].tolist()


def noise(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def png(kind: int, bits: int, row: bytes, width: int, *more: tuple[bytes, bytes]) -> bytes:
    """One row, by hand: Pillow writes no 16-bit colour."""

    def chunk(name: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + checksum

    header = struct.pack(">IIBBBBB", width, 1, bits, kind, 0, 0, 0)
    chunks = ((b"IHDR", header), *more, (b"IDAT", zlib.compress(b"\0" + row)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)


@pytest.mark.parametrize("kind", FORMATS)
def test_formats(encode, kind: str):
    source = encode(Image.new("RGB", (8, 8), ORANGE), kind)
    assert np.abs(prepare(source, rgb()).astype(int) - ORANGE).max() <= 4  # JPEG and WebP lose a little
    assert peek_size(source) == (8, 8, 3)


@pytest.mark.parametrize("kind", FORMATS)
def test_cut_short_anywhere_is_a_bad_sample(encode, kind: str):
    source = encode(noise(40, 40), kind)
    for end in (0, 5, 14, 30, len(source) // 4, len(source) // 2, len(source) - 200):
        with pytest.raises(BadSample) as bad:
            prepare(source[:end], rgb())
        assert bad.value.reason
        assert "\n" not in bad.value.reason


@pytest.mark.parametrize("kind", FORMATS)
@given(data=st.data())
def test_any_flipped_bytes_give_pixels_or_a_bad_sample(kind: str, data: st.DataObject):
    file = BytesIO()
    Image.fromarray(noise(12, 12)).save(file, kind)
    source = bytearray(file.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        source[data.draw(st.integers(0, min(len(source) - 1, 400)))] = data.draw(st.integers(0, 255))
    try:
        pixels = prepare(bytes(source), rgb())
    except BadSample:
        return
    assert pixels.shape == (4, 4, 3)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (b"", "empty"),
        (b"I am text in a file named cat.jpg", "not a PNG"),
        (b"%PDF-1.7 ...", "not a PNG"),
        (b"P6 1 1 255 abc", "not a PNG"),  # Pillow reads PPM; plusx does not
        (np.zeros((0, 4), np.uint8), "no pixels"),
        (np.zeros((4, 4), np.float32), "float32"),
        (np.zeros((4, 4, 5), np.uint8), "shape"),
    ],
)
def test_fakes_are_named(source: bytes | np.ndarray, words: str):
    with pytest.raises(BadSample, match=words):
        prepare(source, rgb())
    with pytest.raises(BadSample, match=words):
        peek_size(source)


def test_a_bomb_is_refused_from_its_header():
    # 60000 x 60000 pixels would be 10 GB; the few bytes of data are never looked at
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    body = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    bomb = b"\x89PNG\r\n\x1a\n" + body + struct.pack(">I", 4) + b"IDATxxxx"
    with pytest.raises(BadSample, match="limit"):
        prepare(bomb, rgb())
    with pytest.raises(BadSample, match="max_pixels"):
        prepare(noise(10, 10), rgb(max_pixels=99))
    assert prepare(noise(10, 10), rgb(max_pixels=100)).shape == (4, 4, 3)


def test_palettes_and_transparency(encode):
    palette = Image.new("RGB", (8, 8), ORANGE).quantize(4)
    index = palette.getpixel((0, 0))
    assert colour(encode(palette)) == list(ORANGE)
    assert colour(encode(palette, transparency=index)) == [255, 255, 255]
    assert colour(encode(palette, transparency=index), rgb(background=7)) == [7, 7, 7]
    assert colour(encode(palette, "GIF", transparency=index)) == [255, 255, 255]
    half = [round(value * 128 / 255 + 127) for value in ORANGE]
    assert colour(encode(palette, transparency=bytes([128] * 4))) == half
    assert colour(encode(Image.new("L", (8, 8), 7), transparency=7)) == [255, 255, 255]
    assert colour(encode(Image.new("L", (8, 8), 8), transparency=7)) == [8, 8, 8]
    assert colour(encode(Image.new("RGB", (8, 8), ORANGE), transparency=ORANGE)) == [255, 255, 255]


@pytest.mark.parametrize("background", [0, 100, 255])
def test_alpha_is_laid_over_the_background(encode, background: int):
    alpha = 128 / 255
    expected = [round(value * alpha + background * (1 - alpha)) for value in ORANGE]
    source = encode(Image.new("RGBA", (8, 8), (*ORANGE, 128)))
    assert np.abs(np.array(colour(source, rgb(background=background))) - expected).max() <= 1
    grey_alpha = encode(Image.new("LA", (8, 8), (50, 128)))
    (level,) = colour(grey_alpha, grey(background=background))
    assert abs(level - (50 * alpha + background * (1 - alpha))) <= 1
    hidden = np.concatenate([noise(8, 8), np.zeros((8, 8, 1), np.uint8)], 2)
    assert colour(encode(hidden), rgb(background=background)) == [background] * 3


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_becomes_rgb_by_the_plain_formula(encode, kind: str):
    source = encode(Image.new("CMYK", (8, 8), (10, 20, 30, 40)), kind, **({"quality": 100} if kind == "JPEG" else {}))
    expected = [(255 - ink) * (255 - 40) / 255 for ink in (10, 20, 30)]
    assert np.abs(np.array(colour(source)) - expected).max() <= 2


def test_grey_and_colour(encode):
    assert colour(encode(Image.new("L", (8, 8), 77))) == [77, 77, 77]
    luma = 0.299 * ORANGE[0] + 0.587 * ORANGE[1] + 0.114 * ORANGE[2]
    assert colour(encode(Image.new("RGB", (8, 8), ORANGE)), grey()) == [round(luma)]
    assert colour(encode(Image.new("1", (8, 8), 1)), grey()) == [255]
    assert colour(encode(Image.new("1", (8, 8), 0)), grey()) == [0]


def test_16_bit_grey_is_scaled_not_clipped(encode):
    values = np.array([0, 128, 129, 257, 32_896, 65_535], np.uint16)
    expected = np.round(values / 257).astype(np.uint8)
    spec = grey(1, len(values))
    assert prepare(encode(values[None]), spec).ravel().tolist() == expected.tolist()
    assert prepare(encode(values[None], "TIFF"), spec).ravel().tolist() == expected.tolist()
    big_endian = Image.frombytes("I;16B", (len(values), 1), values.astype(">u2").tobytes())
    assert prepare(encode(big_endian, "TIFF"), spec).ravel().tolist() == expected.tolist()
    assert prepare(encode(values[None], transparency=257), spec).ravel().tolist() == [0, 0, 1, 255, 128, 255]


def test_16_bit_colour_takes_the_high_bytes():
    row = struct.pack(">3H", 0x80FF, 0x1234, 0xFFFF)
    assert colour(png(2, 16, row, 1)) == [0x80, 0x12, 0xFF]
    assert colour(png(6, 16, row + b"\xff\xff", 1)) == [0x80, 0x12, 0xFF]


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_kinds_without_one_right_range_are_refused(encode, dtype: type):
    with pytest.raises(BadSample, match="not supported"):
        prepare(encode(np.ones((4, 4), dtype), "TIFF"), rgb())


def test_lab_is_refused(encode):
    with pytest.raises(BadSample, match="LAB"):
        prepare(encode(Image.new("LAB", (4, 4)), "TIFF"), rgb())


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_the_first_frame_is_taken(encode, kind: str):
    lossless = {"lossless": True} if kind == "WEBP" else {}
    frames = [Image.new("RGB", (8, 8), level) for level in (ORANGE, (0, 0, 0))]
    source = encode(frames[0], kind, save_all=True, append_images=frames[1:], **lossless)
    assert colour(source) == list(ORANGE)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(encode, kind: str, orientation: int):
    exif = Image.Exif()
    exif[0x010F] = "maker"
    exif[0x0112] = orientation
    source = encode(np.kron(noise(2, 3), np.ones((16, 16, 1), np.uint8)), kind, exif=exif)
    with Image.open(BytesIO(source)) as picture:
        expected = np.asarray(ImageOps.exif_transpose(picture))
    height, width, channels = expected.shape
    assert (prepare(source, rgb(height, width)) == expected).all()
    assert peek_size(source) == (height, width, channels)


def test_broken_exif_says_nothing(encode):
    for exif in (b"Exif\0\0II*\0\xff\xff\0\0", b"Exif\0\0junk", b"Exif\0\0MM\0*\0\0\0\x08\0\x05\x01\x12"):
        source = encode(Image.new("RGB", (8, 4), ORANGE), "JPEG", exif=exif, quality=100)
        assert peek_size(source) == (4, 8, 3)
        assert prepare(source, rgb()).shape == (4, 4, 3)


def test_pillow_s_warnings_do_not_leak():
    # warnings are errors here; this animation chunk says that there are no frames
    source = png(2, 8, bytes(ORANGE), 1, (b"acTL", struct.pack(">II", 0, 0)))
    with pytest.warns(UserWarning, match="APNG"), Image.open(BytesIO(source)):
        pass
    assert colour(source) == list(ORANGE)
    with ThreadPoolExecutor(4) as pool:
        assert all(colours == list(ORANGE) for colours in pool.map(colour, [source] * 200))
    with pytest.warns(UserWarning, match="APNG"), Image.open(BytesIO(source)):
        pass  # and the filters are as they were


def test_threads_give_what_one_gives(encode):
    sources = [encode(noise(30 + n, 40, seed=n), kind) for n in range(4) for kind in FORMATS]
    spec = rgb(16, 16)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda source: prepare(source, spec), sources * 3))
    for source, pixels in zip(sources * 3, together, strict=True):
        assert (prepare(source, spec) == pixels).all()


@given(
    pixels=hnp.arrays(
        np.uint8,
        st.one_of(
            st.tuples(st.integers(1, 9), st.integers(1, 9)),
            st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4)),
        ),
    ),
    fit=st.sampled_from(["crop", "letterbox", "stretch"]),
    channels=st.sampled_from([1, 3]),
)
def test_an_array_gives_what_its_png_gives(pixels: np.ndarray, fit: Any, channels: Any):
    spec = ImageSpec(height=5, width=4, channels=channels, fit=fit)
    file = BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2:] == (1,) else pixels).save(file, "PNG")
    assert (prepare(pixels, spec) == prepare(file.getvalue(), spec)).all()
    assert peek_size(pixels) == peek_size(file.getvalue())


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    fit=st.sampled_from(["crop", "letterbox", "stretch"]),
    resampling=st.sampled_from(["nearest", "bilinear", "bicubic", "lanczos"]),
    crop_fraction=st.floats(0.1, 1),
)
def test_any_size_fits_and_one_colour_stays_it(
    height: int, width: int, fit: Any, resampling: Any, crop_fraction: float
):
    spec = rgb(7, 5, fit=fit, resampling=resampling, crop_fraction=crop_fraction, background=9)
    pixels = prepare(np.full((height, width), 9, np.uint8), spec)
    assert pixels.shape == (7, 5, 3)
    assert (pixels == 9).all()


def test_fits(encode):
    # left third black, middle white, right third black
    picture = np.zeros((4, 12), np.uint8)
    picture[:, 4:8] = 255
    assert (prepare(picture, grey()) == 255).all()
    assert prepare(picture, grey(fit="stretch", resampling="nearest"))[0].ravel().tolist() == [0, 255, 255, 0]
    boxed = prepare(picture, grey(12, 12, fit="letterbox", background=99))[:, :, 0]
    assert (boxed[4:8] == picture).all()
    assert (boxed[:4] == 99).all()
    assert (boxed[8:] == 99).all()
    inner = prepare(noise(16, 16), rgb(14, 14, crop_fraction=0.875))
    assert (inner == noise(16, 16)[1:15, 1:15]).all()


def test_a_picture_that_only_needs_cutting_is_not_blurred():
    picture = noise(28, 31)
    assert (prepare(picture, rgb(28, 28)) == picture[:, 1:29]).all()


def test_large_jpegs_are_decoded_smaller_only_when_twice_the_size_stays(encode, monkeypatch):
    decoded: list[tuple[int, int]] = []
    load = Image.Image.transpose  # every turned picture passes here at its decoded size

    def spy(picture: Image.Image, method: Any) -> Image.Image:
        decoded.append(picture.size)
        return load(picture, method)

    monkeypatch.setattr(Image.Image, "transpose", spy)
    exif = Image.Exif()
    exif[0x0112] = 6
    smooth = np.asarray(Image.fromarray(noise(6, 8)).resize((800, 600), Image.Resampling.BICUBIC))
    source = encode(smooth, "JPEG", quality=95, exif=exif)
    for side, size in ((151, (800, 600)), (150, (400, 300)), (75, (200, 150)), (37, (100, 75)), (8, (100, 75))):
        decoded.clear()
        reduced = prepare(source, rgb(side, side)).astype(int)
        assert decoded == [size]
        whole = prepare(np.rot90(np.asarray(Image.open(BytesIO(source))), -1), rgb(side, side))
        assert np.abs(reduced - whole).mean() < 3
    decoded.clear()
    prepare(source, rgb(300, 100, fit="letterbox"))  # upright 600 x 800 becomes 100 x 133
    assert decoded == [(400, 300)]


def test_specs_are_strict_and_survive_json():
    spec = ImageSpec(height=3, width=5, channels=3, mean=(1, 2, 3), std=(4, 5, 6), fit="letterbox")
    assert spec_from_json(spec.model_dump(mode="json")) == spec
    assert spec.shape == (3, 3, 5)
    assert spec.dtype == np.uint8
    assert ImageSpec.peek(noise(2, 3)) == (2, 3, 3)
    for wrong in ({"mean": (1.0,)}, {"std": (1, 1, 0)}, {"channels": 2}, {"crop_fraction": 0}, {"hight": 3}):
        with pytest.raises(ValidationError):
            ImageSpec.model_validate({"height": 3, "width": 3, "channels": 3} | wrong)


def test_the_storage_key_is_of_all_that_changes_pixels_and_no_more():
    base = rgb()
    assert rgb(mean=(1, 2, 3), std=(1, 2, 3)).storage_key == base.storage_key
    changed: list[dict[str, Any]] = [{"fit": "stretch"}, {"background": 0}, {"resampling": "nearest"}, {"height": 9}]
    assert len({base.storage_key, *(rgb(**change).storage_key for change in changed)}) == 5


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"modality": "imag"}, "did you mean image"),
        ({}, "modality None"),
        ({"modality": "image", "height": 0, "width": 3, "channels": 3}, "height"),
        ({"modality": "image", "height": 3, "width": 3, "channels": 3, "colour": 1}, "colour"),
    ],
)
def test_wrong_specs_are_named_in_one_line(values: dict[str, Any], words: str):
    with pytest.raises(PlusxError, match=words) as error:
        spec_from_json(values)
    assert "\n" not in str(error.value)


def test_extensions_are_lower_case_endings():
    assert {Path("A.JPEG".lower()).suffix, ".png", ".tiff"} < set(EXTENSIONS)


@pytest.mark.parametrize(
    ("size", "decoded"),
    [((500, 375), (500, 375)), ((1300, 1300), (650, 650)), ((4000, 3000), (1000, 750)), ((6000, 4700), (750, 588))],
)
def test_a_large_jpeg_is_decoded_no_larger_than_is_needed(
    size: tuple[int, int], decoded: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ImageNet's networks take it, a 12-megapixel photo is decoded at a quarter: 256 are needed, 750 are there."""
    sizes: list[tuple[int, int]] = []
    resize = Image.Image.resize

    def spy(picture: Image.Image, *how: Any, **more: Any) -> Image.Image:
        sizes.append(picture.size)
        return resize(picture, *how, **more)

    monkeypatch.setattr(Image.Image, "resize", spy)
    buffer = BytesIO()
    Image.new("RGB", size, (200, 100, 50)).save(buffer, "jpeg")
    prepare(buffer.getvalue(), ImageSpec(height=224, width=224, channels=3, crop_fraction=0.875))
    assert sizes == [decoded]
