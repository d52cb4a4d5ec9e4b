"""What every task has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict

from plusx.data.sources import Samples

AnswerType = Literal["text", "texts", "number", "numbers", "ranked", "shares"]
"""What a part of an answer is; `ranked` is a list of labels with their probabilities, best first, and `shares` is one
with their shares, the largest first."""


class TaskBase(BaseModel):
    """A task is frozen and described by its fields, which are stored in the model file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ANSWER: ClassVar[Mapping[str, AnswerType]] = {}
    """The parts of an answer, in their order: its keys in JSON, and columns in a table."""

    HEADS: ClassVar[tuple[str, ...]] = ()
    """The heads that its network may have, the usual one first, where `network_options` does not say which. Outputs are
    then `(batch, classes, *space)`, an answer for every place, and so are targets `(batch, *space)`."""
    AT_ONCE: ClassVar[int] = 256
    """The most examples that are answered at once: outputs for every place take much memory."""

    @classmethod
    def of(cls, samples: Samples) -> Self:
        """The task as these training examples ask for it."""
        return cls()

    def words(self, answer: Mapping[str, Any]) -> str:
        """An answer in a few words for a person."""
        raise NotImplementedError

    def scores(self, outputs: np.ndarray, targets: np.ndarray, classes: Sequence[str]) -> dict[str, Any]:
        """The scores of outputs for these targets."""
        raise NotImplementedError

    def scores_in_batches(
        self, batches: Iterable[tuple[np.ndarray, np.ndarray]], classes: Sequence[str]
    ) -> dict[str, Any]:
        """`scores` of (outputs, targets) that come in batches, one at least."""
        outputs, targets = zip(*batches, strict=True)
        return self.scores(np.concatenate(outputs), np.concatenate(targets), classes)

    def made_up(self, count: int, classes: Sequence[str]) -> np.ndarray:
        """Targets for `count` examples that are made up to measure a training's speed, a row each."""
        raise NotImplementedError
