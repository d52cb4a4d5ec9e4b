"""Picture files opened, turned upright and brought to 8 bits: the first half of `image.py`."""

import struct
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from io import BytesIO

import numpy as np
from PIL import Image, ImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from plusx.data.bombs import MOST_SCANS, scans_of, tile_of, webp_size
from plusx.errors import PlusxError


class BadSample(PlusxError):
    """One example that cannot be used. `reason` says why in a few words, without the example's name.

    >>> BadSample("the file is empty").reason
    'the file is empty'
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Jpeg(JpegImageFile):
    """Pillow parses EXIF on opening, only for the resolution, and warns of what it does not like there."""

    def getexif(self) -> Image.Exif:
        return Image.Exif()


_ORIENTATION_TAG = 0x0112
_SIGNATURES: tuple[tuple[bytes, Callable[[BytesIO], ImageFile.ImageFile]], ...] = (
    (b"\x89PNG\r\n\x1a\n", PngImageFile),
    (b"\xff\xd8\xff", _Jpeg),
    (b"RIFF", WebPImageFile),
    (b"BM", BmpImageFile),
    (b"GIF87a", GifImageFile),
    (b"GIF89a", GifImageFile),
    (b"II*\0", TiffImageFile),
    (b"MM\0*", TiffImageFile),
)
_GREY_16 = ("I;16", "I;16L", "I;16B", "I;16N")
_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr")


def opened(source: bytes, max_pixels: int | None) -> ImageFile.ImageFile:
    """The picture with only its header read.

    The plugins are called directly: Image.open would check Pillow's global pixel limit, and warn.
    """
    if not source:
        raise BadSample("the file is empty")
    plugin = next((plugin for start, plugin in _SIGNATURES if source.startswith(start)), None)
    if plugin is None:
        raise BadSample("not a PNG, JPEG, WebP, BMP, GIF or TIFF picture, whatever its name says")
    if plugin is WebPImageFile and (size := webp_size(source)) is not None:
        _check_size(size, max_pixels)
    picture = plugin(BytesIO(source))
    _check_size(picture.size, max_pixels)
    if isinstance(picture, TiffImageFile):
        _check_size(tile_of(picture), max_pixels, least=0)
    if isinstance(picture, JpegImageFile) and scans_of(source, picture) > MOST_SCANS:
        raise BadSample(f"a JPEG of more than {MOST_SCANS} scans; save it anew")
    return picture


def from_array(source: np.ndarray, max_pixels: int | None) -> Image.Image:
    if source.dtype != np.uint8:
        raise BadSample(f"pixels are {source.dtype}, not uint8")
    if source.ndim == 3 and source.shape[2] == 1:
        source = source[:, :, 0]
    if source.ndim != 2 and not (source.ndim == 3 and source.shape[2] in (2, 3, 4)):
        raise BadSample(f"pixels of shape {source.shape}, not (height, width) or (height, width, 1 to 4)")
    _check_size((source.shape[1], source.shape[0]), max_pixels)
    return Image.fromarray(np.ascontiguousarray(source))


def _check_size(size: tuple[int, int], max_pixels: int | None, least: int = 1) -> None:
    width, height = size
    if width < least or height < least:
        raise BadSample("the picture has no pixels")
    if max_pixels is not None and width * height > max_pixels:
        raise BadSample(f"{width} x {height} pixels are above the limit of {max_pixels} (max_pixels)")


def flat(picture: Image.Image, background: int) -> Image.Image:
    """Any mode as L or RGB, transparency laid over the background."""
    if picture.mode in _GREY_16:
        picture = _eight_bits(picture)
    if picture.mode not in _MODES:
        raise BadSample(f"pixels of kind {picture.mode} are not supported; save it with 8 bits a colour")
    if not picture.has_transparency_data:
        return converted(picture, "L" if picture.mode in ("1", "L") else "RGB")
    canvas = Image.new("RGBA", picture.size, (background, background, background, 255))
    return Image.alpha_composite(canvas, picture.convert("RGBA")).convert("RGB")


def converted(picture: Image.Image, mode: str) -> Image.Image:
    """The picture in a mode; itself where it has that already, of which Pillow would make a copy."""
    return picture if picture.mode == mode else picture.convert(mode)


def _eight_bits(picture: Image.Image) -> Image.Image:
    # By hand, because Pillow's own conversion clips at 255.
    if isinstance(picture, TiffImageFile) and picture.tag_v2.get(258, (16,))[0] != 16:
        raise BadSample("grey of 12 bits is not supported; save it with 8 or 16")
    values = np.asarray(picture).astype(np.uint32)
    grey = Image.fromarray(((values + 128) // 257).astype(np.uint8))
    transparent = picture.info.get("transparency")
    if transparent is None:
        return grey
    alpha = Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8))
    return Image.merge("LA", (grey, alpha))


def orientation(picture: Image.Image) -> int:
    """EXIF's 1 to 8. Read here and not by Pillow, which may decode the whole file for it, and warn.

    TIFF pictures are measured and loaded upright by Pillow itself, so theirs is always 1.
    """
    exif = picture.info.get("exif", b"")
    if not isinstance(exif, bytes) or isinstance(picture, TiffImageFile):
        return 1
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, _, _, value = struct.unpack_from(order + "HHIH", tiff, entry)
            if tag == _ORIENTATION_TAG:
                return value if 1 <= value <= 8 else 1
    except struct.error:  # EXIF that is cut short says nothing
        return 1
    return 1


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def upright(picture: Image.Image, orientation: int) -> Image.Image:
    return picture if orientation == 1 else picture.transpose(_TURNS[orientation])


@contextmanager
def understandable() -> Iterator[None]:
    """Turns whatever Pillow raises on a bad file, which may be anything, into BadSample."""
    try:
        yield
    except BadSample:
        raise
    except Exception as error:
        words = " ".join(str(error).split()) or type(error).__name__
        if "truncated" in words.lower() or isinstance(error, EOFError):
            raise BadSample("the file is cut short; copy it again") from error
        raise BadSample(f"the file is damaged ({words[:120]})") from error


class _Quiet:
    """`warnings.catch_warnings` for many threads: the first to come sets the filter, the last restores it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._saved = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._saved = warnings.catch_warnings(action="ignore")
                self._saved.__enter__()
            self._inside += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._saved.__exit__(None, None, None)


quiet = _Quiet()
"""Nothing is warned of inside, whatever thread it is in."""


def quiet_if_needed(source: bytes) -> AbstractContextManager[None]:
    """Pillow warns of odd TIFF tags and animation chunks, and only of these, once it is kept off EXIF."""
    odd = source.startswith((b"II", b"MM")) or b"acTL" in source[:4096]
    return quiet if odd else nullcontext()
