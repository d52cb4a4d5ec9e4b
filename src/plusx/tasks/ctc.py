"""Connectionist temporal classification (Graves et al., ICML 2006) in NumPy: the loss, and how outputs become labels.

Outputs are logits `(count, classes, frames)`. The last class is the blank; a label stands wherever a class other than
the blank begins anew: `aa-ab` reads `aab`.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

LEAST = np.log(1e-5)
"""Labels that are less likely than this in a frame begin nothing there in a beam search."""


class Read(NamedTuple):
    """What was read of one example: labels, the frame in which each begins, and the logarithm of its probability."""

    labels: tuple[int, ...]
    frames: tuple[int, ...]
    log_probability: float


def greedy(log_probs: Float[np.ndarray, "count classes frames"]) -> list[Read]:
    """The likeliest class of each frame, repeats and blanks left out; the probability is that of this one path.

    >>> path = np.array([0, 0, 2, 0, 1])
    >>> greedy(np.log(np.eye(3) * 0.7 + 0.1)[None, :, path])[0].labels
    (0, 0, 1)
    """
    count, classes, _ = log_probs.shape
    best = log_probs.argmax(axis=1)
    before = np.concatenate([np.full((count, 1), classes - 1), best[:, :-1]], axis=1)
    begins = (best != before) & (best != classes - 1)
    likely = log_probs.max(axis=1).sum(axis=1)
    return [
        Read(tuple(row[new].tolist()), tuple(np.flatnonzero(new).tolist()), float(probability))
        for row, new, probability in zip(best, begins, likely, strict=True)
    ]


def frames_needed(targets: Int[np.ndarray, "count longest"]) -> Int[np.ndarray, " count"]:
    """The fewest frames that can spell each of the targets: one a label, and a blank between equal ones.

    >>> frames_needed(np.array([[0, 0, 1, -1]])).tolist()
    [4]
    """
    there = targets >= 0
    return there.sum(axis=1) + ((targets[:, 1:] == targets[:, :-1]) & there[:, 1:]).sum(axis=1)


def ctc_losses(
    log_probs: Float[np.ndarray, "count classes frames"], targets: Int[np.ndarray, "count longest"]
) -> Float[np.ndarray, " count"]:
    """-log p(target) of each example in nats, over all its paths; infinite where the frames are too few to spell it.

    Targets are filled up with -1. The forward variables of the paper's section 4.1.
    """
    count, classes, frames = log_probs.shape
    spelled = np.full((count, 2 * targets.shape[1] + 1), classes - 1)
    spelled[:, 1::2] = np.where(targets >= 0, targets, classes - 1)
    jumps = np.zeros(spelled.shape, bool)
    jumps[:, 2:] = (spelled[:, 2:] != classes - 1) & (spelled[:, 2:] != spelled[:, :-2])
    rows = np.arange(count)
    alpha = np.full(spelled.shape, -np.inf)
    alpha[:, :2] = np.take_along_axis(log_probs[:, :, 0], spelled[:, :2], axis=1)
    for frame in range(1, frames):
        one = np.pad(alpha, ((0, 0), (1, 0)), constant_values=-np.inf)[:, :-1]
        two = np.pad(alpha, ((0, 0), (2, 0)), constant_values=-np.inf)[:, :-2]
        reached = np.logaddexp(np.logaddexp(alpha, one), np.where(jumps, two, -np.inf))
        alpha = reached + np.take_along_axis(log_probs[:, :, frame], spelled, axis=1)
    ends = 2 * (targets >= 0).sum(axis=1)
    return -np.logaddexp(alpha[rows, ends], np.where(ends > 0, alpha[rows, ends - 1], -np.inf))


Bonus = Callable[[tuple[int, ...]], float]
"""What a beam search adds to the logarithm of a reading's probability, such as a language model's opinion of it."""


@dataclass
class _Beam:
    """A reading so far: the logarithms of all its paths' probabilities, those that end in a blank and the others."""

    frames: tuple[int, ...]
    bonus: float = 0.0
    blank: float = -np.inf
    label: float = -np.inf

    @property
    def total(self) -> float:
        return float(np.logaddexp(self.blank, self.label))


def beam_search(
    log_probs: Float[np.ndarray, "classes frames"],
    width: int,
    bonus: Bonus = lambda labels: 0.0,
    at_end: Bonus | None = None,
) -> Read:
    """The likeliest reading, over all its paths, by prefix beam search (Hannun et al., arXiv 1408.2873, algorithm 1).

    Args:
        log_probs: one example's.
        width: how many readings are followed from frame to frame.
        bonus: is added while readings are compared; the probability that is given back is without it.
        at_end: the same for whole readings; None: `bonus`.
    """
    blank = len(log_probs) - 1
    beams: dict[tuple[int, ...], _Beam] = {(): _Beam((), bonus(()), blank=0.0)}
    for frame, probs in enumerate(log_probs.T.tolist()):
        likely = [label for label in range(blank) if probs[label] > LEAST]
        grown: dict[tuple[int, ...], _Beam] = {}
        for labels, beam in beams.items():
            _stay(grown, labels, beam, probs)
            for label in likely:
                _extend(grown, labels, beam, label, probs[label], frame, bonus)
        best = heapq.nlargest(width, grown.items(), key=lambda item: item[1].total + item[1].bonus)
        beams = dict(best)
    last = at_end or bonus
    labels, beam = max(beams.items(), key=lambda item: item[1].total + last(item[0]))
    return Read(labels, beam.frames, beam.total)


def _stay(grown: dict[tuple[int, ...], _Beam], labels: tuple[int, ...], beam: _Beam, probs: Sequence[float]) -> None:
    same = grown.setdefault(labels, _Beam(beam.frames, beam.bonus))
    same.blank = float(np.logaddexp(same.blank, beam.total + probs[-1]))
    if labels:
        same.label = float(np.logaddexp(same.label, beam.label + probs[labels[-1]]))


def _extend(
    grown: dict[tuple[int, ...], _Beam],
    labels: tuple[int, ...],
    beam: _Beam,
    label: int,
    probability: float,
    frame: int,
    bonus: Bonus,
) -> None:
    # A label follows its like only after a blank.
    before = beam.blank if labels and labels[-1] == label else beam.total
    if before == -np.inf:
        return
    longer = (*labels, label)
    found = grown.get(longer)
    if found is None:
        found = grown[longer] = _Beam((*beam.frames, frame), bonus(longer))
    found.label = float(np.logaddexp(found.label, before + probability))
