"""What a set of pictures is like."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from plusx.data.image import BadSample, ImageSpec, peek_size
from plusx.data.masks import pictures_of
from plusx.data.sources import Samples
from plusx.data.survey import Facts, look
from plusx.errors import PlusxError


@dataclass(frozen=True)
class ImageFacts(Facts):
    """What a set of pictures is like.

    Args:
        height: the median, in pixels.
        width: the median, in pixels.
        same_size: whether all that were looked at have one size.
        channels: 1 if all that were looked at are grey, else 3.
        mean: of each channel, 0 to 255.
        std: of each channel, 0 to 255.
    """

    height: int
    width: int
    same_size: bool
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


def survey_images(samples: Samples) -> ImageFacts:
    """Looks at up to 256 pictures.

    Raises:
        PlusxError: none can be read.
    """
    samples = pictures_of(samples)
    sizes = look(samples, peek_size)
    heights, widths, channels = np.array(list(sizes.values())).T
    grey = int(channels.max()) == 1
    mean, std = _pixel_statistics(samples, sizes, 1 if grey else 3)
    return ImageFacts(
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
    samples: Samples, indices: Iterable[int], channels: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    # Each picture counts the same whatever its size; 32x32 is enough for a mean.
    spec = ImageSpec(height=32, width=32, channels=1 if channels == 1 else 3, fit="stretch")
    pixels: list[np.ndarray] = []
    reason = ""
    for index in indices:
        try:
            pixels.append(spec.prepare(samples.source.read(index)))
        except BadSample as error:
            reason = reason or f"{samples.source.name(index)}: {error.reason}"
    if not pixels:
        raise PlusxError(f"none of the pictures looked at can be decoded; the first is {reason}")
    stacked = np.stack(pixels).astype(np.float64)
    mean, std = stacked.mean(axis=(0, 1, 2)), stacked.std(axis=(0, 1, 2))
    # A set of one flat colour has no spread to divide by.
    return tuple(mean.round(2).tolist()), tuple(np.maximum(std, 1.0).round(2).tolist())
