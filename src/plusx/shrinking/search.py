"""What to try next, from what was found so far: a pure function, so that a search goes on wherever it was stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt

from plusx.shrinking.points import Point
from plusx.shrinking.steps import Narrow, Quantize, Repair, Step, Steps

FIRST_SHARE, LEAST_SHARE = 1 / 8, 1 / 256
NEAR_ENOUGH = 1.4
"""Shares of a network that differ less than by this factor are not told apart."""
BOLD, CAREFUL = 4, 2
"""By how much the share falls next: more, where less than half of what may be lost is lost."""
REPAIRS = 3
"""How often a network may be repaired before it is given up."""
INT8 = (Quantize(corrected=False), Quantize())
"""The forms of int8 of all layers, in the order in which they are tried."""
WITHIN = 6.0
"""A network whose score falls short by at most so many times the allowed drop is repaired again."""


@dataclass(frozen=True)
class Tried:
    """A network that was narrowed to a share and repaired: its steps, and the best score of it and of its int8."""

    share: float
    steps: Steps
    score: float

    @property
    def repairs(self) -> int:
        """How often in a row it was repaired since it was narrowed."""
        count = 0
        for step in reversed(self.steps):
            if not isinstance(step, Repair):
                break
            count += 1
        return count


def next_steps(
    points: Sequence[Point], least_score: float, first: Steps = (), boldest: Steps | None = None
) -> Steps | None:
    """The steps up to the next network to repair; None: there is nothing left that is worth it.

    Halves the gap between the smallest share that was good enough and the largest one that was not. A smaller network
    begins from the smallest good one; one that falls short by little is repaired again.

    Args:
        points: what was found, with their steps.
        least_score: what is good enough.
        first: steps before the first narrowing.
        boldest: steps in their place that are tried first. They may lose more than is allowed, as long as one repair
            makes up for it; else all goes on as if they had not been tried.
    """
    if boldest is not None:
        bold = [point for point in points if point.steps[: len(boldest)] == boldest]
        if not bold and not _tried(points):
            return (*boldest, Narrow(share=FIRST_SHARE))
        if all(point.score < least_score for point in bold):
            points = [point for point in points if point not in bold]
    tried = sorted(_tried(points), key=lambda one: one.share)
    good = [one for one in tried if one.score >= least_score]
    top = max((point.score for point in points), default=least_score)
    short = [one for one in tried if one.score < least_score and (not good or one.share < good[0].share)]
    if short:
        again = short[-1]
        near = again.score >= least_score - WITHIN * max(top - least_score, 1e-9)
        if near and again.repairs < REPAIRS:
            return again.steps
    high = good[0].share if good else 1.0
    low = short[-1].share if short else None
    before = good[0].steps if good else first
    down = high / (BOLD if good and good[0].score - least_score > (top - least_score) / 2 else CAREFUL)
    down = down if good else FIRST_SHARE
    share = down if low is None else sqrt(low * high)
    if share < LEAST_SHARE or (low is not None and (high / share < NEAR_ENOUGH or share / low < NEAR_ENOUGH)):
        return None
    # A step's share is of the network that it is given.
    return (*before, Narrow(share=share / high))


def next_form(
    points: Sequence[Point], steps: Steps, least_score: float, aware: Callable[[], Repair | None]
) -> Steps | None:
    """The steps of the form of a network that is to be made next; None: no further one is worth it.

    The network itself, then its int8, with the biases that it has. Where that falls short and the network does not, its
    int8 with biases that NNCF corrects, and the network repaired as int8 and quantised again. Where that is not enough,
    layers go back to float, of the repaired one if it is good itself.

    Args:
        points: what was found.
        steps: the network's.
        least_score: what is good enough.
        aware: the repair as int8; None: there is to be none. Asked for only where it is needed.
    """
    scores = {point.steps: point.score for point in points}
    if steps not in scores:
        return steps
    for int8 in INT8:
        if (form := (*steps, int8)) not in scores:
            return form
        if scores[form] >= least_score or scores[steps] < least_score:
            return None
    int8 = max(INT8, key=lambda one: scores[(*steps, one)])
    repaired = next((form for form in scores if form[:-1] == steps and _is_aware(form[-1])), None)
    if repaired is None:
        repair = aware()
        if repair is not None:
            return (*steps, repair)
    elif (again := (*repaired, int8)) not in scores:
        return again
    elif scores[again] >= least_score:
        return None
    best = repaired if repaired is not None and scores[repaired] >= least_score else steps
    in_part = (*best, int8.model_copy(update={"max_drop": scores[best] - least_score}))
    return None if in_part in scores else in_part


def float_steps(steps: Steps) -> Steps:
    """The steps of the float network that a point is of: without int8, nor a repair that is for int8."""
    return tuple(step for step in steps if not isinstance(step, Quantize) and not _is_aware(step))


def _is_aware(step: Step) -> bool:
    return isinstance(step, Repair) and step.aware


def share_of(steps: Steps) -> float:
    """The share of the first network's multiply-accumulates that was asked for."""
    share = 1.0
    for step in steps:
        share *= step.share if isinstance(step, Narrow) else 1.0
    return share


def _tried(points: Sequence[Point]) -> list[Tried]:
    """Each share's network with the most repairs."""
    found: dict[float, Tried] = {}
    for point in points:
        steps = float_steps(point.steps)
        share = share_of(steps)
        if share == 1.0:
            continue
        before = found.get(share)
        same = before is not None and before.steps == steps
        if before is None or same or len(steps) > len(before.steps):
            score = max(point.score, before.score) if same and before else point.score
            found[share] = Tried(share, steps, score)
    return list(found.values())
