"""What is wrong with single examples, by the numbers of the sketch: each modality's checks are a line of `CHECKS`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from plusx.data.audit.limits import centre_and_spread, far

Figures = Mapping[str, Float[np.ndarray, " count"]]
Flagged = Bool[np.ndarray, " count"]

FLAT = 8.0
"""Levels: JPEG's noise on one colour stays below."""
DARK, BRIGHT = 64.0, 224.0
SILENT = 10 ** (-60 / 20)
CLIPPED = 0.002
SHORT_S = 0.05
IGNORED_SHARE = 0.9
BLUR_DEVIATIONS, BLUR_LEAST = 4.0, float(np.log(2.0))
SIZE_DEVIATIONS, SIZE_LEAST = 5.0, float(np.log(1.5))
LENGTH_DEVIATIONS, LENGTH_LEAST = 5.0, float(np.log(4.0))


@dataclass(frozen=True)
class Check:
    """A fault of single examples.

    Args:
        kind: what it is called in `findings.KINDS`.
        flagged: which examples have it, by the figures of all.
        words: what to say of one, with its figures by their names in braces.
        worst: the figure whose lowest value is the worst; with a minus before it, the highest.
    """

    kind: str
    flagged: Callable[[Figures], Flagged]
    words: str
    worst: str


class Fault(NamedTuple):
    """A fault of the example at place `row`; the lower `order`, the worse."""

    kind: str
    row: int
    value: str
    order: float


def _dark(figures: Figures) -> Flagged:
    # A set of night skies is dark throughout: that is no fault of one.
    usual, _ = centre_and_spread(figures["brightest"])
    return (figures["brightest"] < min(DARK, usual / 2)) & ~_flat(figures)


def _overexposed(figures: Figures) -> Flagged:
    usual, _ = centre_and_spread(figures["darkest"])
    return (figures["darkest"] > max(BRIGHT, 255 - (255 - usual) / 2)) & ~_flat(figures)


def _blurred(figures: Figures) -> Flagged:
    return (far(figures["sharpness"], BLUR_DEVIATIONS, BLUR_LEAST) < 0) & ~_flat(figures)


def _odd_size(figures: Figures) -> Flagged:
    height, width = np.log(figures["height"]), np.log(figures["width"])
    size, shape = (height + width) / 2, height - width
    return (far(size, SIZE_DEVIATIONS, SIZE_LEAST) != 0) | (far(shape, SIZE_DEVIATIONS, SIZE_LEAST) != 0)


def _flat(figures: Figures) -> Flagged:
    return figures["range"] <= FLAT


def _mostly_ignored(figures: Figures) -> Flagged:
    return figures["mask_ignored"] > IGNORED_SHARE


def _constant(figures: Figures) -> Flagged:
    return figures["range"] == 0


def _silent(figures: Figures) -> Flagged:
    return figures["peak"] < SILENT


def _clipped(figures: Figures) -> Flagged:
    return (figures["clipped"] > CLIPPED) & (figures["peak"] >= SILENT)


def _odd_length(figures: Figures) -> Flagged:
    return far(np.log(figures["length"]), LENGTH_DEVIATIONS, LENGTH_LEAST) != 0


def _short(figures: Figures) -> Flagged:
    lengths = np.log(figures["duration_s"])
    return (figures["duration_s"] < SHORT_S) | (far(lengths, LENGTH_DEVIATIONS, LENGTH_LEAST) < 0)


CHECKS: Mapping[str, tuple[Check, ...]] = {
    "image": (
        Check("blank", _flat, "levels within {range:.0f}", "range"),
        Check("dark", _dark, "brightest level {brightest:.0f}", "brightest"),
        Check("overexposed", _overexposed, "darkest level {darkest:.0f}", "-darkest"),
        Check("blurred", _blurred, "sharpness {sharpness:.2f}", "sharpness"),
        Check("odd_size", _odd_size, "{width:.0f} x {height:.0f} pixels", "height"),
        Check("one_class_mask", lambda all: all["mask_classes"] == 1, "one class", "mask_classes"),
        Check("ignored_mask", _mostly_ignored, "{mask_ignored:.0%} ignored", "-mask_ignored"),
    ),
    "sound": (
        Check("silent", _silent, "peak {peak:.5f} of 1", "peak"),
        Check("clipped", _clipped, "{clipped:.1%} of samples stay at the peak", "-clipped"),
        Check("short", _short, "{duration_s:.3f} s", "duration_s"),
    ),
    "text": (Check("odd_length", _odd_length, "{length:,.0f} bytes", "length"),),
    "signal": (Check("constant", _constant, "one value", "range"),),
    "volume": (Check("constant", _constant, "one value", "range"),),
}
"""A modality without a check has none here."""
EMPTY = ("blank", "constant", "silent")
"""What shows nothing."""


def faults(modality: str, figures: Figures) -> Iterator[Fault]:
    """Every fault of a single example.

    >>> list(faults("signal", {"range": np.array([0.0, 3.0], np.float32)}))
    [Fault(kind='constant', row=0, value='one value', order=0.0)]
    """
    for check in CHECKS.get(modality, ()):
        # Figures of unreadable examples are NaN: they are never flagged.
        with np.errstate(invalid="ignore", divide="ignore"):
            flagged = check.flagged(figures)
        for row in np.flatnonzero(flagged).tolist():
            own = {name: float(values[row]) for name, values in figures.items()}
            order = -own[check.worst[1:]] if check.worst.startswith("-") else own[check.worst]
            yield Fault(check.kind, row, check.words.format(**own), order)
