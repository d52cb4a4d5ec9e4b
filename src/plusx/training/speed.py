"""How fast this machine trains a recipe: measured on examples made up for it, before the real ones are prepared."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
import torch

from plusx.data.cache import Prepared, stored_shape
from plusx.data.sources import ArraySource, Samples
from plusx.tasks import Task
from plusx.training.criterion import Goal
from plusx.training.feed import build_loader
from plusx.training.recipe import Recipe
from plusx.training.state import State
from plusx.training.step import score, train_step

# A network's first steps choose and build their kernels.
WARM_UP = 3
LEAST_STEPS = 4


@dataclass(frozen=True)
class Speed:
    """Seconds an example, of training (`train_s`) and of validating (`score_s`)."""

    train_s: float
    score_s: float


def measure_speed(recipe: Recipe, task: Task, classes: Sequence[str], device: torch.device, seconds: float) -> Speed:
    """The speed of the recipe's own steps, its augmentation included, in about `seconds` after the first few steps.

    The network that is trained here is thrown away. Pictures have their full size, so that a training with `resize`
    takes less time than is foreseen, and never more.
    """
    recipe = recipe.model_copy(update={"resize": None})
    prepared = made_up(recipe, task, classes)
    state = State(recipe, task.network_options(classes), device)
    goal = Goal.of(recipe, task, prepared)
    loader = build_loader(recipe, prepared, device)
    times: list[float] = []
    last = began = time.perf_counter()
    for batch in loader.stream(0, 1_000_000):
        train_step(state, batch, goal)
        now = time.perf_counter()
        times.append(now - last)
        last = now
        if len(times) == WARM_UP:
            began = now
        if len(times) >= WARM_UP + LEAST_STEPS and now - began > seconds:
            break
    examples = prepared.take(np.arange(recipe.batch_size))
    scoring: list[float] = []
    for _ in range(3):
        began = time.perf_counter()
        score(state.evaluated(), task, examples, device)
        scoring.append(time.perf_counter() - began)
    return Speed(median(times[WARM_UP:]) / recipe.batch_size, min(scoring) / recipe.batch_size)


def made_up(recipe: Recipe, task: Task, classes: Sequence[str]) -> Prepared:
    """Two batches of random examples, stored as the recipe says."""
    random = np.random.default_rng(0)
    shape = (2 * recipe.batch_size, *stored_shape(recipe.stored))
    values = random.integers(0, 256, shape).astype(recipe.stored.dtype)
    targets = task.made_up(len(values), classes)
    if task.HEADS:
        targets = np.broadcast_to(targets, values.shape[:-1]).copy()
    samples = Samples(ArraySource(values, "made-up"), targets, tuple(classes), recipe.preprocessing.modality, task.name)
    return Prepared.of(samples, recipe.stored, values)
