"""A recipe's training batches: which examples come when, how they are changed, and which are mixed."""

from __future__ import annotations

import torch

from plusx.data.cache import Prepared
from plusx.data.loader import Loader
from plusx.data.order import Balanced, Order, Repeated, Uniform
from plusx.training.recipe import Recipe


def build_order(recipe: Recipe, train: Prepared) -> Order:
    """Which example comes when: every class equally often where the recipe balances by sampling, `repeats` of each."""
    balanced = recipe.balance == "sampling"
    order = Balanced(train.targets, recipe.seed) if balanced else Uniform(len(train), recipe.seed)
    return Repeated(order, recipe.repeats) if recipe.repeats > 1 else order


def build_loader(recipe: Recipe, train: Prepared, device: torch.device, part: slice = slice(None)) -> Loader:
    """The recipe's batches, or each one's `part`."""
    return Loader(
        train,
        recipe.batch_size,
        recipe.seed,
        recipe.augment,
        device=device,
        part=part,
        order=build_order(recipe, train),
        mix=recipe.mix,
    )
