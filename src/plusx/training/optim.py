"""Optimisers from a recipe."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from plusx.training.recipe import AdamW, Optimizer


def parameter_groups(net: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """The weights that decay, and those that do not: normalisations' and biases (arXiv 1812.01187, section 3.1).

    >>> [len(group["params"]) for group in parameter_groups(nn.Linear(2, 2), 0.1)]
    [1, 1]
    """
    learned = [parameter for parameter in net.parameters() if parameter.requires_grad]
    return [
        {"params": [parameter for parameter in learned if parameter.ndim > 1], "weight_decay": weight_decay},
        {"params": [parameter for parameter in learned if parameter.ndim <= 1], "weight_decay": 0.0},
    ]


def build_optimizer(net: nn.Module, optimizer: Optimizer) -> torch.optim.Optimizer:
    """The optimiser over `net`'s parameters, fused: one kernel updates them all."""
    groups = parameter_groups(net, optimizer.weight_decay)
    if isinstance(optimizer, AdamW):
        return torch.optim.AdamW(groups, lr=optimizer.lr, betas=optimizer.betas, fused=True)
    nesterov = optimizer.momentum > 0
    return torch.optim.SGD(groups, lr=optimizer.lr, momentum=optimizer.momentum, nesterov=nesterov, fused=True)
