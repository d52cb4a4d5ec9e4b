"""Pictures with boxes: what is where, from a picture's own pixels to what the network sees of it, and back.

Samples hold boxes in their pictures' own pixels, a training in shares of the prepared picture's sides, which no later
resizing changes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64

from plusx.data.box_rows import ABSENT, Boxes
from plusx.data.decode import BadSample
from plusx.data.image import ImageSpec, Pixels, peek_size, prepare
from plusx.data.sources import Indices, Source

Sizes = Int64[np.ndarray, "count 2"]
"""Heights and widths in pixels."""


class Boxed(NamedTuple):
    """A picture as it is read, and its height and width as its boxes were drawn."""

    picture: bytes | np.ndarray
    size: tuple[int, int]


class BoxedSource:
    """Pictures whose boxes are known in pixels of these sizes."""

    verified = False

    def __init__(self, pictures: Source, sizes: Sizes) -> None:
        self.pictures, self.sizes = pictures, sizes
        self.remote = pictures.remote

    def __len__(self) -> int:
        return len(self.pictures)

    def name(self, index: int) -> str:
        return self.pictures.name(index)

    def read(self, index: int) -> Boxed:
        """Raises BadSample where the picture cannot be read."""
        height, width = self.sizes[index].tolist()
        return Boxed(self.pictures.read(index), (height, width))

    def fingerprint(self) -> str:
        digest = hashlib.sha256(b"boxed" + self.sizes.astype(np.int64).tobytes())
        digest.update(self.pictures.fingerprint().encode())
        return digest.hexdigest()

    def take(self, indices: Indices) -> BoxedSource:
        return BoxedSource(self.pictures.take(indices), self.sizes[np.asarray(indices, np.int64)])


@dataclass(frozen=True)
class BoxedSpec:
    """How pictures with boxes are stored: as `picture` says; boxes follow by `placed`.

    >>> spec = BoxedSpec(ImageSpec(height=8, width=8, channels=1, fit="letterbox"))
    >>> own = np.array([[[0, 0, 0, 2, 4], [-1, -1, -1, -1, -1]]], np.float32)
    >>> spec.placed(own, np.array([[4, 2]]))[0, 0].tolist()
    [0.0, 0.25, 0.0, 0.75, 1.0]
    """

    picture: ImageSpec

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.picture.shape

    @property
    def dtype(self) -> np.dtype:
        return self.picture.dtype

    @property
    def storage_key(self) -> str:
        return f"boxed {self.picture.storage_key}"

    def prepare(self, source: Boxed) -> Pixels:
        """The picture's pixels.

        Raises:
            BadSample: it cannot be used, or has another size than its boxes were drawn for.
        """
        height, width, _ = peek_size(source.picture)
        if (height, width) != source.size:
            ours = f"{source.size[1]} x {source.size[0]}"
            raise BadSample(f"its boxes are for a picture of {ours} pixels, it has {width} x {height}")
        return prepare(source.picture, self.picture)

    def placed(self, boxes: Boxes, sizes: Sizes) -> Boxes:
        """The boxes, given in their pictures' own pixels, in shares of the prepared pictures' sides.

        What a crop cuts off is cut off here, too; boxes of which nothing stays become rows of -1.
        """
        factor, start = to_shares(sizes, self.picture)
        corners = boxes[..., 1:] * np.tile(factor, 2)[:, None] + np.tile(start, 2)[:, None]
        corners = np.clip(corners, 0, 1).astype(np.float32)
        there = (boxes[..., 0] != ABSENT) & (corners[..., 2:] > corners[..., :2]).all(-1)
        return np.where(there[..., None], np.concatenate([boxes[..., :1], corners], -1), np.float32(ABSENT))


def to_shares(sizes: Sizes, spec: ImageSpec) -> tuple[Float[np.ndarray, "count 2"], Float[np.ndarray, "count 2"]]:
    """(factors, starts), each (across, down): a share of the prepared picture's side is own pixel * factor + start.

    >>> to_shares(np.array([[10, 20]]), ImageSpec(height=5, width=5, channels=1, fit="stretch"))
    (array([[0.05, 0.1 ]]), array([[0., 0.]]))
    """
    own = np.asarray(sizes, np.float64)[:, ::-1]
    target = np.array([spec.width, spec.height], np.float64)
    if spec.fit == "stretch":
        return 1 / own, np.zeros_like(own)
    scale = (own / target).min(1, keepdims=True) * spec.crop_fraction
    if spec.fit == "crop":
        shown = np.minimum(target * scale, own)
        return 1 / shown, -(own - shown) / 2 / shown
    inner = own
    if spec.fit == "letterbox":
        inner = np.maximum(1, np.round(own * (target / own).min(1, keepdims=True)))
    return inner / own / target, (target - inner) // 2 / target


def to_own(boxes: Float[np.ndarray, "boxes 4"], size: tuple[int, int], spec: ImageSpec) -> Float[np.ndarray, "boxes 4"]:
    """Boxes in shares of the prepared picture's sides in pixels of its own, cut to the picture of this (height, width).

    >>> spec = ImageSpec(height=8, width=8, channels=1, fit="letterbox")
    >>> to_own(np.array([[0.25, 0.0, 1.0, 1.0]]), (4, 2), spec).tolist()
    [[0.0, 0.0, 2.0, 4.0]]
    """
    factor, start = to_shares(np.array([size]), spec)
    own = (boxes - np.tile(start, 2)) / np.tile(factor, 2)
    return np.clip(own, 0, np.array([size[1], size[0]] * 2))
