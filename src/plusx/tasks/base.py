"""What every task has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict

from plusx.data.sources import Samples
from plusx.errors import WrongUse
from plusx.tasks.asked import Asked
from plusx.words import percent

if TYPE_CHECKING:
    from torch import Tensor

AnswerType = Literal["text", "texts", "number", "numbers", "ranked", "shares", "boxes"]
"""What a part of an answer is; `ranked` is a list of labels with their probabilities, best first, `shares` is one with
their shares, the largest first, and `boxes` one with their probabilities and where they are."""


class TaskBase(BaseModel):
    """A task is frozen and described by its fields, which are stored in the model file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ANSWER: ClassVar[Mapping[str, AnswerType]] = {}
    """The parts of an answer, in their order: its keys in JSON, and columns in a table."""

    CLASSES: ClassVar[bool] = True
    """Whether its outputs are scores of classes, for which a recipe's `loss`, or a teacher, may be another one's."""
    BALANCES: ClassVar[tuple[str, ...]] = ()
    """Which of a recipe's `balance` suit it, beside none."""
    OPEN: ClassVar[bool] = False
    """Whether it is scored on examples of any classes, trained or not: outputs are compared with those of others."""
    CALIBRATES: ClassVar[bool] = False
    """Whether `calibrated` learns from the validation examples once the network is trained."""
    MEASURE: ClassVar[str] = "accuracy"
    """What a training counts by `hits`, as a share of its examples."""
    JUDGED_BY: ClassVar[tuple[str, ...]] = ("accuracy",)
    """The scores by which trainings are compared, the main one first."""
    FALLS: ClassVar[bool] = False
    """Whether the main one is the better the lower it is."""
    OUTPUTS: ClassVar[str] = "classes"
    """What people call the names in a set's `classes`."""
    SUITED: ClassVar[Mapping[str, tuple[Any, str]]] = {}
    """Fields of a recipe that was chosen automatically, as the task needs them, and why."""
    MOVED_ONLY: ClassVar[str] = ""
    """Why a recipe that was chosen automatically moves pictures a little and changes no example otherwise; empty: it
    changes them as it likes."""
    HEADS: ClassVar[tuple[str, ...]] = ()
    """The heads that its network may have, the usual one first, where `network_options` does not say which. Outputs are
    then `(batch, classes, *space)`, an answer for every place, and so are targets `(batch, *space)`."""
    SETTABLE: ClassVar[tuple[str, ...]] = ()
    """Its fields that a recipe may set, as `task.NAME`."""
    AT_ONCE: ClassVar[int] = 256
    """The most examples that are answered at once: outputs for every place take much memory."""

    BULKY: ClassVar[bool] = False
    """Whether its outputs take as much memory as examples or more, so that they are not kept for many."""
    WHOLE: ClassVar[bool] = False
    """Whether it asks for all of a picture, of which a start may have seen a part."""
    VIEWS: ClassVar[tuple[str, ...]] = ("mirror", "shift")
    """The test-time views of pictures over which its outputs have a mean."""

    @classmethod
    def of(cls, samples: Samples) -> Self:
        """The task as these training examples ask for it."""
        return cls()

    @property
    def parts(self) -> Mapping[str, AnswerType]:
        """`ANSWER`, of this task's own number of outputs."""
        return self.ANSWER

    def network_options(self, classes: Sequence[str]) -> dict[str, Any]:
        """What the task asks of a network that is trained."""
        raise NotImplementedError

    def stored_options(self, classes: Sequence[str]) -> dict[str, Any]:
        """What the stored network is asked for: a part of the trained one, where the rest only serves training."""
        return self.network_options(classes)

    def calibrated(self, batches: Iterable[tuple[np.ndarray, np.ndarray]]) -> Self:
        """The task with what it can only know of the trained network, from its (outputs, targets) for validation
        examples, which come in batches, one at least."""
        return self

    def at(self, threshold: float) -> Self:
        """The task whose answers are what is at least so probable.

        Raises:
            WrongUse: it answers the likeliest, however sure that is.
        """
        if "threshold" not in type(self).model_fields:
            raise WrongUse("--threshold: it is for models that answer boxes or any number of labels; leave it out")
        return self.model_copy(update={"threshold": threshold})

    def over(self, folds: Sequence[TaskBase]) -> Self:
        """The task by which the answers of several folds' networks, each with its own task, are scored together."""
        return self

    def restated(self, outputs: np.ndarray, by: TaskBase) -> np.ndarray:
        """The outputs of a network that was trained for the task `by`, as one trained for this task would say them."""
        return outputs

    def columns(self, outputs: np.ndarray, classes: Sequence[str]) -> dict[str, np.ndarray]:
        """What a table of answers has beside each label, by column."""
        return {}

    def asked(self, outputs: np.ndarray, classes: Sequence[str], label: str | None = None) -> list[Asked]:
        """What of each example's answer is explained: that of `label`, or where none is named, what was answered.

        Raises:
            WrongUse: there is no such label, or none to choose.
        """
        raise NotImplementedError

    def explained(self, outputs: Tensor, unchanged: Tensor, places: Tensor) -> Tensor:
        """What is explained, a number for each example, `(batch,)`, with its gradient: here its output at the place.

        Args:
            outputs: of examples that may have been changed.
            unchanged: those of the examples as they are: they say which box, which pixels, which path it is about.
            places: each example's `Asked.place`, `(batch,)`.
        """
        return outputs.gather(1, places[:, None])[:, 0]

    def readable(self, outputs: Tensor) -> dict[str, Tensor]:
        """What outputs say, as tensors of an exported graph, by name: for programs that know nothing of plusx."""
        raise NotImplementedError

    def verdict(self, scores: Mapping[str, Any]) -> str:
        """What the scores come to, in a few words for a person."""
        return f"{percent(scores['accuracy'])} of {scores['count']:,} right"

    def words(self, answer: Mapping[str, Any]) -> str:
        """An answer in a few words for a person."""
        raise NotImplementedError

    def truth(self, target: np.ndarray, classes: Sequence[str]) -> str:
        """An example's target in a few words for a person."""
        return str(classes[int(target)])

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
