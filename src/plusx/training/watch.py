"""What a training tells whoever watches it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Step:
    """After an optimiser step: `step` of `steps`, `epoch` counted from 0 with its part, the batch's mean loss."""

    step: int
    steps: int
    epoch: float
    loss: float
    accuracy: float
    samples_per_s: float
    remaining_s: float
    measure: str = "accuracy"


@dataclass(frozen=True)
class Epoch:
    """After an epoch: a row of metrics.jsonl. Losses are means an example, accuracies shares of 1.

    `measure` names what stands in for accuracy, here and in `Step`, where the task has none.
    """

    epoch: float
    step: int
    lr: float
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    samples_per_s: float
    elapsed_s: float
    measure: str = "accuracy"


class Watcher(Protocol):
    """Shows a training; none of it changes what the training does."""

    def note(self, text: str) -> None:
        """One line for a person."""

    def preparing(self, what: str, done: int, total: int) -> None:
        """So many of the examples are decoded."""

    def stepped(self, step: Step) -> None:
        """A step is done."""

    def finished_epoch(self, epoch: Epoch, epochs: float) -> None:
        """An epoch of `epochs` is done."""


class Silent:
    """Shows nothing."""

    def note(self, text: str) -> None:
        pass

    def preparing(self, what: str, done: int, total: int) -> None:
        pass

    def stepped(self, step: Step) -> None:
        pass

    def finished_epoch(self, epoch: Epoch, epochs: float) -> None:
        pass


class Both:
    """Tells two watchers the same, the first one first.

    >>> class Said(Silent):
    ...     def note(self, text: str) -> None:
    ...         print(text)
    >>> Both(Said(), Said()).note("resumed after step 7")
    resumed after step 7
    resumed after step 7
    """

    def __init__(self, first: Watcher, second: Watcher):
        self._watchers = (first, second)

    def note(self, text: str) -> None:
        for watcher in self._watchers:
            watcher.note(text)

    def preparing(self, what: str, done: int, total: int) -> None:
        for watcher in self._watchers:
            watcher.preparing(what, done, total)

    def stepped(self, step: Step) -> None:
        for watcher in self._watchers:
            watcher.stepped(step)

    def finished_epoch(self, epoch: Epoch, epochs: float) -> None:
        for watcher in self._watchers:
            watcher.finished_epoch(epoch, epochs)
