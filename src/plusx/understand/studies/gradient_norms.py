"""How long gradients are in each layer of a network, and the kinds of networks that are asked."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from plusx.data.loader import Batch
from plusx.model.resnet import ResNet
from plusx.understand.studies.training import PLAIN, RESIDUAL


@dataclass(frozen=True)
class Case:
    """A kind of network: options of the CIFAR form, and whether its first weights have unit gain."""

    options: Mapping[str, Any]
    unit_gain: bool = False


V2 = {"block": "preact_basic"}
BARE = {"norm": "none"}
CASES: dict[str, Case] = {
    "plain, batch norm": Case(PLAIN),
    "residual, batch norm": Case(RESIDUAL),
    "residual v2, batch norm": Case(RESIDUAL | V2),
    "plain, no norm": Case(PLAIN | BARE),
    "residual, no norm": Case(RESIDUAL | BARE),
    "plain, no norm, unit gain": Case(PLAIN | BARE, unit_gain=True),
    "residual, no norm, unit gain": Case(RESIDUAL | BARE, unit_gain=True),
    "residual v2, no norm, unit gain": Case(RESIDUAL | BARE | V2, unit_gain=True),
}


def start_with_unit_gain(net: ResNet) -> None:
    """First weights as they were usual before arXiv 1502.01852: Glorot and Bengio's, which take no account of ReLU."""
    for module in (*net.stem.modules(), *net.stages.modules()):
        if isinstance(module, nn.Conv2d):
            nn.init.xavier_normal_(module.weight)


class Norms(NamedTuple):
    """Lengths of gradients from input to output: of the 3x3 layers' weights, and of the blocks' outputs."""

    weights: list[float]
    maps: list[float]


def gradient_norms(network: nn.Module, batch: Batch) -> Norms:
    """The gradient of the batch's mean cross-entropy, the network in training mode; it stays as it is.

    `network` is the whole graph, whose `net` is a `ResNet` of basic blocks.
    """
    copy = deepcopy(network).train()
    net = copy.get_submodule("net")
    assert isinstance(net, ResNet)
    outputs: list[Tensor] = []

    def keep(block: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        output.retain_grad()
        outputs.append(output)

    for _, block in net.residuals():
        block.register_forward_hook(keep)
    functional.cross_entropy(copy(batch.inputs), batch.targets).backward()
    convolutions = [
        layer for _, block in net.residuals() for layer in block.branch.modules() if isinstance(layer, nn.Conv2d)
    ]
    return Norms([_length(layer.weight.grad) for layer in convolutions], [_length(output.grad) for output in outputs])


def _length(gradient: Tensor | None) -> float:
    assert gradient is not None
    return torch.linalg.vector_norm(gradient.double()).item()
