"""Pictures as an audit sees them: pixels of at most 256 a side, their light and sharpness, and small grey copies."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, UInt8

from plusx.data.boxes import Boxed, BoxedSpec
from plusx.data.image import ImageSpec, peek_size
from plusx.data.masked import MaskedSpec
from plusx.data.masks import IGNORED, Pair

SIDE = 256
"""Longer sides are reduced to it: blur and light are comparable then, and large JPEGs decode fast."""
OWN = ("height", "width", "mask_classes", "mask_ignored")
"""What is known of a picture's file; NaN of a mask that there is not."""
DARKEST, BRIGHTEST = 5, 99
"""Percentiles."""
LEAST_SIDE = 16
"""Smaller pictures are all edges: their sharpness says nothing of blur."""


def read_picture(source: Any) -> tuple[UInt8[np.ndarray, "height width channels"], tuple[float, ...]]:
    """(pixels, `OWN` numbers) of what a source gave: a picture, or one with its mask or boxes; grey has one channel.

    Raises:
        BadSample: it cannot be used; so do a mask or boxes of another size than the picture's.
    """
    height, width, channels = peek_size(source.picture if isinstance(source, Pair | Boxed) else source)
    scale = min(1.0, SIDE / max(height, width))
    spec = _spec(max(1, round(height * scale)), max(1, round(width * scale)), channels)
    classes = ignored = float("nan")
    if isinstance(source, Pair):
        pixels, mask = MaskedSpec(spec).split(MaskedSpec(spec).prepare(source))
        ignored = float((mask == IGNORED).mean())
        classes = float(len(np.unique(mask[mask != IGNORED])))
    else:
        pixels = BoxedSpec(spec).prepare(source) if isinstance(source, Boxed) else spec.prepare(source)
    if pixels.shape[2] == 3 and (pixels == pixels[..., :1]).all():
        pixels = np.ascontiguousarray(pixels[..., :1])
    return pixels, (float(height), float(width), classes, ignored)


@lru_cache(maxsize=1024)
def _spec(height: int, width: int, channels: int) -> ImageSpec:
    return ImageSpec(height=height, width=width, channels=3 if channels == 3 else 1, fit="stretch")


def grey(pixels: UInt8[np.ndarray, "examples height width channels"]) -> Float32[np.ndarray, "examples height width"]:
    """The mean of the channels, 0 to 255."""
    return pixels[..., 0].astype(np.float32) if pixels.shape[-1] == 1 else pixels.mean(axis=-1, dtype=np.float32)


def picture_figures(pixels: UInt8[np.ndarray, "examples height width channels"]) -> Float[np.ndarray, "examples 4"]:
    """Each picture's range, darkest and brightest levels (5 and 99 of 100 pixels are below), and sharpness.

    Sharpness is the logarithm of the Laplacian's variance over the picture's own: neither contrast nor the amount of
    ink changes it much, blur does. NaN where there is nothing to see.

    >>> flat, edge = np.zeros((1, 16, 16, 1), np.uint8), np.zeros((1, 16, 16, 1), np.uint8)
    >>> edge[:, 8:] = 200
    >>> picture_figures(np.concatenate([flat, edge])).round(2).tolist()
    [[0.0, 0.0, 0.0, nan], [200.0, 0.0, 200.0, -0.56]]
    """
    levels = grey(pixels)
    flat = levels.reshape(len(levels), -1)
    last = flat.shape[1] - 1
    places = [round(last * share / 100) for share in (DARKEST, BRIGHTEST)]
    ordered = np.partition(flat, places, axis=1)
    reach = flat.max(axis=1) - flat.min(axis=1)
    return np.stack([reach, ordered[:, places[0]], ordered[:, places[1]], sharpness(levels)], axis=1)


def sharpness(levels: Float32[np.ndarray, "examples height width"]) -> Float[np.ndarray, " examples"]:
    """The logarithm of the variance of each picture's Laplacian over its own variance."""
    if min(levels.shape[1:]) < LEAST_SIDE:
        return np.full(len(levels), np.nan)
    inner = levels[:, 1:-1, 1:-1]
    around = levels[:, :-2, 1:-1] + levels[:, 2:, 1:-1] + levels[:, 1:-1, :-2] + levels[:, 1:-1, 2:]
    bends = (around - 4 * inner).var(axis=(1, 2), dtype=np.float64)
    own = inner.var(axis=(1, 2), dtype=np.float64)
    seen = (own > 0) & (bends > 0)
    return np.where(seen, np.log(np.where(seen, bends, 1) / np.where(seen, own, 1)), np.nan)


def thumbs(
    pixels: UInt8[np.ndarray, "examples height width channels"], side: int
) -> UInt8[np.ndarray, "examples side side"]:
    """Grey copies of side x side pixels, whatever the pictures' shape; by area, so that nothing aliases.

    >>> thumbs(np.array([[[[0], [100]], [[100], [200]]]], np.uint8), 1).tolist()
    [[[100]]]
    """
    levels = grey(pixels)
    height, width = levels.shape[1:]
    if (height, width) != (side, side):
        levels = _areas(height, side) @ levels @ _areas(width, side).T
    return np.clip(np.round(levels), 0, 255).astype(np.uint8)


@lru_cache(maxsize=1024)
def _areas(length: int, side: int) -> Float32[np.ndarray, "side length"]:
    """The share of each of `length` old pixels in each of `side` new ones."""
    edges = np.linspace(0, length, side + 1)
    starts = np.arange(length)
    overlap = np.minimum(edges[1:, None], starts + 1) - np.maximum(edges[:-1, None], starts)
    return (np.maximum(overlap, 0) / (length / side)).astype(np.float32)
