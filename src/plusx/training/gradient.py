"""A batch's gradient, by as many passes through the network as the recipe asks for: what a step descends along."""

from __future__ import annotations

from contextlib import ExitStack
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plusx.data.loader import Batch
from plusx.training.criterion import Goal
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

    With `sharpness` it is the gradient after an ascent. That one goes along the gradient of the whole batch, not of
    each process's part (arXiv 2010.01412 calls that m-sharpness), so that more processes change nothing.
    """
    first, hits = _descend(state, batch, goal)
    if goal.recipe.sharpness is None:
        return Found(first, hits, first)
    with ExitStack() as held:
        held.enter_context(statistics_kept(state.network))
        held.enter_context(ascended(state.network.parameters(), goal.recipe.sharpness))
        second, _ = _descend(state, batch, goal)
    return Found(first, hits, second)


def _descend(state: State, batch: Batch, goal: Goal) -> tuple[Tensor, Tensor]:
    """(the sum of the losses, the hits); the gradient is left in the weights."""
    losses, hits = _pass(state.learner, state, batch, goal)
    loss = losses.sum()
    state.optimizer.zero_grad()
    # The gradients are averaged over the processes: so they are those of the whole batch's mean, however it is shared.
    (loss / (goal.recipe.batch_size / state.world.size)).backward()
    return loss.detach(), hits


def _pass(network: nn.Module, state: State, batch: Batch, goal: Goal) -> tuple[Float[Tensor, " batch"], Tensor]:
    """(each example's loss, the hits). Each pass of a step drops the same parts of the network."""
    recipe = goal.recipe
    torch.manual_seed((recipe.seed * STEP_SEED + state.step + state.world.rank * RANK_SEED) % 2**64)
    with torch.autocast(batch.inputs.device.type, torch.bfloat16, enabled=recipe.precision == "bfloat16"):
        outputs = network(batch.inputs)
    return goal.losses(outputs.float(), batch.targets), goal.task.hits(outputs, batch.targets)
