"""A training's state: everything that the next step depends on beside the recipe and the data."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from plusx.model.fronts import channels_last, with_front
from plusx.model.zoo import ZOO
from plusx.training.average import Average
from plusx.training.checkpoint import Checkpoint
from plusx.training.distributed import World
from plusx.training.fake_int8 import train_as_int8
from plusx.training.groups import first_convolution, freeze
from plusx.training.lookahead import SlowWeights
from plusx.training.optim import build_optimizer
from plusx.training.recipe import Recipe
from plusx.training.spec_mask import Masked
from plusx.training.sync_norm import synchronise_norms


@dataclass
class Tally:
    """Sums over the epoch so far."""

    loss: float = 0.0
    hits: float = 0.0
    seen: int = 0

    def add(self, loss: float, hits: float, count: int) -> None:
        """Counts a batch of `count` examples with this mean loss."""
        self.loss += loss * count
        self.hits += hits
        self.seen += count


@dataclass
class Best:
    """The best validation so far, for early stopping: its loss, its epoch and its weights."""

    loss: float = float("inf")
    epoch: float = -1
    weights: dict[str, Tensor] | None = None


class State:
    """The network (`net`; `network` is its whole graph, front included), its optimiser, and how far they have come.

    Args:
        recipe: decides the network, its first weights (by the seed) and the optimiser.
        network_options: what the task asks of the network, such as its number of classes.
        device: where the training runs.
        world: the processes that share each batch. `learner` is the network as they train it together.
    """

    def __init__(
        self, recipe: Recipe, network_options: Mapping[str, Any], device: torch.device, world: World | None = None
    ):
        self.world = world or World()
        torch.manual_seed(recipe.seed)
        in_channels = recipe.preprocessing.features[0]
        self.net = ZOO[recipe.model](**{"in_channels": in_channels, **recipe.model_options, **network_options})
        self.network = with_front(recipe.preprocessing.model_dump(mode="json"), self.net).to(device)
        if recipe.spec_mask is not None:
            # In the front, which has no weights, so that the others keep their names.
            self.network.front = nn.Sequential(self.network.get_submodule("front"), Masked(recipe.spec_mask))
        if recipe.channels_last:
            channels_last(self.network)
        if recipe.sync_norm and self.world.size > 1:
            synchronise_norms(self.network)
        if recipe.fake_int8:
            train_as_int8(self.network)
        freeze(self.network, recipe.frozen)
        if recipe.whiten:
            first_convolution(self.net).requires_grad_(False)
        self.learner = self.world.replicate(self.network)
        self.optimizer = build_optimizer(self.network, recipe.optimizer, recipe.rate_decay)
        self._recipe = recipe
        self.begin_followers()
        self.step = 0
        self.tally = Tally()
        self.best = Best()

    def train(self) -> None:
        """Puts the network into training mode, but for its frozen stages."""
        self.network.train()
        freeze(self.network, self._recipe.frozen)

    def begin_followers(self) -> None:
        """Lets what follows the weights, their average and the slow ones, begin where the weights now are."""
        recipe = self._recipe
        self.average = Average(self.network, recipe.average) if recipe.average else None
        self.slow = SlowWeights(self.network, recipe.lookahead) if recipe.lookahead else None

    def kept(self) -> dict[str, Tensor]:
        """The network's state as it would be kept now: averaged or with the slow weights, where there are any.

        Not copied: the next step changes it.
        """
        if self.average is not None:
            return self.average.state
        weights = self.network.state_dict()
        return weights if self.slow is None else {**weights, **self.slow.state}

    def evaluated(self) -> nn.Module:
        """The network as it would answer now, with the weights that would be kept. In evaluation mode.

        It is the same in all processes, of which each has seen its own part of the batches.
        """
        network = self.network
        if self.average is not None or self.slow is not None:
            network = deepcopy(self.network)
            network.load_state_dict(self.kept())
        self.world.follow(network)
        return network.eval()

    def checkpoint(self) -> Checkpoint:
        """All of it, by name."""
        tensors = {f"network/{name}": tensor for name, tensor in self.network.state_dict().items()}
        for index, slots in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{index}/{slot}": value for slot, value in slots.items() if value is not None}
        for prefix, follower in self._followers():
            tensors |= {f"{prefix}/{name}": tensor for name, tensor in follower.items()}
        if self.best.weights is not None:
            tensors |= {f"best/{name}": tensor for name, tensor in self.best.weights.items()}
        counters = {"tally": asdict(self.tally), "best": {"loss": self.best.loss, "epoch": self.best.epoch}}
        return Checkpoint(self.step, tensors, counters)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Continues from a checkpoint of the same recipe."""
        self.network.load_state_dict(_below(checkpoint.tensors, "network"))
        self._restore_optimizer(_below(checkpoint.tensors, "optimizer"))
        for prefix, follower in self._followers():
            for name, tensor in _below(checkpoint.tensors, prefix).items():
                follower[name].copy_(tensor)
        self.step = checkpoint.step
        self.tally = Tally(**checkpoint.counters["tally"])
        self.best = Best(**checkpoint.counters["best"], weights=_below(checkpoint.tensors, "best") or None)

    def _followers(self) -> list[tuple[str, dict[str, Tensor]]]:
        named = (("average", self.average), ("slow", self.slow))
        return [(prefix, follower.state) for prefix, follower in named if follower is not None]

    def _restore_optimizer(self, tensors: Mapping[str, Tensor]) -> None:
        parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        slots: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            index, slot = name.split("/")
            parameter = parameters[int(index)]
            # In the parameter's own memory layout: another one may round otherwise.
            same = tensor.shape == parameter.shape
            placed = torch.empty_like(parameter).copy_(tensor) if same else tensor
            slots.setdefault(int(index), {})[slot] = placed.detach()
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": slots, "param_groups": groups})


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(f"{prefix}/"): tensor for name, tensor in tensors.items() if name.startswith(f"{prefix}/")
    }
