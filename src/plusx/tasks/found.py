"""From a detector's outputs to boxes, in NumPy.

Outputs `(classes + 8, anchors)` are an example's class logits, the offsets of its boxes, and the anchors that they are
of, in shares of the picture's sides (`plusx.model.boxes`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from plusx.tasks.overlap import overlaps

MOST_CANDIDATES, MOST = 1000, 100
LEAST, OVERLAP = 0.05, 0.5
"""Boxes are scored from this probability on; of two of a class that overlap so, the likelier one is answered."""
LARGEST_OFFSET = float(np.log(1000 / 16))
"""A box is at most so many times as large as its anchor, as in torchvision."""

Outputs = Float[np.ndarray, "outputs anchors"]


class Found(NamedTuple):
    """Boxes, the likeliest first: classes, probabilities, and (x0, y0, x1, y1) in shares of the picture's sides."""

    classes: Int[np.ndarray, " boxes"]
    probabilities: Float[np.ndarray, " boxes"]
    boxes: Float[np.ndarray, "boxes 4"]


def found_in(outputs: Outputs, least: float = LEAST) -> Found:
    """The likeliest boxes, at most 100, without those that overlap a likelier one of their class by half or more.

    >>> outputs = np.array([[9.0, 8.0, -9.0], *np.zeros((4, 3)), *np.array([[0, 0, 1, 1]] * 3).T])
    >>> found_in(outputs).boxes.tolist()
    [[0.0, 0.0, 1.0, 1.0]]
    """
    logits = outputs[:-8]
    classes, anchors = np.nonzero(logits >= _log_odds(least))
    values = logits[classes, anchors]
    likeliest = np.argsort(-values, kind="stable")[:MOST_CANDIDATES]
    classes, anchors, values = classes[likeliest], anchors[likeliest], values[likeliest]
    boxes = np.clip(decoded(outputs[:, anchors]), 0, 1)
    kept = np.flatnonzero(_unlike(boxes, classes))[:MOST]
    return Found(classes[kept], 1 / (1 + np.exp(-values[kept].astype(np.float64))), boxes[kept])


def decoded(outputs: Outputs) -> Float[np.ndarray, "anchors 4"]:
    """The boxes that offsets make of their anchors (arXiv 1311.2524, appendix C)."""
    x, y, across, down = outputs[-8:-4].astype(np.float64)
    left, top, right, bottom = outputs[-4:].astype(np.float64)
    width, height = right - left, bottom - top
    middle_x, middle_y = left + width / 2 + x * width, top + height / 2 + y * height
    half_x = np.exp(np.minimum(across, LARGEST_OFFSET)) * width / 2
    half_y = np.exp(np.minimum(down, LARGEST_OFFSET)) * height / 2
    return np.stack([middle_x - half_x, middle_y - half_y, middle_x + half_x, middle_y + half_y], axis=1)


def share_found(outputs: Outputs, rows: Float[np.ndarray, "longest 5"], least: float) -> float:
    """The share of the true boxes that some box of their class, at least so probable, overlaps by half; 1 of none."""
    rows = rows[rows[:, 0] >= 0]
    if len(rows) == 0:
        return 1.0
    classes, anchors = np.nonzero(outputs[:-8] >= _log_odds(least))
    alike = classes[:, None] == rows[:, 0].astype(int)
    near = overlaps(decoded(outputs[:, anchors]), rows[:, 1:].astype(np.float64)) >= OVERLAP
    return float((alike & near).any(0).mean())


def _unlike(boxes: Float[np.ndarray, "boxes 4"], classes: Int[np.ndarray, " boxes"]) -> Bool[np.ndarray, " boxes"]:
    """Which boxes, the likeliest first, overlap no kept one of their class."""
    same = (overlaps(boxes, boxes) > OVERLAP) & (classes[:, None] == classes)
    kept = np.ones(len(boxes), bool)
    for place in range(len(boxes)):
        if kept[place]:
            kept[place + 1 :] &= ~same[place, place + 1 :]
    return kept


def _log_odds(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))
