"""Scores of masks, counted batch by batch: only counts are kept, never the masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from plusx.tasks.figures import precision_recall_f1

IGNORED = 255
REACH = 2
"""Pixels by which a boundary may be off and still count as found."""


class MaskScores:
    """What is counted of masks and the outputs for them.

    >>> found = MaskScores(2)
    >>> found.add(np.array([[[[0.0, 0.0]], [[9.0, 9.0]]]]), np.array([[[1, 0]]], np.uint8))
    >>> found.scores(["sky", "road"])["mean_iou"]
    0.25
    """

    def __init__(self, classes: int):
        self._confusion = np.zeros((classes, classes), np.int64)
        self._count = 0
        self._accuracy = self._loss = 0.0
        self._boundary: list[float] = []

    def add(
        self, outputs: Float[np.ndarray, "batch classes height width"], targets: UInt8[np.ndarray, "batch height width"]
    ) -> None:
        """Counts a batch."""
        losses, predicted = _losses(outputs, targets), outputs.argmax(1)
        for loss, mask, true in zip(losses, predicted, targets, strict=True):
            asked = true != IGNORED
            total = max(int(asked.sum()), 1)
            self._count += 1
            self._loss += float(loss[asked].sum()) / total
            self._accuracy += int((mask[asked] == true[asked]).sum()) / total
            self._confusion += confusion(true[asked], mask[asked], len(self._confusion))
            self._boundary += boundary_scores(mask, true)

    def scores(self, classes: Sequence[str]) -> dict[str, Any]:
        """Shares of 1: `accuracy` is the mean over the examples of each one's share of right pixels, `pixel_accuracy`
        the share of all pixels; `mean_iou` and `mean_dice` are means over the classes that occur, in the masks or in
        the answers. `boundary_f` (Csurka et al., BMVC 2013, section 2.3) is the mean over each example's classes of the
        F1 of their boundaries' pixels, of which those count that the other boundary comes within 2 pixels of. `loss` is
        the mean cross-entropy. Rows of the confusion matrix are the true classes, columns the predicted.

        Raises:
            ValueError: there is no example.
        """
        if self._count == 0:
            raise ValueError("no example to score")
        right, actual, named = np.diag(self._confusion), self._confusion.sum(1), self._confusion.sum(0)
        figures = precision_recall_f1(right, named, actual)
        union = actual + named - right
        iou, occurs = right / np.maximum(union, 1), union > 0
        return {
            "count": self._count,
            "accuracy": self._accuracy / self._count,
            "pixel_accuracy": float(right.sum() / max(actual.sum(), 1)),
            "mean_iou": float(iou[occurs].mean()) if occurs.any() else 0.0,
            "mean_dice": float(figures[2][occurs].mean()) if occurs.any() else 0.0,
            "boundary_f": float(np.mean(self._boundary)) if self._boundary else 1.0,
            "loss": self._loss / self._count,
            "per_class": [
                {
                    "label": label,
                    "count": int(n),
                    "precision": float(p),
                    "recall": float(r),
                    "f1": float(f),
                    "iou": float(i),
                }
                for label, n, (p, r, f), i in zip(classes, actual, figures.T, iou, strict=True)
            ],
            "confusion": self._confusion.tolist(),
        }


def confusion(true: Int[np.ndarray, " pixels"], predicted: Int[np.ndarray, " pixels"], classes: int) -> np.ndarray:
    """How many pixels of each true class (rows) are predicted as each (columns)."""
    both = true.astype(np.int64) * classes + predicted
    return np.bincount(both, minlength=classes**2).reshape(classes, classes)


def boundary_scores(predicted: Int[np.ndarray, "height width"], true: UInt8[np.ndarray, "height width"]) -> list[float]:
    """The boundary F1 of each class that has a boundary in the mask or in the answer.

    A boundary is the class's pixels beside another class's. Pixels that are ignored, and those beside them, belong to
    none.
    """
    from scipy.ndimage import binary_dilation

    ignored = np.asarray(binary_dilation(true == IGNORED, np.ones((3, 3), bool)), bool)
    scores: list[float] = []
    for place in np.union1d(np.unique(predicted[~ignored]), np.unique(true[~ignored])):
        ours, theirs = _boundary(predicted == place, ignored), _boundary(true == place, ignored)
        if ours.any() or theirs.any():
            scores.append(_boundary_f1(ours, theirs))
    return scores


def _boundary(inside: Bool[np.ndarray, "height width"], ignored: Bool[np.ndarray, "height width"]) -> np.ndarray:
    beside = np.zeros_like(inside)
    for axis in (0, 1):
        differs = np.diff(inside, axis=axis)
        before, after = [(0, 0), (0, 0)], [(0, 0), (0, 0)]
        before[axis], after[axis] = (0, 1), (1, 0)
        beside |= np.pad(differs, before) | np.pad(differs, after)
    return inside & beside & ~ignored


def _boundary_f1(ours: np.ndarray, theirs: np.ndarray) -> float:
    if not (ours.any() and theirs.any()):
        return 0.0
    precision, recall = (_near(one, other) for one, other in ((ours, theirs), (theirs, ours)))
    return 2 * precision * recall / max(precision + recall, 1e-12)


def _near(boundary: np.ndarray, other: np.ndarray) -> float:
    """The share of a boundary's pixels that the other one comes within `REACH` of."""
    from scipy.ndimage import distance_transform_edt

    distance = np.asarray(distance_transform_edt(~other))
    return float((distance[boundary] <= REACH).mean())


def _losses(outputs: np.ndarray, targets: np.ndarray) -> Float[np.ndarray, "batch height width"]:
    """The cross-entropy of each pixel, in float64; of ignored ones any number."""
    shifted = outputs.astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    own = np.where(targets == IGNORED, 0, targets).astype(np.int64)[:, None]
    return np.log(np.exp(shifted).sum(axis=1)) - np.take_along_axis(shifted, own, axis=1)[:, 0]
