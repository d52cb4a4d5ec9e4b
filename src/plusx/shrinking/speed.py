"""How fast models are on this machine: each in turn, so that what else it does meets all of them alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from plusx.archive import Archive
from plusx.engines import Engine
from plusx.engines.choose import passing
from plusx.engines.installed import installed
from plusx.engines.timing import median_seconds

MOST_AT_ONCE, LEAST_AT_ONCE = 128, 8
VALUES = 128 * 64 * 64
"""Of a batch's inputs, about: larger ones fill the processor's caches, and are answered no faster."""


class Speed(NamedTuple):
    """Of a model on an engine.

    Args:
        latency_ms: of one example alone, the median.
        per_second: examples a second in batches, by the median of their times.
        batch: how many were then answered at once.
    """

    latency_ms: float
    per_second: float
    batch: int


def engines_of(archive: Archive) -> dict[str, Engine]:
    """The installed engines that run the archive and answer as they should."""
    return dict(passing(archive, installed()))


def speeds(engines: Mapping[str, Engine], example: np.ndarray, seconds: float = 1.0) -> dict[str, Speed]:
    """Each engine's speed.

    Args:
        engines: by any names.
        example: one input `(1, ...)`.
        seconds: about how long each engine is measured, of each of the two.
    """
    batch = min(MOST_AT_ONCE, max(LEAST_AT_ONCE, VALUES // example.size))
    one = median_seconds(engines, example, seconds)
    many = median_seconds(engines, np.repeat(example, batch, axis=0), seconds)
    return {name: Speed(1000 * one[name], batch / many[name], batch) for name in engines}
