"""Learning rates over a training: pure functions of the progress from 0 to 1, as a share of the peak."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Milestone = Annotated[float, Field(gt=0, lt=1)]


class Schedule(BaseModel):
    """A warm-up from `start`, then a fall to `end`, all as shares of the optimiser's `lr`.

    `one_cycle` falls in a straight line (arXiv 1708.07120), `cosine` along half a cosine (arXiv 1608.03983). `steps`
    multiplies by `gamma` at each of its milestones, shares of the training (arXiv 1512.03385), and has no `end`;
    without milestones it stays at the peak.

    >>> one_cycle = Schedule(name="one_cycle", warmup=0.25, start=0.0, end=0.0)
    >>> [one_cycle.factor(progress) for progress in (0.0, 0.125, 0.25, 0.625, 1.0)]
    [0.0, 0.5, 1.0, 0.5, 0.0]
    >>> steps = Schedule(name="steps", warmup=0, milestones=(0.5, 0.75), gamma=0.1)
    >>> [round(steps.factor(progress), 3) for progress in (0.0, 0.49, 0.5, 0.75)]
    [1.0, 1.0, 0.1, 0.01]
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Literal["one_cycle", "cosine", "steps"] = "one_cycle"
    warmup: float = Field(default=0.25, ge=0, lt=1)
    start: float = Field(default=0.1, ge=0, le=1)
    ramp: Literal["line", "none"] = Field(default="line", description="none: the warm-up stays at `start`, then jumps")
    end: float = Field(default=0.0, ge=0, le=1)
    milestones: tuple[Milestone, ...] = Field(default=(), description="of `steps`, as shares of the training")
    gamma: float = Field(default=0.1, gt=0, lt=1, description="of `steps`: what each milestone multiplies by")

    @model_validator(mode="after")
    def _milestones_fit(self) -> Self:
        if self.milestones and self.name != "steps":
            raise ValueError(f"milestones are for the schedule steps, not for {self.name}")
        if any(later <= earlier for earlier, later in pairwise((self.warmup, *self.milestones))):
            raise ValueError("milestones must rise, and come after the warm-up")
        return self

    def factor(self, progress: float) -> float:
        """The share of the peak at `progress`, from 0 at the first step to 1 after the last."""
        if progress < self.warmup:
            risen = progress / self.warmup if self.ramp == "line" else 0.0
            return self.start + (1 - self.start) * risen
        if self.name == "steps":
            return self.gamma ** sum(progress >= milestone for milestone in self.milestones)
        fall = min(1.0, (progress - self.warmup) / (1 - self.warmup))
        if self.name == "cosine":
            fall = (1 - math.cos(math.pi * fall)) / 2
        return 1 + (self.end - 1) * fall
