"""What is wrong with single examples, by the numbers of the sketch: each modality's checks are a line of `CHECKS`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

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
    """Which examples have a fault, by the figures of all; and what to say of one, by its figures."""

    kind: str
    flagged: Callable[[Figures], Flagged]
    value: Callable[[Mapping[str, float]], str]


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


def _short(figures: Figures) -> Flagged:
    lengths = np.log(figures["duration_s"])
    return (figures["duration_s"] < SHORT_S) | (far(lengths, LENGTH_DEVIATIONS, LENGTH_LEAST) < 0)


CHECKS: Mapping[str, tuple[Check, ...]] = {
    "image": (
        Check("blank", _flat, lambda own: f"levels within {own['range']:.0f}"),
        Check("dark", _dark, lambda own: f"brightest level {own['brightest']:.0f}"),
        Check("overexposed", _overexposed, lambda own: f"darkest level {own['darkest']:.0f}"),
        Check("blurred", _blurred, lambda own: f"sharpness {own['sharpness']:.2f}"),
        Check("odd_size", _odd_size, lambda own: f"{own['width']:.0f} x {own['height']:.0f} pixels"),
        Check("one_class_mask", lambda all: all["mask_classes"] == 1, lambda own: "one class"),
        Check(
            "ignored_mask",
            lambda all: all["mask_ignored"] > IGNORED_SHARE,
            lambda own: f"{100 * own['mask_ignored']:.0f} % ignored",
        ),
    ),
    "sound": (
        Check("silent", lambda all: all["peak"] < SILENT, lambda own: f"peak {own['peak']:.5f} of 1"),
        Check(
            "clipped",
            lambda all: (all["clipped"] > CLIPPED) & (all["peak"] >= SILENT),
            lambda own: f"{100 * own['clipped']:.1f} % of samples at the peak",
        ),
        Check("short", _short, lambda own: f"{own['duration_s']:.3f} s"),
    ),
    "text": (
        Check(
            "odd_length",
            lambda all: far(np.log(all["length"]), LENGTH_DEVIATIONS, LENGTH_LEAST) != 0,
            lambda own: f"{own['length']:,.0f} bytes",
        ),
    ),
    "signal": (Check("constant", lambda all: all["range"] == 0, lambda own: "one value"),),
    "volume": (Check("constant", lambda all: all["range"] == 0, lambda own: "one value"),),
}
"""A modality without a check has none here."""


def checked(modality: str, figures: Figures) -> Iterator[tuple[str, int, str]]:
    """(kind, place, value) of every fault of a single example.

    >>> figures = {"range": np.array([0.0, 3.0], np.float32)}
    >>> list(checked("signal", figures))
    [('constant', 0, 'one value')]
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        flags = [(check, check.flagged(figures)) for check in CHECKS.get(modality, ())]
    for check, flagged in flags:
        for row in np.flatnonzero(flagged).tolist():
            yield check.kind, row, check.value({name: float(values[row]) for name, values in figures.items()})
