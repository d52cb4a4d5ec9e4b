"""Large pictures answered in overlapping tiles that are blended, a band of rows at a time: memory stays flat, seams
do not show.

A tile counts most in its middle and not at all near its inner edges, where the network misses what lies beyond.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float, UInt8

Pixels = UInt8[np.ndarray, "height width channels"]
Answer = Callable[[UInt8[np.ndarray, "batch height width channels"]], Float[np.ndarray, "batch classes height width"]]
"""Tiles -> each class's probability at each of their pixels."""

MARGIN = 1 / 8
"""The share of a tile's side that does not count, at an edge that another tile covers."""


def starts(length: int, tile: int, multiple: int = 1) -> list[int]:
    """Where tiles of `tile` begin that cover `length`, each overlapping the next by half or more.

    All but the last begin at a multiple of `multiple`, where that leaves the overlap.

    >>> starts(20, 8), starts(8, 8), starts(9, 8)
    ([0, 4, 8, 12], [0], [0, 1])
    """
    if length <= tile:
        return [0]
    step = max(tile // 2, 1)
    if step >= multiple:
        step -= step % multiple
    return [*range(0, length - tile, step), length - tile]


def window(tile: int, *, first: bool, last: bool) -> Float[np.ndarray, " {tile}"]:
    """How much each place of a tile counts: half a cosine's arch between the margins, all of it at a picture's edge.

    >>> [round(float(one), 2) for one in window(8, first=True, last=False)]
    [1.0, 1.0, 1.0, 1.0, 0.93, 0.5, 0.07, 0.0]
    """
    place = (np.arange(tile) + 0.5) / tile
    rising = np.clip((np.minimum(place, 1 - place) - MARGIN) / (0.5 - MARGIN), 0, 1)
    counts = np.sin(rising * np.pi / 2) ** 2
    if first:
        counts[: tile // 2] = 1
    if last:
        counts[-(tile // 2) :] = 1
    if first and last:
        counts[:] = 1
    return counts.astype(np.float32)


def tiled(
    pixels: Pixels, answer: Answer, tile: tuple[int, int], at_once: int, multiple: int = 32
) -> UInt8[np.ndarray, "height width"]:
    """The likeliest class of every pixel of a picture that is as large as a tile or larger.

    Args:
        pixels: the picture.
        answer: gives a batch of tiles' probabilities.
        tile: height and width of the tiles.
        at_once: tiles a batch.
        multiple: the network's stride, by multiples of which tiles should begin so that they see the same.
    """
    height, width = pixels.shape[:2]
    tops, lefts = starts(height, tile[0], multiple), starts(width, tile[1], multiple)
    mask = np.empty((height, width), np.uint8)
    band = np.empty(0)
    for number, top in enumerate(tops):
        down = window(tile[0], first=number == 0, last=top == tops[-1])
        row = _row(pixels[top : top + tile[0]], answer, lefts, tile[1], down, at_once)
        if number == 0:
            band = row
            continue
        # What lies above this row of tiles is complete. The sum of the weights is the same for all classes.
        done = top - tops[number - 1]
        mask[tops[number - 1] : top] = band[:, :done].argmax(0)
        band = _moved(band, done) + row
    mask[tops[-1] :] = band.argmax(0)
    return mask


def _row(
    pixels: Pixels, answer: Answer, lefts: list[int], tile: int, down: Float[np.ndarray, " height"], at_once: int
) -> Float[np.ndarray, "classes height width"]:
    """Probabilities times their weights, summed over a row of tiles."""
    height, width = pixels.shape[:2]
    summed = np.zeros((0, height, width), np.float32)
    for left, probabilities in _answered(pixels, answer, lefts, tile, at_once):
        if not len(summed):
            summed = np.zeros((len(probabilities), height, width), np.float32)
        across = window(tile, first=left == 0, last=left == lefts[-1])
        summed[:, :, left : left + tile] += probabilities * (down[:, None] * across)
    return summed


def _answered(
    pixels: Pixels, answer: Answer, lefts: list[int], tile: int, at_once: int
) -> Iterator[tuple[int, Float[np.ndarray, "classes height width"]]]:
    for first in range(0, len(lefts), at_once):
        those = lefts[first : first + at_once]
        yield from zip(those, answer(np.stack([pixels[:, left : left + tile] for left in those])), strict=True)


def _moved(band: np.ndarray, rows: int) -> np.ndarray:
    """The band moved up by so many rows; what comes in below is zero."""
    moved = np.zeros_like(band)
    if rows < band.shape[1]:
        moved[:, : band.shape[1] - rows] = band[:, rows:]
    return moved
