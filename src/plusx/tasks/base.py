"""What every task has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict

from plusx.data.sources import Samples

AnswerType = Literal["text", "texts", "number", "numbers", "ranked"]
"""What a part of an answer is; `ranked` is a list of labels with their probabilities, best first."""


class TaskBase(BaseModel):
    """A task is frozen and described by its fields, which are stored in the model file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ANSWER: ClassVar[Mapping[str, AnswerType]] = {}
    """The parts of an answer, in their order: its keys in JSON, and columns in a table."""

    @classmethod
    def of(cls, samples: Samples) -> Self:
        """The task as these training examples ask for it."""
        return cls()

    def words(self, answer: Mapping[str, Any]) -> str:
        """An answer in a few words for a person."""
        raise NotImplementedError

    def made_up(self, count: int, classes: Sequence[str]) -> np.ndarray:
        """Targets for `count` examples that are made up to measure a training's speed, a row each."""
        raise NotImplementedError
