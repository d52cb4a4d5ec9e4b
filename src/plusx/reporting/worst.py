"""The examples that a model is most wrong about, and those that it is least sure of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from plusx.evaluate.scores import batches
from plusx.reporting.subject import Subject

if TYPE_CHECKING:
    from torch import Tensor

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
    places, losses = losses_of(subject)
    order = np.argsort(-losses, kind="stable")
    wrong = (told for told, right in _told(subject, places[order], losses[order]) if not right)
    return list(islice(wrong, count))


def least_sure(subject: Subject, count: int) -> list[Told]:
    """Those whose likeliest class is least likely, of a task that names one class; right or wrong."""
    if subject.task.name != "classify" or subject.outputs is None:
        return []
    sure = subject.task.probabilities(subject.outputs).max(1)
    places = np.argsort(sure, kind="stable")[:count]
    return [told for told, _ in _told(subject, places, np.zeros(len(places)))]


def losses_of(subject: Subject) -> tuple[Int[np.ndarray, " some"], Float[np.ndarray, " some"]]:
    """(places, losses) of all examples, or of some where outputs are not kept."""
    total = len(subject.prepared)
    places = np.arange(total)
    if subject.outputs is None and total > LOOKED_AT:
        places = np.unique(np.linspace(0, total - 1, LOOKED_AT).astype(int))
    losses = [subject.task.losses(*_tensors(*pair)).numpy() for pair in _answered(subject, places)]
    return places, np.concatenate(losses).astype(np.float64)


def _told(
    subject: Subject, places: Int[np.ndarray, " some"], losses: Float[np.ndarray, " some"]
) -> Iterator[tuple[Told, bool]]:
    """Each example, and whether all of its answer is right."""
    rows = zip(places.tolist(), losses.tolist(), strict=True)
    for outputs, targets in _answered(subject, places):
        answers = subject.task.answers(outputs, subject.classes)
        for row, (answer, target) in enumerate(zip(answers, targets, strict=True)):
            one = slice(row, row + 1)
            right = float(subject.task.hits(*_tensors(outputs[one], targets[one]))) == 1
            place, loss = next(rows)
            yield Told(place, loss, answer, target), right


def _tensors(outputs: np.ndarray, targets: np.ndarray) -> tuple[Tensor, Tensor]:
    # Here, since a page's other parts need no torch.
    import torch

    from plusx.data.loader import learned_targets

    return torch.from_numpy(outputs), learned_targets(targets)


def _answered(subject: Subject, places: Int[np.ndarray, " some"]) -> Iterable[tuple[np.ndarray, np.ndarray]]:
    """(outputs, targets) of the examples at these places."""
    size = min(64, subject.task.AT_ONCE)
    if subject.outputs is None:
        return batches(subject.engine, subject.prepared.take(places), size)
    parts = [places[start : start + size] for start in range(0, len(places), size)]
    return ((subject.outputs[part], subject.prepared.targets[part]) for part in parts)
