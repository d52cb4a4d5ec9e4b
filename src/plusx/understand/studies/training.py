"""How the studies train: the house's own steps by the recipe `paper2015`, shortened, without changed pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import nn

from plusx.data.cache import Prepared
from plusx.model.resnet import ResNet
from plusx.recipes.paper2015 import paper2015
from plusx.tasks.classify import Classify
from plusx.training.criterion import Goal
from plusx.training.feed import build_loader
from plusx.training.recipe import Recipe, Sgd
from plusx.training.schedule import Schedule
from plusx.training.state import State, Tally
from plusx.training.step import NotFinite, score, train_step
from plusx.understand.studies.pictures import Pictures
from plusx.understand.studies.study import Settings

DEVICE = torch.device("cpu")
PLAIN: dict[str, Any] = {"shortcut": None}
RESIDUAL: dict[str, Any] = {"shortcut": "A"}
KINDS = {"plain": PLAIN, "residual": RESIDUAL}
"""What most studies compare: the same layers with nothing added, and with a shortcut that has no parameters."""


class Fitted(NamedTuple):
    """A trained network.

    Args:
        network: its whole graph, from uint8 pixels to logits; in evaluation mode.
        net: the `ResNet` in it.
        curve: the training error of each epoch, counted while it learned.
        diverged: whether the loss or its gradient was no longer finite; the weights are then those before it.
    """

    network: nn.Module
    net: ResNet
    curve: list[float]
    diverged: bool


def layers_of(blocks: int) -> int:
    """Layers of a network of the CIFAR form with so many basic blocks a stage.

    >>> [layers_of(blocks) for blocks in (3, 9, 18)]
    [20, 56, 110]
    """
    return 6 * blocks + 2


def recipe_of(settings: Settings, pictures: Pictures, blocks: int, seed: int, options: dict[str, Any]) -> Recipe:
    """`paper2015` for these settings; `options` go over those of the CIFAR form."""
    form = {"num_layers": [blocks] * 3, "num_filters": settings.width, **options}
    return paper2015(pictures.facts).model_copy(
        update={
            "seed": seed,
            "model_options": form,
            "preprocessing": pictures.spec,
            # A changed picture would keep even a large network from learning its training set.
            "augment": (),
            "batch_size": settings.batch_size,
            "epochs": settings.epochs,
            "optimizer": Sgd(lr=settings.lr, momentum=0.9, nesterov=False, weight_decay=1e-4, decay_all=True),
            # Section 4.2 starts its ResNet-110 at a tenth; here every network does.
            "schedule": Schedule(name="steps", warmup=0.1, start=0.1, milestones=(0.5, 0.75)),
        }
    )


def first_state(settings: Settings, pictures: Pictures, blocks: int, seed: int, options: dict[str, Any]) -> State:
    """A network of the CIFAR form with its first weights, and its optimiser."""
    recipe = recipe_of(settings, pictures, blocks, seed, options)
    return State(recipe, Classify().network_options(pictures.train.classes), DEVICE)


def fit_net(
    settings: Settings,
    pictures: Pictures,
    blocks: int,
    seed: int,
    options: dict[str, Any],
    *,
    begin: Callable[[ResNet], None] = lambda net: None,
    after_epoch: Callable[[int, nn.Module], None] = lambda epoch, network: None,
) -> Fitted:
    """Trains a network of the CIFAR form.

    `begin` may change the first weights; `after_epoch` gets the number of epochs done, from 0, and the network.
    """
    state = first_state(settings, pictures, blocks, seed, options)
    begin(state.net)
    recipe = recipe_of(settings, pictures, blocks, seed, options)
    goal = Goal.of(recipe, Classify(), pictures.train)
    an_epoch = max(1, len(pictures.train) // recipe.batch_size)
    curve: list[float] = []
    diverged = False
    after_epoch(0, state.network)
    for batch in build_loader(recipe, pictures.train, DEVICE).stream(0, goal.steps):
        try:
            outcome = train_step(state, batch, goal)
        except NotFinite:
            diverged = True
            break
        state.tally.add(outcome.loss, outcome.hits, recipe.batch_size)
        if state.step % an_epoch == 0:
            curve.append(1 - state.tally.hits / state.tally.seen)
            state.tally = Tally()
            after_epoch(len(curve), state.network)
    return Fitted(state.network.eval(), state.net, curve, diverged)


def error(network: nn.Module, prepared: Prepared) -> float:
    """The share of wrong answers, the network in evaluation mode."""
    return 1 - score(network, Classify(), prepared, DEVICE)[1]


def loss(network: nn.Module, prepared: Prepared) -> float:
    """The mean cross-entropy, the network in evaluation mode."""
    return score(network, Classify(), prepared, DEVICE)[0]


def errors(fitted: Fitted, pictures: Pictures) -> dict[str, float]:
    """Training and test error as two columns of a row."""
    return {
        "train_error": error(fitted.network, pictures.train),
        "test_error": error(fitted.network, pictures.test),
    }
