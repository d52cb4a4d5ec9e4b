"""Blur: out of focus, behind frosted glass, moved, zoomed."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from plusx.evaluate.corrupt.pictures import Planes, Randoms, corruption, side_of, uniforms
from plusx.evaluate.corrupt.resample import blurred, enlarged, kernels_of, smoothed
from plusx.evaluate.corrupt.table import Table

RADIUS = Table((0.3, 0.4, 0.5, 1, 1.5), (3, 4, 6, 8, 10), length=True)
FINENESS = 48
"""So many points across a disc of focus: enough that its kernel is smooth."""

GLASS_SIGMA = Table((0.05, 0.25, 0.4, 0.25, 0.4), (0.7, 0.9, 1, 1.1, 1.5), length=True)
GLASS_REACH = Table((1, 1, 1, 1, 1), (1, 2, 2, 3, 4), length=True)
GLASS_TIMES = Table((1, 1, 1, 2, 2), (2, 1, 3, 2, 2))

MOTION_RADIUS = Table((6, 6, 6, 8, 9), (10, 15, 15, 15, 20), length=True)
MOTION_SIGMA = Table((1, 1.5, 2, 2, 2.5), (3, 5, 8, 12, 15), length=True)

ZOOMED_TO = Table((1.05, 1.10, 1.15, 1.20, 1.25), (1.10, 1.15, 1.20, 1.24, 1.30))
ZOOM_STEP = Table((0.01, 0.01, 0.01, 0.01, 0.01), (0.01, 0.01, 0.02, 0.02, 0.03))


@corruption
def defocus_blur(planes: Planes, severity: int, randoms: Randoms) -> Planes:
    """A point becomes a disc of this radius.

    The published kernels are discs on the pixels' grid, blurred a little; this is the mean over moves by all points of
    the disc, which is much the same at these radii, and goes on below one pixel.
    """
    radius = RADIUS.at(severity, side_of(planes))
    line = (np.arange(FINENESS) + 0.5) / FINENESS * 2 - 1
    down, right = (axis.ravel() for axis in np.meshgrid(line, line, indexing="ij"))
    inside = down**2 + right**2 <= 1
    kernel = kernels_of(radius * down[None, inside], radius * right[None, inside], np.ones(inside.sum()))
    return blurred(planes, kernel)


@corruption
def glass_blur(planes: Planes, severity: int, randoms: Randoms) -> Planes:
    """Pixels change places with neighbours, between two light blurs."""
    side = side_of(planes)
    sigma = GLASS_SIGMA.at(severity, side)
    reach = max(1, round(GLASS_REACH.at(severity, side)))
    times = round(GLASS_TIMES.at(severity, side))
    count, channels, height, width = planes.shape
    order = shuffled_nearby((height, width), reach, times, randoms)
    flat = smoothed(planes, sigma).reshape(count, channels, -1)
    return smoothed(np.take_along_axis(flat, order[:, None], axis=2).reshape(planes.shape), sigma)


def shuffled_nearby(size: tuple[int, int], reach: int, times: int, randoms: Randoms) -> Int[np.ndarray, "count places"]:
    """The places of a picture of (height, width), by rows, each changed with one of those up to `reach` away: row by
    row from the lower right, so that some go a long way."""
    height, width = size
    order = np.repeat(np.arange(height * width)[:, None], len(randoms), axis=1)
    which = np.arange(len(randoms))
    for _ in range(times):
        moves = np.floor(2 * reach * uniforms(randoms, height * width, 2)).astype(int) - reach
        rows, columns = np.divmod(np.arange(height * width), width)
        rows = (rows + moves[..., 0]).clip(0, height - 1)
        columns = (columns + moves[..., 1]).clip(0, width - 1)
        # By place, then example, so that each step works on numbers that lie side by side.
        partners = np.ascontiguousarray((rows * width + columns).T)
        for here in range(height * width - 1, -1, -1):
            there = partners[here]
            kept = order[here].copy()
            order[here] = order[there, which]
            order[there, which] = kept
    return order.T


@corruption
def motion_blur(planes: Planes, severity: int, randoms: Randoms) -> Planes:
    """A point is drawn out to one side, up to 45 degrees from level, and fades as half a Gaussian does."""
    side = side_of(planes)
    angles = np.pi * (uniforms(randoms) / 2 - 0.25)
    return moved(planes, MOTION_RADIUS.at(severity, side), MOTION_SIGMA.at(severity, side), angles)


def moved(planes: Planes, radius: float, sigma: float, angles: np.ndarray) -> Planes:
    """Drawn out along each example's angle, in radians from level to the lower right, by up to twice the radius."""
    steps = np.arange(2 * np.ceil(radius) + 1)
    weights = np.exp(-(steps**2) / (2 * sigma**2))
    return blurred(planes, kernels_of(np.sin(angles)[:, None] * steps, np.cos(angles)[:, None] * steps, weights))


@corruption
def zoom_blur(planes: Planes, severity: int, randoms: Randoms) -> Planes:
    """The mean of the picture and of its middle, enlarged step by step."""
    side = side_of(planes)
    largest = ZOOMED_TO.at(severity, side)
    factors = np.linspace(1, largest, round((largest - 1) / ZOOM_STEP.at(severity, side)) + 1)
    total = planes + sum(enlarged(planes, factor) for factor in factors)
    return total / np.float32(len(factors) + 1)
