"""A look at some of the examples, by which the automatic choices are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from plusx.data.decode import BadSample
from plusx.data.sources import Samples
from plusx.errors import PlusxError

LOOKED_AT = 256
T = TypeVar("T")


@dataclass(frozen=True)
class Facts:
    """What a set is like, whatever its modality; each modality's facts say more.

    Args:
        count: training examples.
        classes: how many there are.
    """

    count: int
    classes: int


def look(samples: Samples, at: Callable[[bytes | np.ndarray], T], most: int = LOOKED_AT) -> dict[int, T]:
    """What `at` finds of at `most` so many examples, evenly spaced, by their numbers; unreadable ones are passed over.

    Raises:
        PlusxError: none can be read.
    """
    chosen = np.unique(np.linspace(0, len(samples) - 1, min(most, len(samples))).astype(int))
    found: dict[int, T] = {}
    reason = ""
    for index in map(int, chosen):
        try:
            found[index] = at(samples.source.read(index))
        except BadSample as error:
            reason = reason or f"{samples.source.name(index)}: {error.reason}"
    if not found:
        raise PlusxError(f"none of the {len(chosen)} examples looked at can be read; the first is {reason}")
    return found
