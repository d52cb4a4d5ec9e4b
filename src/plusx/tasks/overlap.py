"""How much boxes overlap."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def overlaps(
    ours: Float[np.ndarray, "ours 4"], theirs: Float[np.ndarray, "theirs 4"]
) -> Float[np.ndarray, "ours theirs"]:
    """Each pair's intersection over union; boxes are (x0, y0, x1, y1).

    >>> overlaps(np.array([[0.0, 0, 2, 1]]), np.array([[1.0, 0, 3, 1], [0, 0, 2, 1], [5, 5, 6, 6]])).round(3).tolist()
    [[0.333, 1.0, 0.0]]
    """
    shared = intersections(ours, theirs)
    union = areas(ours)[:, None] + areas(theirs) - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def intersections(
    ours: Float[np.ndarray, "ours 4"], theirs: Float[np.ndarray, "theirs 4"]
) -> Float[np.ndarray, "ours theirs"]:
    """Each pair's shared area.

    >>> intersections(np.array([[0.0, 0, 2, 1]]), np.array([[1.0, 0, 3, 1], [5, 5, 6, 6]])).tolist()
    [[1.0, 0.0]]
    """
    low = np.maximum(ours[:, None, :2], theirs[:, :2])
    high = np.minimum(ours[:, None, 2:], theirs[:, 2:])
    return np.clip(high - low, 0, None).prod(2)


def areas(boxes: Float[np.ndarray, "boxes 4"]) -> Float[np.ndarray, " boxes"]:
    """Each box's area, in the unit of its sides squared."""
    return (boxes[:, 2:] - boxes[:, :2]).prod(1)
