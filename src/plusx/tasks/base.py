"""What every task has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict

from plusx.data.sources import Samples


class TaskBase(BaseModel):
    """A task is frozen and described by its fields, which are stored in the model file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def of(cls, samples: Samples) -> Self:
        """The task as these training examples ask for it."""
        return cls()

    def made_up(self, count: int, classes: Sequence[str]) -> np.ndarray:
        """Targets for `count` examples that are made up to measure a training's speed, a row each."""
        raise NotImplementedError
