"""Weather: snow, frost on the glass, fog, strong light."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from plusx.evaluate.corrupt.blur import moved
from plusx.evaluate.corrupt.frost import frosted_glass
from plusx.evaluate.corrupt.pictures import Planes, Randoms, corruption, normals, side_of, uniforms
from plusx.evaluate.corrupt.resample import enlarged
from plusx.evaluate.corrupt.table import Table

SNOW_MEAN = Table((0.1, 0.1, 0.15, 0.25, 0.3), (0.1, 0.2, 0.55, 0.55, 0.55))
SNOW_DEVIATION = Table((0.2, 0.2, 0.3, 0.3, 0.3), (0.3, 0.3, 0.3, 0.3, 0.3))
FLAKE = Table((1, 1, 1.75, 2.25, 1.25), (3, 2, 4, 4.5, 2.5))
SNOW_FROM = Table((0.6, 0.5, 0.55, 0.6, 0.65), (0.5, 0.5, 0.9, 0.85, 0.85))
FALL_RADIUS = Table((8, 10, 10, 12, 14), (10, 12, 12, 12, 12), length=True)
FALL_SIGMA = Table((3, 4, 4, 6, 12), (4, 4, 8, 8, 12), length=True)
SNOW_KEPT = Table((0.95, 0.9, 0.9, 0.85, 0.8), (0.8, 0.7, 0.7, 0.65, 0.55))

FROST_KEPT = Table((1, 1, 0.9, 0.85, 0.75), (1, 0.8, 0.7, 0.65, 0.6))
FROST = Table((0.2, 0.3, 0.4, 0.4, 0.45), (0.4, 0.6, 0.7, 0.7, 0.75))
ICE = (0.88, 0.95, 1.0)
"""Red, green and blue of ice in white light."""

FOG = Table((0.2, 0.5, 0.75, 1, 1.5), (1.5, 2, 2.5, 2.5, 3))
FOG_DECAY = Table((3, 3, 2.5, 2, 1.75), (2, 2, 1.7, 1.5, 1.4))

LIGHT = Table((0.05, 0.1, 0.15, 0.2, 0.3), (0.1, 0.2, 0.3, 0.4, 0.5))
LUMA = (0.299, 0.587, 0.114)
"""Red, green and blue in a grey level (ITU-R BT.601)."""


@corruption
def snow(planes: Planes, severity: int, randoms: Randoms) -> Planes:
    """Flakes that fall to both sides, over a picture that is paler."""
    side, (height, width) = side_of(planes), planes.shape[2:]
    noise = SNOW_MEAN.at(severity, side) + SNOW_DEVIATION.at(severity, side) * normals(randoms, 1, height, width)
    flakes = enlarged(noise, FLAKE.at(severity, side))
    flakes = np.where(flakes < SNOW_FROM.at(severity, side), 0, flakes).clip(0, 1)
    angles = np.pi * (0.25 + uniforms(randoms) / 2)
    flakes = moved(flakes, FALL_RADIUS.at(severity, side), FALL_SIGMA.at(severity, side), angles)
    kept = SNOW_KEPT.at(severity, side)
    pale = np.maximum(planes, 1.5 * grey_of(planes) + 0.5)
    return kept * planes + (1 - kept) * pale + flakes + flakes[..., ::-1, ::-1]


def grey_of(planes: Planes) -> Float[np.ndarray, "count 1 height width"]:
    """Grey levels: of colours as BT.601 weighs them."""
    if planes.shape[1] != 3:
        return planes.mean(1, keepdims=True)
    return np.tensordot(np.array(LUMA, np.float32), planes, axes=(0, 1))[:, None]


@corruption
def frost(planes: Planes, severity: int, randoms: Randoms) -> Planes:
    """Ice on the glass in front. The published one pastes photographs of it; here it grows from random numbers."""
    side = side_of(planes)
    ice = frosted_glass(randoms, planes.shape[2:])[:, None]
    colours = np.array(ICE, np.float32).reshape(3, 1, 1) if planes.shape[1] == 3 else np.float32(np.mean(ICE))
    return FROST_KEPT.at(severity, side) * planes + FROST.at(severity, side) * colours * ice


@corruption
def fog(planes: Planes, severity: int, randoms: Randoms) -> Planes:
    """Light from drifts of fog, the whole then as bright as before."""
    side, (height, width) = side_of(planes), planes.shape[2:]
    thickness = FOG.at(severity, side)
    drifts = plasma(randoms, max(height, width), FOG_DECAY.at(severity, side))[:, None, :height, :width]
    brightest = planes.max((1, 2, 3), keepdims=True)
    return (planes + thickness * drifts) * brightest / (brightest + thickness)


def plasma(randoms: Randoms, side: int, decay: float) -> Float[np.ndarray, "count size size"]:
    """A fractal of the diamond-square algorithm (Fournier, Fussell, Carpenter 1982), from 0 to 1, as large as the next
    power of two. The chance of each finer level is `decay` times less."""
    size = 1 << max(1, (side - 1).bit_length())
    chance = 2 * uniforms(randoms, size, size) - 1
    heights = np.zeros_like(chance)
    step, reach = size, 1.0
    while step > 1:
        half = step // 2
        corners = heights[:, ::step, ::step]
        across = corners + np.roll(corners, -1, 2)
        middles = (across + np.roll(across, -1, 1)) / 4 + reach * chance[:, half::step, half::step]
        heights[:, half::step, half::step] = middles
        # An edge's middle lies between two corners and two squares' middles; the last square is beside the first.
        level = across + middles + np.roll(middles, 1, 1)
        heights[:, ::step, half::step] = level / 4 + reach * chance[:, ::step, half::step]
        upright = corners + np.roll(corners, -1, 1) + middles + np.roll(middles, 1, 2)
        heights[:, half::step, ::step] = upright / 4 + reach * chance[:, half::step, ::step]
        step, reach = half, reach / decay
    lowest, highest = heights.min((1, 2), keepdims=True), heights.max((1, 2), keepdims=True)
    return (heights - lowest) / np.maximum(highest - lowest, 1e-12)


@corruption
def brightness(planes: Planes, severity: int, randoms: Randoms) -> Planes:
    """The largest of a pixel's channels, its value, is raised by so much; its hue and saturation stay."""
    value = planes.max(1, keepdims=True)
    raised = np.minimum(value + np.float32(LIGHT.at(severity, side_of(planes))), 1)
    # Black has no hue: it becomes grey.
    return np.where(value > 0, planes * (raised / np.where(value > 0, value, 1)), raised)
