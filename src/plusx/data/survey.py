"""A look at some of the examples, by which the automatic choices are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from plusx.data.image import BadSample, ImageSpec, peek_size
from plusx.data.sources import Samples
from plusx.errors import PlusxError

LOOKED_AT = 256


@dataclass(frozen=True)
class Facts:
    """What a set of pictures is like.

    Args:
        count: training examples.
        classes: how many there are.
        height: the median, in pixels.
        width: the median, in pixels.
        same_size: whether all that were looked at have one size.
        channels: 1 if all that were looked at are grey, else 3.
        mean: of each channel, 0 to 255.
        std: of each channel, 0 to 255.
    """

    count: int
    classes: int
    height: int
    width: int
    same_size: bool
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


def survey(samples: Samples) -> Facts:
    """Looks at up to 256 examples, evenly spaced; those that cannot be read are passed over.

    Raises:
        PlusxError: none can be read.
    """
    chosen = np.unique(np.linspace(0, len(samples) - 1, min(LOOKED_AT, len(samples))).astype(int))
    sizes: list[tuple[int, int, int]] = []
    readable: list[int] = []
    reason = ""
    for index in chosen:
        try:
            sizes.append(peek_size(samples.source.read(int(index))))
            readable.append(int(index))
        except BadSample as error:
            reason = reason or f"{samples.source.name(int(index))}: {error.reason}"
    if not sizes:
        raise PlusxError(f"none of the {len(chosen)} pictures looked at can be read; the first is {reason}")
    heights, widths, channels = np.array(sizes).T
    grey = int(channels.max()) == 1
    mean, std = _pixel_statistics(samples, readable, 1 if grey else 3)
    return Facts(
        count=len(samples),
        classes=len(samples.classes),
        height=int(np.median(heights)),
        width=int(np.median(widths)),
        same_size=len(set(zip(heights.tolist(), widths.tolist(), strict=True))) == 1,
        channels=1 if grey else 3,
        mean=mean,
        std=std,
    )


def _pixel_statistics(
    samples: Samples, indices: Sequence[int], channels: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    # Each picture counts the same whatever its size; 32x32 is enough for a mean.
    spec = ImageSpec(height=32, width=32, channels=1 if channels == 1 else 3, fit="stretch")
    pixels: list[np.ndarray] = []
    for index in indices:
        try:
            pixels.append(spec.prepare(samples.source.read(index)))
        except BadSample:
            continue
    if not pixels:
        raise PlusxError(f"none of the {len(indices)} pictures looked at can be decoded")
    stacked = np.stack(pixels).astype(np.float64)
    mean, std = stacked.mean(axis=(0, 1, 2)), stacked.std(axis=(0, 1, 2))
    # A set of one flat colour has no spread to divide by.
    return tuple(mean.round(2).tolist()), tuple(np.maximum(std, 1.0).round(2).tolist())
