"""`--budget`: a recipe for a given time, measured on this machine, then fixed and exact like any other."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import torch

from plusx.api.examples import Parted, prepare_examples
from plusx.api.plan import Plan
from plusx.data.cache import Prepared, available_cores
from plusx.data.image import BadSample
from plusx.data.masked import stored_spec
from plusx.data.modalities import Spec
from plusx.data.sources import Samples
from plusx.tasks import task_for
from plusx.training.budget import Measured, climb, fitted
from plusx.training.recipe import Recipe
from plusx.training.speed import measure_speed
from plusx.training.watch import Watcher

ENDING_S = 0.4
"""For the last checkpoint, and for storing the model and reading it back."""
TIMED_SAMPLES = 16


@dataclass(frozen=True)
class Deadline:
    """`budget_s` seconds after the moment `began` of the monotonic clock."""

    began: float
    budget_s: float

    def left_s(self) -> float:
        """For the training itself, from now on."""
        return self.began + self.budget_s - time.monotonic() - ENDING_S

    @property
    def measuring_s(self) -> float:
        """What may be spent on measuring one recipe."""
        return min(2.0, max(0.2, 0.02 * self.budget_s))


def resolve_in_time(
    plan: Plan, parted: Parted, ladder: Sequence[Recipe], deadline: Deadline, device: torch.device, watcher: Watcher
) -> tuple[Recipe, Mapping[str, Prepared]]:
    """The recipe of the ladder that the time allows, with the epochs that fit, and its prepared examples.

    Where the person named no precision, the faster one is taken.

    Raises:
        PlusxError: more of a split than the plan allows cannot be used.
    """
    train, val = parted.dataset.split("train"), parted.dataset.split("val")
    task = task_for(train, ladder[0].task)
    same_for_all = len({recipe.stored.storage_key for recipe in ladder}) == 1
    prepared = prepare_examples(parted, ladder[0], plan, watcher) if same_for_all else None

    def measure(recipe: Recipe) -> Measured:
        # Which is faster depends on the processor and on the network's width; float32 for a reason stays.
        settled = "precision" in plan.changes or (recipe.precision == "float32" and "precision" in recipe.reasons)
        precisions = (recipe.precision,) if settled else ("float32", "bfloat16")
        ways = [recipe.model_copy(update={"precision": precision}) for precision in precisions]
        speeds = [measure_speed(way, task, train.classes, device, deadline.measuring_s) for way in ways]
        speed, recipe = min(zip(speeds, ways, strict=True), key=lambda pair: pair[0].train_s)
        ahead_s = 0.0 if prepared else preparing_s(train, recipe.stored) * (len(train) + len(val)) / available_cores()
        return Measured(recipe, speed, deadline.left_s() - ahead_s)

    recipe, speed = climb(ladder, measure, len(train), len(val))
    if prepared is None:
        prepared = prepare_examples(parted, recipe, plan, watcher)
    after_s = speed.score_s * len(prepared["val"]) if task.CALIBRATES else 0.0
    recipe = fitted(recipe, speed, deadline.left_s() - after_s, len(prepared["train"]), len(prepared["val"]))
    why = f"what {deadline.budget_s:g} s allow at {1 / speed.train_s:,.0f} examples a second"
    return recipe.model_copy(update={"reasons": {**recipe.reasons, "epochs": why}}), prepared


def preparing_s(samples: Samples, spec: Spec) -> float:
    """Seconds that one thread needs to prepare one example, the median of a few."""
    stored = stored_spec(samples, spec)
    times: list[float] = []
    for index in np.linspace(0, len(samples) - 1, TIMED_SAMPLES).astype(int):
        began = time.perf_counter()
        with suppress(BadSample, OSError):
            stored.prepare(samples.source.read(int(index)))
        times.append(time.perf_counter() - began)
    return float(np.median(times))
