"""The examples that a model is most wrong about, and those that it is least sure of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from plusx.evaluate.scores import batches
from plusx.reporting.subject import Subject

LOOKED_AT = 300
"""Of tasks whose outputs are not kept, so many examples are answered again, evenly from all."""


@dataclass(frozen=True)
class Told:
    """An example, what was answered, and what is true.

    Args:
        place: among the prepared examples.
        loss: how wrong the answer is, as training counts it.
        answer: as the task gives it.
        target: as the task stores it.
    """

    place: int
    loss: float
    answer: dict[str, Any]
    target: np.ndarray


def most_wrong(subject: Subject, count: int) -> list[Told]:
    """Those of the highest loss, the worst first, without what is right; none of a task that has no loss of its own
    once it is trained."""
    if subject.task.OPEN:
        return []
    places, losses, wrong = _judged(subject)
    order = np.argsort(-losses, kind="stable")
    chosen = [int(row) for row in order if wrong[row]][:count]
    return _told(subject, places[chosen], losses[chosen])


def least_sure(subject: Subject, count: int) -> list[Told]:
    """Those whose likeliest class is least likely, of a task that names one class; right or wrong."""
    if subject.task.name != "classify" or subject.outputs is None:
        return []
    sure = subject.task.probabilities(subject.outputs).max(1)
    places = np.argsort(sure, kind="stable")[:count]
    return _told(subject, places, np.zeros(len(places)))


def losses_of(subject: Subject) -> tuple[Int[np.ndarray, " some"], Float[np.ndarray, " some"]]:
    """(places, losses) of all examples, or of some where outputs are not kept."""
    places, losses, _ = _judged(subject)
    return places, losses


def _judged(
    subject: Subject,
) -> tuple[Int[np.ndarray, " some"], Float[np.ndarray, " some"], Float[np.ndarray, " some"]]:
    """(places, losses, whether something is wrong)."""
    import torch

    from plusx.data.loader import learned_targets

    total = len(subject.prepared)
    places = np.arange(total)
    if subject.outputs is None and total > LOOKED_AT:
        places = np.unique(np.linspace(0, total - 1, LOOKED_AT).astype(int))
    losses: list[np.ndarray] = []
    wrong: list[bool] = []
    for outputs, targets in _answered(subject, places):
        tensors = torch.from_numpy(outputs), learned_targets(targets)
        losses.append(subject.task.losses(*tensors).numpy())
        whole = float(subject.task.hits(*tensors))
        # Mostly all of a batch is right, and then nothing is asked one by one.
        wrong += (
            [False] * len(outputs)
            if whole == len(outputs)
            else [
                float(subject.task.hits(tensors[0][row : row + 1], tensors[1][row : row + 1])) < 1
                for row in range(len(outputs))
            ]
        )
    return places, np.concatenate(losses).astype(np.float64), np.array(wrong)


def _answered(subject: Subject, places: Int[np.ndarray, " some"]) -> Iterable[tuple[np.ndarray, np.ndarray]]:
    """(outputs, targets) of the examples at these places."""
    size = min(64, subject.task.AT_ONCE)
    if subject.outputs is None:
        return batches(subject.engine, subject.prepared.take(places), size)
    parts = [places[start : start + size] for start in range(0, len(places), size)]
    return ((subject.outputs[part], subject.prepared.targets[part]) for part in parts)


def _told(subject: Subject, places: Int[np.ndarray, " some"], losses: Sequence[float] | np.ndarray) -> list[Told]:
    if len(places) == 0:
        return []
    outputs, targets = zip(*_answered(subject, places), strict=True)
    answers = [answer for own in outputs for answer in subject.task.answers(own, subject.classes)]
    return [
        Told(int(place), float(loss), answer, target)
        for place, loss, answer, target in zip(places, losses, answers, np.concatenate(targets), strict=True)
    ]
