"""The learning-rate range test: a rate that grows with every step shows by itself where it is too high.

Smith, "Cyclical learning rates for training neural networks", arXiv 1506.01186, section 3.3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float64

from plusx.data.cache import Prepared
from plusx.data.loader import Batch
from plusx.tasks import Task
from plusx.training.criterion import Goal
from plusx.training.feed import build_loader
from plusx.training.recipe import Muon, Recipe
from plusx.training.schedule import Schedule
from plusx.training.state import State
from plusx.training.step import NotFinite, train_step
from plusx.training.whiten import whiten

STEPS = 100
# Of the recipe's own rate: what is tested.
LOW, HIGH = 1e-3, 1e2
# Of the smallest loss so far: beyond that the training has diverged.
DIVERGED = 3.0
# Steps on either side over which a loss is averaged.
SMOOTHING = 3.0


def rates(low: float, high: float, steps: int) -> list[float]:
    """`steps` rates from `low` to `high`, each the same multiple of the one before.

    >>> [round(rate, 6) for rate in rates(0.001, 1, 4)]
    [0.001, 0.01, 0.1, 1.0]
    """
    return np.geomspace(low, high, steps).tolist()


def suggest(rates: Sequence[float], losses: Sequence[float]) -> float:
    """The rate at which the smoothed loss falls fastest, before its minimum: a good peak for a schedule.

    The minimum itself is where the growing rate begins to do harm. Measured on 20,000 digits of MNIST, resnet8, one
    epoch of one-cycle: SGD is given 1.2, and of 0.1, 0.3, 1 and 3 is best at 1; Muon 0.08 and 0.1; AdamW 0.011 and
    0.01; LAMB 0.05 and 0.05. A tenth of the minimum's rate, which is customary too, is 2 to 6 times lower.

    `losses` may be shorter than `rates`, where the test was stopped, and are used up to the first that is no finite
    number. Where none of them falls, the lowest rate is given.

    Raises:
        ValueError: there is no rate.

    >>> grown = rates(0.001, 10.0, 100)
    >>> round(suggest(grown, [1 / (1 + rate / 0.1) for rate in grown]), 2)
    0.1
    """
    if not rates:
        raise ValueError("a range test needs a rate")
    finite = np.isfinite(losses)
    usable = len(losses) if finite.all() else int(finite.argmin())
    if usable < 2:
        return rates[0]
    smooth = smoothed(losses[:usable])
    slope = np.gradient(smooth)[: int(smooth.argmin()) + 1]
    return rates[int(slope.argmin())] if slope.min() < 0 else rates[0]


def measure(step: Callable[[float], float], rates: Sequence[float]) -> list[float]:
    """The loss of a training step at each rate in turn, up to where it diverges: three times the best, smoothed.

    A step that raises `NotFinite` ends it too.

    >>> measure(lambda rate: 1.0 if rate < 0.5 else float("inf"), [0.1, 0.2, 0.5, 1.0])
    [1.0, 1.0]
    """
    losses: list[float] = []
    for rate in rates:
        try:
            loss = step(rate)
        except NotFinite:
            break
        if not math.isfinite(loss):
            break
        losses.append(loss)
        smooth = smoothed(losses)
        if smooth[-1] > DIVERGED * smooth.min():
            break
    return losses


def smoothed(losses: Sequence[float]) -> Float64[np.ndarray, " steps"]:
    """Each loss averaged with its neighbours, by a bell curve; nothing lags, as a moving average would.

    >>> smoothed([1.0, 1.0, 1.0]).tolist()
    [1.0, 1.0, 1.0]
    """
    place = np.arange(len(losses))
    weights = np.exp(-0.5 * ((place[:, None] - place) / SMOOTHING) ** 2)
    return weights @ np.asarray(losses, np.float64) / weights.sum(axis=1)


def find_lr(recipe: Recipe, task: Task, train: Prepared, device: torch.device, steps: int = STEPS) -> float:
    """A rate for `recipe.optimizer.lr`, found by up to `steps` steps of a network that is thrown away.

    Rates from a thousandth to a hundred times the recipe's own are tried; where the optimiser has several, such as
    Muon's two, all grow alike. Nothing is left behind: no file, and torch's random numbers go on as if it had not been.
    """
    # Pictures of one size: else it would be unclear whether rates or pictures change the loss.
    without = {"average": None, "resize": None}
    flat = recipe.model_copy(update={"schedule": Schedule(name="steps", warmup=0.0), **without})
    tried = rates(recipe.optimizer.lr * LOW, recipe.optimizer.lr * HIGH, steps)
    goal = replace(Goal.of(flat, task, train), steps=steps)
    loader = build_loader(recipe, train, device)
    with torch.random.fork_rng([device] if device.type == "cuda" else []), closing(loader.stream(0, steps)) as batches:
        state = State(flat, task.network_options(train.classes), device)
        if flat.whiten:
            whiten(state, train, flat.seed)
        return suggest(tried, measure(_trial(state, goal, batches), tried))


def with_found_lr(recipe: Recipe, task: Task, train: Prepared, device: torch.device) -> Recipe:
    """The recipe with the rate that `find_lr` finds; of several, all in the proportion that they had."""
    optimizer = recipe.optimizer
    found = float(f"{find_lr(recipe, task, train, device):.2g}")
    rates = {"lr": found}
    if isinstance(optimizer, Muon):
        rates["other_lr"] = optimizer.other_lr * found / optimizer.lr
    reasons = {**recipe.reasons, "optimizer.lr": "where the loss of a range test fell fastest (arXiv 1506.01186)"}
    return recipe.model_copy(update={"optimizer": optimizer.model_copy(update=rates), "reasons": reasons})


def _trial(state: State, goal: Goal, batches: Iterator[Batch]) -> Callable[[float], float]:
    peaks = [group["peak"] for group in state.optimizer.param_groups]

    def step(rate: float) -> float:
        for group, peak in zip(state.optimizer.param_groups, peaks, strict=True):
            group["peak"] = peak * rate / goal.recipe.optimizer.lr
        return train_step(state, next(batches), goal).loss

    return step
