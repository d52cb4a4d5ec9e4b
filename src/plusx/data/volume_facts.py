"""What a set of volumes is like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from plusx.data.nifti import Spacing
from plusx.data.sources import Samples
from plusx.data.survey import Facts, look
from plusx.data.volume import Volume, VolumeSpec, bounds, read_voxels, resampled, to_levels

# Each is read whole, where of a picture the header is enough.
LOOKED_AT = 64
SMALL = (16, 16, 16)
CT_WINDOW = (-1000.0, 1000.0)
AIR_BELOW = -500.0
"""Hounsfield units that only a CT's air has."""


@dataclass(frozen=True)
class VolumeFacts(Facts):
    """What a set of volumes is like.

    Args:
        depth: the median, in voxels.
        height: the median, in voxels.
        width: the median, in voxels.
        same_size: whether all that were looked at have one size and one spacing.
        channels: the commonest number.
        spacing: the median, in millimetres; None where no file says it.
        window: the values to become 0 and 255; None: each volume's own percentiles.
        window_reason: why.
        mean: of each channel, 0 to 255, within the window.
        std: of each channel, 0 to 255, within the window.
    """

    depth: int
    height: int
    width: int
    same_size: bool
    channels: int
    spacing: Spacing | None
    window: tuple[float, float] | None
    window_reason: str
    mean: tuple[float, ...]
    std: tuple[float, ...]


class Seen(NamedTuple):
    """One volume: its shape and spacing, its lowest value, its percentiles, and a small copy of it."""

    shape: tuple[int, ...]
    spacing: Spacing | None
    lowest: float
    own: tuple[float, float]
    small: Volume
    levels: bool


def survey_volumes(samples: Samples) -> VolumeFacts:
    """Looks at up to 64 volumes.

    Raises:
        PlusxError: none can be read, or they are NIfTI and nibabel is not installed.
    """
    seen = list(look(samples, _see, LOOKED_AT).values())
    shapes = [one.shape for one in seen]
    channels = max({shape[3] for shape in shapes}, key=[shape[3] for shape in shapes].count)
    spacings = [one.spacing for one in seen if one.spacing is not None]
    window, reason = _window(seen)
    small = [to_levels(one.small, window or one.own) for one in seen if one.shape[3] == channels]
    mean, std = np.mean(small, axis=(0, 1, 2, 3)), np.std(small, axis=(0, 1, 2, 3))
    depth, height, width = (int(size) for size in np.median([shape[:3] for shape in shapes], axis=0))
    return VolumeFacts(
        count=len(samples),
        classes=len(samples.classes),
        depth=depth,
        height=height,
        width=width,
        same_size=len({(one.shape[:3], one.spacing) for one in seen}) == 1,
        channels=channels,
        spacing=_median(spacings) if spacings else None,
        window=window,
        window_reason=reason,
        mean=tuple(mean.astype(float).round(2).tolist()),
        # A set of one flat value has no spread to divide by.
        std=tuple(np.maximum(std, 1.0).astype(float).round(2).tolist()),
    )


def _see(source: bytes | np.ndarray) -> Seen:
    values, spacing = read_voxels(source, VolumeSpec.model_fields["max_voxels"].default)
    # Of every kind of number only 8-bit levels have a range that means something by itself.
    levels = float(values.min()) >= 0 and float(values.max()) <= 255 and bool((values == values.round()).all())
    own = bounds(values, VolumeSpec.model_fields["percentiles"].default)
    return Seen(values.shape, spacing, float(values.min()), own, resampled(values, SMALL), levels)


def _window(seen: list[Seen]) -> tuple[tuple[float, float] | None, str]:
    if float(np.median([one.lowest for one in seen])) <= AIR_BELOW:
        return CT_WINDOW, "values as low as a CT's air, in Hounsfield units"
    if any(one.spacing is not None for one in seen):
        return None, "a scan without a CT's unit: each by its own percentiles"
    if all(one.levels for one in seen) and max(one.own[1] for one in seen) > 1:
        return (0.0, 255.0), "whole numbers from 0 to 255"
    low, high = min(one.own[0] for one in seen), max(one.own[1] for one in seen)
    return ((low, high), "the range of the values looked at") if high > low else (None, "values without a range")


def _median(spacings: list[Spacing]) -> Spacing:
    depth, height, width = np.median(spacings, axis=0).round(3).tolist()
    return depth, height, width
