"""The order in which a search makes its points, without the work of making them."""

import time
from types import SimpleNamespace
from typing import Any

import pytest

from plusx.api import shrink_search
from plusx.api.shrink_search import search
from plusx.shrinking.points import Point
from plusx.shrinking.speed import Speed
from plusx.shrinking.steps import Quantize, Repair, Steps
from plusx.shrinking.wishes import Wishes
from plusx.tasks.classify import Classify
from plusx.training.watch import Silent


class Points:
    """Points whose int8 of all layers falls short, unless the network was trained for it."""

    def __init__(self) -> None:
        self.all: list[Point] = []

    def archive(self, steps: Steps) -> Steps:
        return steps

    def point(self, steps: Steps) -> Point:
        if (there := next((point for point in self.all if point.steps == steps), None)) is not None:
            return there
        trained = any(isinstance(step, Repair) and step.aware for step in steps)
        whole = steps and isinstance(steps[-1], Quantize) and steps[-1].max_drop is None
        score = 0.95 if whole and len(steps) > 1 and not trained else 0.99
        self.all.append(Point(str(len(self.all)), "", score, {"onnx": Speed(1.0, 1.0, 1)}, 1, steps))
        return self.all[-1]


def repair_in(archive: Any, seconds: float, *, aware: bool = False) -> Repair:
    return Repair(epochs=seconds, aware=aware)


@pytest.mark.parametrize("aware", [False, True])
def test_only_who_wishes_it_has_networks_trained_as_int8(monkeypatch: pytest.MonkeyPatch, aware: bool) -> None:
    monkeypatch.setattr(shrink_search, "int8_there", lambda: True)
    monkeypatch.setattr(shrink_search, "_drops", lambda work, score, least: ())
    monkeypatch.setattr(shrink_search, "_boldest", lambda work, first: None)
    work = SimpleNamespace(task=Classify(), watcher=Silent(), teach=lambda points, name: None, repair_in=repair_in)
    points: Any = Points()
    search(points, work, Wishes(max_drop=1, budget_s=4000, aware=aware), time.monotonic())
    small = [point.steps for point in points.all[2:]]
    trained = [steps for steps in small if any(isinstance(step, Repair) and step.aware for step in steps)]
    in_part = [steps for steps in small if isinstance(steps[-1], Quantize) and steps[-1].max_drop is not None]
    assert bool(trained) == aware
    assert bool(in_part) != aware
    # A third of what the repair itself was given.
    for steps in trained:
        *_, last = (step for step in steps if isinstance(step, Repair))
        assert last.epochs == pytest.approx(1000 / 3)
