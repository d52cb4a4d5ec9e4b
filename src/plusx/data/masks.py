"""Masks: a class for each pixel, from index PNGs to the numbers 0, 1, 2, ... and 255, which is ignored.

- a mask is a PNG of one channel (mode L or P, of 1 to 8 bits); a palette's colours mean nothing, its indices do
- what a stored value means is the set's `Codes`; a value that means nothing makes the example bad
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, UInt8
from PIL.PngImagePlugin import PngImageFile

from plusx.data.boxes import BoxedSource
from plusx.data.decode import BadSample, opened, quiet_if_needed, understandable
from plusx.data.image import ImageSpec
from plusx.data.sources import Indices, Samples, Source

IGNORED = 255
"""The class of pixels that nobody is asked about."""
MOST_CLASSES = 255

Mask = UInt8[np.ndarray, "height width"]


@dataclass(frozen=True)
class Codes:
    """What the values stored in masks mean.

    Args:
        classes: each stored value's class, or 255 where it is ignored. Other values are errors.

    >>> codes = Codes.plain(2)
    >>> codes.read(np.array([[0, 1, 255]], np.uint8)).tolist()
    [[0, 1, 255]]
    >>> codes.read(np.array([[2]], np.uint8))
    Traceback (most recent call last):
    plusx.data.decode.BadSample: the mask has the value 2, which is none of the 2 classes (255 is ignored)
    """

    classes: Mapping[int, int]

    @classmethod
    def plain(cls, count: int) -> Codes:
        """Values that are the classes' places themselves, and 255."""
        return cls({**{value: value for value in range(count)}, IGNORED: IGNORED})

    def read(self, stored: Mask) -> Mask:
        """The classes of stored values.

        Raises:
            BadSample: a value that means nothing.
        """
        known, table = self._table()
        found = np.bincount(stored.ravel(), minlength=256) > 0
        if (found & ~known).any():
            count = len({place for place in self.classes.values() if place != IGNORED})
            value = int(np.flatnonzero(found & ~known)[0])
            raise BadSample(f"the mask has the value {value}, which is none of the {count} classes (255 is ignored)")
        return table[stored]

    def renumbered(self, places: Int64[np.ndarray, " classes"]) -> Codes:
        """For classes that now have these places."""
        return Codes({v: place if place == IGNORED else int(places[place]) for v, place in self.classes.items()})

    def _table(self) -> tuple[np.ndarray, UInt8[np.ndarray, 256]]:
        known, table = np.zeros(256, bool), np.full(256, IGNORED, np.uint8)
        for value, place in self.classes.items():
            known[value], table[value] = True, place
        return known, table

    def __str__(self) -> str:
        return " ".join(f"{value}:{place}" for value, place in sorted(self.classes.items()))


class Pair(NamedTuple):
    """A picture and its mask, as they are read: files' bytes, or arrays `(height, width[, channels])`."""

    picture: bytes | np.ndarray
    mask: bytes | np.ndarray
    codes: Codes


class PairSource:
    """Pictures with their masks; an example is called by its picture."""

    verified = False
    remote = False

    def __init__(self, pictures: Source, masks: Source, codes: Codes) -> None:
        self.pictures, self.masks, self.codes = pictures, masks, codes

    def __len__(self) -> int:
        return len(self.pictures)

    def name(self, index: int) -> str:
        return self.pictures.name(index)

    def read(self, index: int) -> Pair:
        """Raises BadSample where either cannot be read."""
        return Pair(self.pictures.read(index), self._mask(index), self.codes)

    def _mask(self, index: int) -> bytes | np.ndarray:
        try:
            return self.masks.read(index)
        except BadSample as error:
            raise BadSample(f"its mask {self.masks.name(index)}: {error.reason}") from error

    def fingerprint(self) -> str:
        digest = hashlib.sha256(str(self.codes).encode())
        for source in (self.pictures, self.masks):
            digest.update(source.fingerprint().encode())
        return digest.hexdigest()

    def take(self, indices: Indices) -> PairSource:
        return PairSource(self.pictures.take(indices), self.masks.take(indices), self.codes)

    def renumbered(self, places: Int64[np.ndarray, " classes"]) -> PairSource:
        """The same for classes that now have these places."""
        return PairSource(self.pictures, self.masks, self.codes.renumbered(places))


def read_mask(source: bytes | np.ndarray, codes: Codes | None) -> Mask:
    """The classes of a mask, as large as it is stored; with None the stored values themselves.

    Raises:
        BadSample: it is no PNG, or has colours, more than 8 bits, or a value that means nothing.
    """
    stored = _decoded(source) if isinstance(source, bytes) else source
    return stored if codes is None else codes.read(stored)


def _decoded(content: bytes) -> Mask:
    try:
        with understandable(), quiet_if_needed(content):
            picture = opened(content, ImageSpec.model_fields["max_pixels"].default)
            if not isinstance(picture, PngImageFile):
                raise BadSample("it is no PNG: other formats change the classes")
            if picture.mode not in ("L", "P", "1"):
                raise BadSample(
                    f"it has colours or more than 8 bits (mode {picture.mode}); save the classes' numbers as an 8-bit "
                    "PNG of mode L or P"
                )
            return np.asarray(picture).astype(np.uint8)
    except BadSample as error:
        # An example is called by its picture, which may be in order.
        raise BadSample(f"its mask: {error.reason}") from error


def pictures_of(samples: Samples) -> Samples:
    """The examples without their masks, or without what their boxes need, where they have any."""
    source = samples.source
    return replace(samples, source=source.pictures) if isinstance(source, PairSource | BoxedSource) else samples
