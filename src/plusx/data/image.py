"""Pictures: the only way from a picture's bytes to pixels, in training, evaluation, prediction and serving.

What comes out for what goes in (`tests/data/test_image.py` holds each line):

- formats: PNG, JPEG, WebP, BMP, GIF and TIFF, told by their first bytes and never by the file's name
- EXIF orientation is applied; of animated and many-paged pictures the first frame is taken
- palettes become RGB; transparency of every kind is laid over the spec's `background`
- 1 bit becomes 0 and 255; 16-bit grey v becomes round(v / 257); of 16-bit RGB the high bytes are taken
- CMYK and YCCK become RGB by Pillow's plain formula; colour profiles are not applied
- RGB becomes grey by ITU-R 601, grey becomes RGB by repeating
- refused: 12-bit, 32-bit and floating-point grey and CIELAB, which have no one right range or colour
- a JPEG is decoded at a half, a quarter or an eighth of its size where at least twice the needed size stays
"""

import json
import math
from typing import Literal, Self

import numpy as np
from jaxtyping import UInt8
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from pydantic import BaseModel, Field, model_validator

from plusx.data.decode import (
    BadSample,
    converted,
    flat,
    from_array,
    opened,
    orientation,
    quiet_if_needed,
    understandable,
    upright,
)

__all__ = ["EXTENSIONS", "BadSample", "ImageSpec", "peek_size", "prepare"]

EXTENSIONS = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".gif", ".tif", ".tiff")
"""The file endings, in lower case, by which pictures are found in folders."""

Pixels = UInt8[np.ndarray, "height width channels"]


class ImageSpec(BaseModel, frozen=True, extra="forbid"):
    """How any picture becomes uint8 pixels (height, width, channels), and how the network normalises them.

    >>> spec = ImageSpec(height=2, width=2, channels=1)
    >>> spec.shape
    (1, 2, 2)
    >>> spec.prepare(np.full((4, 6, 3), 200, np.uint8)).ravel().tolist()
    [200, 200, 200, 200]
    """

    modality: Literal["image"] = "image"
    height: int = Field(ge=1, le=16_384)
    width: int = Field(ge=1, le=16_384)
    channels: Literal[1, 3]
    fit: Literal["crop", "letterbox", "stretch", "native"] = "crop"
    """crop: the largest centred part of the right aspect; letterbox: all, between bars; stretch: all; native: nothing
    is resized, what sticks out of the middle is cut off and what lacks are bars."""
    crop_fraction: float = Field(default=1.0, gt=0, le=1)
    """Share of that centred part's sides that `crop` keeps; ImageNet's custom is 0.875 (224 of 256)."""
    resampling: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bilinear"
    """Pillow's filters; all but nearest are antialiased."""
    background: int = Field(default=255, ge=0, le=255)
    """Grey level under transparency and in letterbox bars. White, because transparent pictures are mostly
    logos, icons and line drawings made for white pages."""
    max_pixels: int = Field(default=89_478_485, ge=1)
    """Larger pictures are refused before they are decoded, as decompression bombs."""
    mean: tuple[float, ...] = Field(default_factory=lambda data: (127.5,) * data.get("channels", 3))
    """Per channel, on the 0..255 scale. The network subtracts it; `prepare` does not."""
    std: tuple[float, ...] = Field(default_factory=lambda data: (63.75,) * data.get("channels", 3))
    """Per channel, on the 0..255 scale, above 0. The network divides by it; `prepare` does not."""

    @model_validator(mode="after")
    def _normalisation_fits(self) -> Self:
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != self.channels:
                raise ValueError(f"{name} has {len(values)} values for {self.channels} channels")
        if min(self.std) <= 0:
            raise ValueError("std must be above 0")
        return self

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width): what the network sees of one example."""
        return self.channels, self.height, self.width

    @property
    def features(self) -> tuple[int, int, int]:
        """(channels, height, width): what the front makes of one example for the network."""
        return self.shape

    @property
    def dtype(self) -> np.dtype:
        """Of the values that `prepare` gives."""
        return np.dtype(np.uint8)

    @property
    def words(self) -> str:
        """What a person is told of it."""
        return f"{self.height}x{self.width}, {'grey' if self.channels == 1 else 'colour'}, {self.fit}"

    @property
    def storage_key(self) -> str:
        """JSON of all that decides what `prepare` gives; mean and std do not."""
        return json.dumps(self.model_dump(mode="json", exclude={"mean", "std"}), sort_keys=True)

    def prepare(self, source: bytes | np.ndarray) -> Pixels:
        """The same as the function `prepare`."""
        return prepare(source, self)

    @staticmethod
    def peek(source: bytes | np.ndarray) -> tuple[int, int, int]:
        """The same as the function `peek_size`."""
        return peek_size(source)


def prepare(source: bytes | np.ndarray, spec: ImageSpec) -> Pixels:
    """One picture as the spec asks, shape (height, width, channels), 0..255.

    `source` is a file's bytes, or uint8 pixels of shape (height, width) or (height, width, 1 to 4 channels:
    grey, grey and alpha, RGB, RGBA), which give exactly what a PNG of them gives. Safe in threads.

    Raises:
        BadSample: it is no picture of the allowed formats, damaged, too large, or of an unsupported kind.
    """
    if isinstance(source, np.ndarray):
        if _is_as_asked(source, spec):
            return source.reshape(spec.height, spec.width, spec.channels).copy()
        picture = from_array(source, spec.max_pixels)
        return _fitted(flat(picture, spec.background), spec)
    with understandable(), quiet_if_needed(source):
        picture = opened(source, spec.max_pixels)
        if isinstance(picture, JpegImageFile):
            # In one piece: by 64 KiB at a time, threads wait for one another forty times a photo.
            picture.decodermaxblock = len(source)
            reduce_while_decoding(picture, spec)
        picture.load()
        picture = upright(flat(picture, spec.background), orientation(picture))
        return _fitted(picture, spec)


def peek_size(source: bytes | np.ndarray) -> tuple[int, int, int]:
    """(height, width, channels) as the picture stands upright, from its header alone; channels is 1 or 3.

    Raises:
        BadSample: it is no picture of the allowed formats.

    >>> peek_size(np.zeros((4, 6), np.uint8))
    (4, 6, 1)
    """
    if isinstance(source, np.ndarray):
        picture = from_array(source, None)
        turn = 1
    else:
        with understandable(), quiet_if_needed(source):
            picture = opened(source, None)
            turn = orientation(picture)
    width, height = picture.size if turn < 5 else picture.size[::-1]
    grey = picture.mode in ("1", "L", "LA") or picture.mode.startswith("I")
    return height, width, 1 if grey else 3


def _is_as_asked(source: np.ndarray, spec: ImageSpec) -> bool:
    """Whether nothing is left to do, as with most sets of small pictures."""
    grey = source.ndim == 2 and spec.channels == 1
    sized = source.shape == ((spec.height, spec.width) if grey else (spec.height, spec.width, spec.channels))
    whole = spec.fit != "crop" or spec.crop_fraction == 1
    return source.dtype == np.uint8 and sized and whole and source.shape[0] * source.shape[1] <= spec.max_pixels


def reduce_while_decoding(picture: JpegImageFile, spec: ImageSpec) -> None:
    """Has the picture decoded at a half, a quarter or an eighth where that is enough, which its `size` says then."""
    if spec.fit == "native":
        return
    width, height = picture.size if orientation(picture) < 5 else picture.size[::-1]
    across, down = width / spec.width, height / spec.height
    if spec.fit == "crop":
        across = down = min(across, down) * spec.crop_fraction
    elif spec.fit == "letterbox":
        across = down = max(across, down)
    reduction = next((n for n in (8, 4, 2) if min(across, down) >= 2 * n), 1)
    if reduction > 1:
        picture.draft(None, (picture.size[0] // reduction, picture.size[1] // reduction))


def _fitted(picture: Image.Image, spec: ImageSpec) -> Pixels:
    picture = converted(picture, "L" if spec.channels == 1 else "RGB")
    resampling = Image.Resampling[spec.resampling.upper()]
    width, height = picture.size
    target = (spec.width, spec.height)
    if spec.fit == "stretch":
        picture = picture.resize(target, resampling)
    elif spec.fit == "crop":
        scale = min(width / spec.width, height / spec.height) * spec.crop_fraction
        across, down = min(spec.width * scale, width), min(spec.height * scale, height)
        left, top = (width - across) / 2, (height - down) / 2
        if math.isclose(scale, 1):  # half a pixel would blur a picture that only needs cutting
            left, top = int(left), int(top)
        box = (left, top, min(left + across, width), min(top + down, height))
        picture = picture.resize(target, resampling, box=box)
    else:
        scale = 1.0 if spec.fit == "native" else min(spec.width / width, spec.height / height)
        inner = max(1, round(width * scale)), max(1, round(height * scale))
        bars = Image.new(picture.mode, target, (spec.background,) * spec.channels)
        bars.paste(
            picture if inner == picture.size else picture.resize(inner, resampling),
            ((spec.width - inner[0]) // 2, (spec.height - inner[1]) // 2),
        )
        picture = bars
    return np.array(picture).reshape(spec.height, spec.width, spec.channels)
