"""Heat over pictures: one of matplotlib's perceptually even colour maps, as dense as the heat is strong."""

from __future__ import annotations

from math import ceil

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image, ImageDraw

SEQUENTIAL, DIVERGING = "inferno", "managua"
"""For heat from 0 to 1, and from -1 to 1: yellow against the answer, blue for it, dark in between."""
DENSE = 0.8
"""The share of the heat's colour where it is largest."""
LEAST_SIDE = 256
"""Smaller pictures are drawn larger, in square pixels."""

Heat = Float[np.ndarray, "height width"]
Colours = UInt8[np.ndarray, "height width 3"]


def colours(heat: Float[np.ndarray, "*shape"], *, signed: bool) -> UInt8[np.ndarray, "*shape 3"]:
    """The colours of heat.

    >>> colours(np.array([0.0, 1.0]), signed=False).tolist()
    [[0, 0, 4], [252, 255, 164]]
    """
    from matplotlib import colormaps

    share = (heat + 1) / 2 if signed else np.clip(heat, 0, 1)
    return (colormaps[DIVERGING if signed else SEQUENTIAL](share)[..., :3] * 255).round().astype(np.uint8)


def over(levels: UInt8[np.ndarray, "height width"], heat: Heat, *, signed: bool) -> Colours:
    """A grey picture with heat over it; where there is none it stays as it is.

    >>> over(np.full((1, 2), 100, np.uint8), np.array([[0.0, 1.0]]), signed=False).tolist()
    [[[100, 100, 100], [222, 224, 151]]]
    """
    share = DENSE * np.clip(np.abs(heat) if signed else heat, 0, 1)[..., None]
    return (levels[..., None] * (1 - share) + colours(heat, signed=signed) * share).round().astype(np.uint8)


def enlarged(pixels: np.ndarray) -> np.ndarray:
    """Each pixel as a square of several, so that the longer side has 256 at least.

    >>> enlarged(np.zeros((28, 20, 3), np.uint8)).shape
    (280, 200, 3)
    """
    by = ceil(LEAST_SIDE / max(pixels.shape[:2]))
    return pixels.repeat(by, axis=0).repeat(by, axis=1)


def outlined(picture: Colours, region: Bool[np.ndarray, "height width"]) -> Colours:
    """The picture with a white line, between dark ones, around a region."""
    edge = np.zeros_like(region)
    for axis in (0, 1):
        differs = np.diff(region, axis=axis)
        after = [(0, 0), (0, 0)]
        after[axis] = (1, 0)
        edge |= np.pad(differs, after)
    drawn = picture.copy()
    around = np.pad(edge, 1)
    drawn[around[2:, 1:-1] | around[:-2, 1:-1] | around[1:-1, 2:] | around[1:-1, :-2]] = 0
    drawn[edge] = 255
    return drawn


def boxed(picture: Colours, box: Float[np.ndarray, " 4"]) -> Colours:
    """The picture with a white box, between dark lines; its corners are shares of the sides."""
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    left, top, right, bottom = (box * np.array(image.size * 2)).round().astype(int).tolist()
    right, bottom = max(left, right - 1), max(top, bottom - 1)
    for by, colour in ((-1, "black"), (1, "black"), (0, "white")):
        if right - by >= left + by and bottom - by >= top + by:
            draw.rectangle((left + by, top + by, right - by, bottom - by), outline=colour)
    return np.array(image)
