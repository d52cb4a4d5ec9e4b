"""The optimisers of a recipe, and how each is built over a network."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch

# Else torch imports it, for most of a second, when the first optimiser is made: in the midst of what `--budget` times.
import torch._dynamo
from pydantic import BaseModel, Field, PositiveFloat
from torch import nn

from plusx.training.groups import decays, parameter_groups
from plusx.training.lamb import LambOptimizer
from plusx.training.muon import MuonOptimizer, filter_banks

Share = Annotated[float, Field(ge=0, le=1)]


class Sgd(BaseModel, frozen=True, extra="forbid"):
    """Stochastic gradient descent with Nesterov's momentum, or plain momentum. `lr` is the schedule's peak."""

    name: Literal["sgd"] = "sgd"
    lr: PositiveFloat = 0.1
    momentum: Share = 0.9
    nesterov: bool = True
    weight_decay: float = Field(default=5e-4, ge=0)
    decay_all: bool = Field(default=False, description="normalisations and biases decay too, as they did in 2015")


class AdamW(BaseModel, frozen=True, extra="forbid"):
    """Adam with decoupled weight decay (arXiv 1711.05101). `lr` is the schedule's peak."""

    name: Literal["adamw"] = "adamw"
    lr: PositiveFloat = 1e-3
    betas: tuple[Share, Share] = (0.9, 0.999)
    weight_decay: float = Field(default=0.05, ge=0)


class Lamb(BaseModel, frozen=True, extra="forbid"):
    """LAMB for large batches (arXiv 1904.00962): see `plusx.training.lamb`. `lr` is the schedule's peak."""

    name: Literal["lamb"] = "lamb"
    lr: PositiveFloat = 5e-3
    betas: tuple[Share, Share] = (0.9, 0.999)
    weight_decay: float = Field(default=0.01, ge=0)
    max_norm: PositiveFloat | None = Field(default=1.0, description="the gradient's longest length; null: any")


class Muon(BaseModel, frozen=True, extra="forbid"):
    """Orthogonalised momentum for filter banks, SGD for the rest: see `plusx.training.muon`.

    `lr` and `other_lr` are the schedule's peaks; `weight_decay` is for the rest, since filter banks keep their norm.
    """

    name: Literal["muon"] = "muon"
    lr: PositiveFloat = 0.1
    momentum: Share = 0.6
    other_lr: PositiveFloat = 0.1
    other_momentum: Share = 0.9
    weight_decay: float = Field(default=5e-4, ge=0)


Optimizer = Annotated[Sgd | AdamW | Lamb | Muon, Field(discriminator="name")]
"""Any of them in a recipe, told apart by `name`."""


def build_optimizer(network: nn.Module, optimizer: Optimizer, rate_decay: float = 1.0) -> torch.optim.Optimizer:
    """The optimiser over the weights of `network` that learn; each of its groups has its `peak` for the schedule.

    `rate_decay` is each stage's rate as a share of the next one's: `plusx.training.groups.parameter_groups`.

    >>> [group["weight_decay"] for group in build_optimizer(nn.Linear(2, 2), Sgd(weight_decay=0.1)).param_groups]
    [0.1, 0.0]
    """
    if isinstance(optimizer, Muon):
        return _muon(network, optimizer, rate_decay)

    def settings(parameter: nn.Parameter) -> dict[str, Any]:
        everything = isinstance(optimizer, Sgd) and optimizer.decay_all
        decay = optimizer.weight_decay if everything or decays(parameter) else 0.0
        return {"peak": optimizer.lr, "weight_decay": decay}

    groups = parameter_groups(network, settings, rate_decay)
    if isinstance(optimizer, Lamb):
        return LambOptimizer([{**group, "betas": optimizer.betas} for group in groups], optimizer.max_norm)
    # Fused: one kernel updates all of a group.
    if isinstance(optimizer, AdamW):
        return torch.optim.AdamW(groups, betas=optimizer.betas, fused=True)
    nesterov = optimizer.nesterov and optimizer.momentum > 0
    return torch.optim.SGD(groups, momentum=optimizer.momentum, nesterov=nesterov, fused=True)


def _muon(network: nn.Module, optimizer: Muon, rate_decay: float) -> MuonOptimizer:
    banks = {id(bank) for bank in filter_banks(network)}

    def settings(parameter: nn.Parameter) -> dict[str, Any]:
        if id(parameter) in banks:
            return {"peak": optimizer.lr, "momentum": optimizer.momentum, "weight_decay": 0.0, "orthogonal": True}
        return {
            "peak": optimizer.other_lr,
            "momentum": optimizer.other_momentum,
            "weight_decay": optimizer.weight_decay if decays(parameter) else 0.0,
            "orthogonal": False,
        }

    return MuonOptimizer(parameter_groups(network, settings, rate_decay))
