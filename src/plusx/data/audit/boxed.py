"""What is wrong with boxes, by themselves."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from plusx.data.box_rows import ABSENT
from plusx.data.sources import Samples

LEAST = 1.0
"""Pixels of a side, below which nothing can be in a box."""


def wrong_boxes(samples: Samples) -> Iterator[tuple[str, int, str]]:
    """(kind, place, value) of pictures without boxes, and of those with a box less than a pixel wide or high."""
    if not samples.boxed:
        return
    boxes = samples.targets
    there = boxes[..., 0] != ABSENT
    for row in np.flatnonzero(~there.any(axis=1)).tolist():
        yield "no_boxes", row, "none"
    sides = boxes[..., 3:] - boxes[..., 1:3]
    thin = there & (sides < LEAST).any(axis=-1)
    for row in np.flatnonzero(thin.any(axis=1)).tolist():
        width, height = sides[row, int(thin[row].argmax())].tolist()
        yield "degenerate_box", row, f"{width:g} x {height:g} pixels"
