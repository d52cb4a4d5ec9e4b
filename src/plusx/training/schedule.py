"""Learning rates over a training: pure functions of the progress from 0 to 1, as a share of the peak."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Schedule(BaseModel):
    """A warm-up in a straight line from `start`, then a fall to `end`, all as shares of the optimiser's `lr`.

    `one_cycle` falls in a straight line (arXiv 1708.07120), `cosine` along half a cosine (arXiv 1608.03983).

    >>> one_cycle = Schedule(name="one_cycle", warmup=0.25, start=0.0, end=0.0)
    >>> [one_cycle.factor(progress) for progress in (0.0, 0.125, 0.25, 0.625, 1.0)]
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Literal["one_cycle", "cosine"] = "one_cycle"
    warmup: float = Field(default=0.25, ge=0, lt=1)
    start: float = Field(default=0.1, ge=0, le=1)
    end: float = Field(default=0.0, ge=0, le=1)

    def factor(self, progress: float) -> float:
        """The share of the peak at `progress`, from 0 at the first step to 1 after the last."""
        if progress < self.warmup:
            return self.start + (1 - self.start) * progress / self.warmup
        fall = min(1.0, (progress - self.warmup) / (1 - self.warmup))
        if self.name == "cosine":
            fall = (1 - math.cos(math.pi * fall)) / 2
        return 1 + (self.end - 1) * fall
