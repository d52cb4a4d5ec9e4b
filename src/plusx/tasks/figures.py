"""Figures that several tasks score with."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int


def precision_recall_f1(
    right: Int[np.ndarray, " classes"], predicted: Int[np.ndarray, " classes"], actual: Int[np.ndarray, " classes"]
) -> Float[np.ndarray, "3 classes"]:
    """Each class's precision, recall and F1, as shares of 1, from how often it was named rightly, named, and there.

    Without a denominator a figure is 0: the precision of what is never named, the recall of what never occurs.

    >>> precision_recall_f1(np.array([1, 0]), np.array([2, 0]), np.array([1, 3])).round(3).tolist()
    [[0.5, 0.0], [1.0, 0.0], [0.667, 0.0]]
    """
    named, there = np.maximum(predicted, 1), np.maximum(actual, 1)
    return np.stack([right / named, right / there, 2 * right / np.maximum(predicted + actual, 1)])
