"""One optimiser step, and the scores of a network: what the loop repeats."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from plusx.data.cache import Prepared
from plusx.data.loader import Batch, in_order
from plusx.tasks import Task
from plusx.training.criterion import Goal
from plusx.training.distributed import World
from plusx.training.gradient import find_gradient
from plusx.training.resize import resized
from plusx.training.state import State

# Processes share a set in such units, so that each unit's outputs have the same bits however many they are.
SCORED_AT_ONCE = 128


class NotFinite(ArithmeticError):
    """A step whose loss or gradient is infinite or no number."""


class Outcome(NamedTuple):
    """What came of a step, over all processes: the batch's mean loss, its hits, and whether one was asked to stop.

    Hits are what the task counts by `hits`.
    """

    loss: float
    hits: float
    stop: bool


def train_step(state: State, batch: Batch, goal: Goal, asked_to_stop: Callable[[], bool] = lambda: False) -> Outcome:
    """One optimiser step, in place. `batch` is this process's part of the recipe's batch.

    Raises:
        NotFinite: the loss or the gradient is infinite or no number, in any process; nothing was updated.
    """
    recipe, world = goal.recipe, state.world
    progress = state.step / goal.steps
    factor = recipe.schedule.factor(progress)
    for group in state.optimizer.param_groups:
        group["lr"] = group["peak"] * factor
    state.train()
    if recipe.resize is not None:
        size = recipe.resize.size(recipe.preprocessing.shape[1:], progress)
        batch = batch._replace(inputs=resized(batch.inputs, size))
    found = find_gradient(state, batch, goal)
    length = _clip(state.network, recipe.clip_norm)
    # One exchange a step for all that the processes must agree on.
    total, hits, descended, stops = world.sum(*found, asked_to_stop())
    mean = total / recipe.batch_size
    for loss in (mean, descended):
        if not math.isfinite(loss):
            raise NotFinite(f"the loss is {loss}")
    if not math.isfinite(length):
        raise NotFinite(f"the gradient's length is {length}")
    state.optimizer.step()
    if state.slow is not None:
        state.slow.update(state.network, state.step + 1, last=state.step + 1 == goal.steps)
    if state.average is not None:
        state.average.update(state.network, state.step)
    state.step += 1
    return Outcome(mean, hits, stops > 0)


def _clip(network: nn.Module, clip_norm: float | None) -> float:
    if clip_norm is None:
        return 0.0
    return float(nn.utils.clip_grad_norm_(network.parameters(), clip_norm))


@torch.inference_mode()
def score(
    network: nn.Module, task: Task, prepared: Prepared, device: torch.device, world: World | None = None
) -> tuple[float, float]:
    """The mean loss and the mean of the task's hits, mostly the accuracy, over all examples, shared by the processes.

    The network is in evaluation mode.
    """
    world = world or World()
    part = prepared.take(np.arange(len(prepared))[world.share(len(prepared), unit=SCORED_AT_ONCE)])
    loss = torch.zeros((), dtype=torch.float64)
    hits = 0.0
    for batch in in_order(part, min(SCORED_AT_ONCE, task.AT_ONCE), device=str(device)):
        outputs: Tensor = network(batch.inputs).float()
        loss += float(task.losses(outputs, batch.targets).sum())
        hits += float(task.hits(outputs, batch.targets))
    loss, hits = world.sum(loss, hits)
    return loss / len(prepared), hits / len(prepared)
