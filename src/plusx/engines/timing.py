"""How long engines take for the same inputs, each in turn: what else the machine does then meets all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping

import numpy as np
from jaxtyping import Shaped

from plusx.data.cache import available_cores
from plusx.engines import Engine

ROUNDS, IN_A_ROW, LEAST_TIMES = 10, 4, 8


def median_seconds(
    engines: Mapping[str, Engine], inputs: Shaped[np.ndarray, "batch ..."], seconds: float
) -> dict[str, float]:
    """The median time in seconds that each engine takes for `inputs`.

    Args:
        engines: by any names.
        inputs: one batch, or one example `(1, ...)`.
        seconds: about how long each engine is measured; eight times at least.
    """
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
