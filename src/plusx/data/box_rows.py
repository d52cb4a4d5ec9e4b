"""Boxes as rows `(class, x0, y0, x1, y1)` of float32, filled up with -1.

A region where many are not told apart (COCO's `iscrowd`) has the class `-2 - class`.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32, Int64

ABSENT = -1
COLUMNS = 5

Boxes = Float32[np.ndarray, "count longest 5"]


def crowd(classes: Float[np.ndarray, "*shape"] | float) -> Float[np.ndarray, "*shape"] | float:
    """The class of a region of many, from their class, and back.

    >>> crowd(3.0), crowd(crowd(3.0))
    (-5.0, 3.0)
    """
    return -2 - classes


def box_classes(boxes: Float32[np.ndarray, "*shape 5"]) -> Int64[np.ndarray, " boxes"]:
    """The classes of all boxes but those of many."""
    classes = boxes[..., 0]
    return classes[classes >= 0].astype(np.int64)


def renumbered(boxes: Boxes, places: Int64[np.ndarray, " classes"]) -> Boxes:
    """The same boxes where each class now has its place in `places`.

    >>> boxes = np.array([[[0, 1, 2, 3, 4], [-3, 1, 2, 3, 4], [-1, -1, -1, -1, -1]]], np.float32)
    >>> renumbered(boxes, np.array([5, 7]))[0, :, 0].tolist()
    [5.0, -9.0, -1.0]
    """
    own = boxes[..., 0].astype(np.int64)
    many = own < ABSENT
    matched = places[np.where(many, -2 - own, np.maximum(own, 0))]
    classes = np.where(own == ABSENT, ABSENT, np.where(many, -2 - matched, matched))
    return np.concatenate([classes[..., None], boxes[..., 1:]], axis=-1, dtype=np.float32)
