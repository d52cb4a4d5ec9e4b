"""A batch's gradient, by as many passes through the network as the recipe asks for: what a step descends along."""

from __future__ import annotations

from contextlib import ExitStack
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plusx.data.loader import Batch
from plusx.training.criterion import Goal
from plusx.training.distill import distilled
from plusx.training.selection import hardest, only
from plusx.training.sharpness import ascended
from plusx.training.state import State
from plusx.training.statistics import statistics_kept

# torch's generator is set anew for each pass, so that dropout needs no stored state; the constants keep the steps'
# seeds apart from the seed of the first weights, and the processes' from one another.
STEP_SEED = 0x9E3779B9
RANK_SEED = 0xBF58476D1CE4E5B9


class Found(NamedTuple):
    """What came of the passes over this process's part of a batch.

    `loss` is the sum of its examples' losses and `hits` how many are right, both with the weights as they are;
    `descended` is the loss whose gradient was taken. All are scalars.
    """

    loss: Tensor
    hits: Tensor
    descended: Tensor


def find_gradient(state: State, batch: Batch, goal: Goal) -> Found:
    """Leaves in the weights the gradient of the whole batch's mean loss, averaged over the processes.

    With `learn_from` below 1 it is that of the examples with the largest losses. Each process chooses among its own
    part: where the parts are equal the gradient is that of the chosen ones' mean; else each part's mean counts by the
    part's size.

    With `sharpness` it is the gradient after an ascent. That one goes along the gradient of the whole batch, not of
    each process's part (arXiv 2010.01412 calls that m-sharpness), so that more processes change nothing.
    """
    recipe, part = goal.recipe, len(batch.inputs)
    with ExitStack() as held:
        seen = None
        if recipe.learn_from < 1:
            with torch.no_grad():
                losses, hits = _pass(state.network, state, batch, goal)
            seen, batch = (losses.sum(), hits), only(batch, hardest(losses, recipe.learn_from))
            # The pass that chose has counted the batch, and all of it, as it will be answered.
            held.enter_context(statistics_kept(state.network))
        loss, hits = _descend(state, batch, goal, part)
        seen = seen or (loss, hits)
        if recipe.sharpness is not None:
            # Those of the weights as they are count, not those of the weights after the ascent.
            held.enter_context(statistics_kept(state.network))
            held.enter_context(ascended(state.network.parameters(), recipe.sharpness))
            loss, _ = _descend(state, batch, goal, part)
    return Found(*seen, loss)


def _descend(state: State, batch: Batch, goal: Goal, part: int) -> tuple[Tensor, Tensor]:
    """(the sum of the losses, the hits); the gradient is left in the weights. `part` examples were to choose from."""
    losses, hits = _pass(state.learner, state, batch, goal)
    loss = losses.sum()
    state.optimizer.zero_grad()
    # The gradients are averaged over the processes: so they are those of the whole batch's mean, however it is shared.
    (loss / (len(batch.inputs) / part * (goal.recipe.batch_size / state.world.size))).backward()
    return loss.detach(), hits


def _pass(network: nn.Module, state: State, batch: Batch, goal: Goal) -> tuple[Float[Tensor, " batch"], Tensor]:
    """(each example's loss, the hits). Each pass of a step drops the same parts of the network."""
    recipe = goal.recipe
    torch.manual_seed((recipe.seed * STEP_SEED + state.step + state.world.rank * RANK_SEED) % 2**64)
    with torch.autocast(batch.inputs.device.type, torch.bfloat16, enabled=recipe.precision == "bfloat16"):
        outputs = network(batch.inputs)
        taught = None if goal.teacher is None else goal.teacher(batch.inputs)
    losses = goal.losses(outputs.float(), batch.targets)
    if taught is not None and recipe.distill is not None:
        losses = distilled(
            losses, outputs.float(), taught.float(), recipe.distill, multilabel=goal.task.name == "multilabel"
        )
    return losses, goal.task.hits(outputs, batch.targets)
