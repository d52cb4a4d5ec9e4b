"""From which probability on boxes are best answered."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from plusx.data.box_rows import crowd
from plusx.tasks.found import OVERLAP, Found
from plusx.tasks.overlap import areas, intersections, overlaps

Rows = Float[np.ndarray, "longest 5"]
STEPS = 1000
"""Thresholds are multiples of a thousandth: people read them."""


def best_threshold(found: Sequence[Found], truth: Sequence[Rows]) -> float | None:
    """The probability from which on the boxes of all pictures and classes together have the highest F1; None where not
    one of them is right. Of equally good ones the highest.

    >>> boxes = np.array([[0.0, 0, 1, 1], [0, 0, 0.5, 0.5]])
    >>> one = Found(np.array([0, 0]), np.array([0.3, 0.1]), boxes)
    >>> best_threshold([one], [np.array([[0, 0.0, 0, 1, 0.9]])])
    0.3
    """
    probabilities = [np.zeros(0)]
    right = [np.zeros(0, bool)]
    for own, rows in zip(found, truth, strict=True):
        counted = ~_of_many(own, rows)
        probabilities.append(own.probabilities[counted])
        right.append(matched(own, rows)[counted])
    values, hits = np.concatenate(probabilities), np.concatenate(right)
    if not hits.any():
        return None
    there = sum(int((rows[:, 0] >= 0).sum()) for rows in truth)
    order = np.argsort(-values, kind="stable")
    values, hits = values[order], np.cumsum(hits[order])
    f1 = 2 * hits / (np.arange(1, len(hits) + 1) + there)
    # Boxes of one probability are answered together or not at all.
    last = np.append(values[1:] < values[:-1], True)
    best = values[last][np.argmax(f1[last])]
    return max(1, math.floor(STEPS * best)) / STEPS


def matched(found: Found, rows: Rows) -> Bool[np.ndarray, " boxes"]:
    """Which boxes, the likeliest first, are right: each takes the true box of its class that it overlaps most, by half
    at least, of those that no likelier one has taken."""
    rows = rows[rows[:, 0] >= 0]
    alike = found.classes[:, None] == rows[:, 0].astype(int)
    free = overlaps(found.boxes, rows[:, 1:].astype(np.float64)) * alike
    right = np.zeros(len(found.classes), bool)
    for place in range(len(right) if len(rows) else 0):
        nearest = int(np.argmax(free[place]))
        if free[place, nearest] >= OVERLAP:
            right[place] = True
            free[:, nearest] = 0
    return right


def _of_many(found: Found, rows: Rows) -> Bool[np.ndarray, " boxes"]:
    """Which boxes lie by half at least in a region of many of their class: they are neither right nor wrong."""
    rows = rows[rows[:, 0] < -1]
    if len(rows) == 0:
        return np.zeros(len(found.classes), bool)
    shared = intersections(found.boxes, rows[:, 1:].astype(np.float64))
    alike = found.classes[:, None] == np.asarray(crowd(rows[:, 0]), int)
    return ((shared >= OVERLAP * areas(found.boxes)[:, None]) & alike).any(1)
