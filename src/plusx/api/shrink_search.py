"""The search of a shrinking: what is tried in which order, within its time."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec

from plusx.api.shrink_means import Work
from plusx.api.shrink_points import Points
from plusx.shrinking.drop_blocks import droppable, highest, without
from plusx.shrinking.opened import network_of, with_network
from plusx.shrinking.search import next_form, next_steps
from plusx.shrinking.steps import Drop, Quantize, Repair, Steps, in_words
from plusx.shrinking.wishes import Wishes

REPAIRS_PLANNED = 4
LEAST_REPAIR_S = 2.0
AWARE_SHARE = 1 / 3
"""Of a repair's time, for one as int8."""
FOR_THE_REST = 0.85
"""What a repair may take of the time that is left: int8 and measuring follow."""
AT_ONCE = 4
"""Blocks go together while the score falls by at most so many times what is allowed: the repair makes up for it."""


def search(points: Points, work: Work, wishes: Wishes, began: float) -> None:
    """Makes points until the time is over or nothing is left to try; `began` is a moment of the monotonic clock."""
    given = points.point(())
    least = wishes.least(work.task, given.score)
    work.teach(points, _teacher_for(points, work, least))
    first: Steps | None = None
    boldest: Steps | None = None
    while True:
        seconds = seconds_left(wishes, began)
        if seconds < LEAST_REPAIR_S:
            return
        if first is None:
            first = _drops(work, given.score, least)
            boldest = _boldest(work, first)
        steps = next_steps(points.all, least, first, boldest)
        if steps is None:
            return
        step = work.repair_in(points.archive(steps), seconds)
        steps = (*steps, step)
        work.watcher.note(f"next: {in_words(steps)}")
        _float_and_int8(points, steps, least, partial(_aware, points, work, steps, wishes, began))


def _float_and_int8(points: Points, steps: Steps, least: float, aware: Callable[[], Repair | None]) -> None:
    """A repaired network, and its int8; where that falls short and the float does not, what `next_form` tries then."""
    form: Steps | None = steps
    while form is not None:
        points.point(form)
        form = next_form(points.all, steps, least, aware) if int8_there() else None


def _aware(points: Points, work: Work, steps: Steps, wishes: Wishes, began: float) -> Repair | None:
    """The repair as int8 of the network of these steps, if it is wished for and there is time."""
    seconds = AWARE_SHARE * seconds_left(wishes, began)
    if not wishes.aware or seconds < LEAST_REPAIR_S:
        return None
    return work.repair_in(points.archive(steps), seconds, aware=True)


def seconds_left(wishes: Wishes, began: float) -> float:
    """What a repair may take now."""
    left_s = began + wishes.budget_s - time.monotonic()
    return min(wishes.budget_s / REPAIRS_PLANNED, FOR_THE_REST * left_s)


def _teacher_for(points: Points, work: Work, least: float) -> str | None:
    """The name of the point that teaches: the given model, in int8 where that is right, since it is several times as
    fast; None: the task takes no teacher."""
    fast = points.point((Quantize(),)) if int8_there() else None
    if not work.task.CLASSES or work.task.WHOLE:
        return None
    return fast.name if fast is not None and fast.score >= least else points.given.name


def _drops(work: Work, score: float, least: float) -> Steps:
    """The blocks that can go together at little cost, before any repair; the cheapest first."""
    net = network_of(work.archive)

    def cost(*names: str) -> float:
        return score - work.score(with_network(work.archive, without(net, names)))

    alone = {name: cost(name) for name in droppable(net) if name != highest(net)}
    gone: list[str] = []
    for name in sorted(alone, key=lambda each: alone[each]):
        work.watcher.note(f"without {name} the score falls by {alone[name]:.4f}")
        stage = int(name.split(".")[1])
        left = net.spec["num_layers"][stage] - sum(each.startswith(f"stages.{stage}.") for each in gone)
        if left > 1 and cost(*gone, name) <= AT_ONCE * (score - least):
            gone.append(name)
    return (Drop(blocks=tuple(sorted(gone))),) if gone else ()


def _boldest(work: Work, first: Steps) -> Steps | None:
    """What may go before the first narrowing, and is missed by the score alone."""
    name = highest(network_of(work.archive))
    gone = [block for step in first if isinstance(step, Drop) for block in step.blocks]
    return None if name is None else (Drop(blocks=tuple(sorted([name, *gone]))),)


def int8_there() -> bool:
    """Whether what int8 needs is installed."""
    return all(find_spec(name) is not None for name in ("nncf", "onnx", "onnxscript"))
