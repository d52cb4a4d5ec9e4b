"""How fast models are on this machine: each in turn, so that what else it does meets all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from plusx.archive import Archive
from plusx.data.cache import available_cores
from plusx.engines import ENGINES, Engine
from plusx.engines.golden import check_golden
from plusx.engines.installed import installed
from plusx.errors import PlusxError

MOST_AT_ONCE, LEAST_AT_ONCE = 128, 8
VALUES = 128 * 64 * 64
"""Of a batch's inputs, about: larger ones fill the processor's caches, and are answered no faster."""
ROUNDS, IN_A_ROW, LEAST_TIMES = 10, 4, 8


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
    able = [name for name in installed() if name != "torch" or archive.weights]
    engines: dict[str, Engine] = {}
    for name in able:
        try:
            engine = ENGINES[name](archive)
            check_golden(engine, archive)
        except PlusxError:
            continue
        engines[name] = engine
    return engines


def speeds(engines: Mapping[str, Engine], example: np.ndarray, seconds: float = 1.0) -> dict[str, Speed]:
    """Each engine's speed.

    Args:
        engines: by any names.
        example: one input `(1, ...)`.
        seconds: about how long each engine is measured, of each of the two.
    """
    batch = min(MOST_AT_ONCE, max(LEAST_AT_ONCE, VALUES // example.size))
    one = _medians(engines, example, seconds)
    many = _medians(engines, np.repeat(example, batch, axis=0), seconds)
    return {name: Speed(1000 * one[name], batch / many[name], batch) for name in engines}


def _medians(engines: Mapping[str, Engine], inputs: np.ndarray, seconds: float) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in engines}
    # One core that is shared with other work answers in pieces: what it spent on us is what it would take alone.
    clock = time.process_time if available_cores() == 1 else time.perf_counter
    for _ in range(ROUNDS):
        for name, engine in engines.items():
            if len(times[name]) >= LEAST_TIMES and sum(times[name]) > seconds:
                continue
            # The first answer after another engine's finds nothing of its own in the processor's caches.
            engine(inputs)
            for _ in range(IN_A_ROW):
                began = clock()
                engine(inputs)
                times[name].append(clock() - began)
    return {name: statistics.median(own) for name, own in times.items()}
