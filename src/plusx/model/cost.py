"""What a network costs: counted on the graph that really runs, not by a formula for each kind of network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from plusx.model.zoo import ZOO


@dataclass(frozen=True)
class Cost:
    """The cost of one example.

    Args:
        params: learned numbers.
        macs: multiply-accumulates of convolutions, linear layers and normalisations (one a value: x * scale
            + shift).
        activations: numbers that convolutions and linear layers put out, as in arXiv 2003.13678, section 2.2;
            times four they are the bytes that training must at least remember in float32.
    """

    params: int
    macs: int
    activations: int


def cost(net: nn.Module, input_shape: Sequence[int]) -> Cost:
    """The cost of `net` on one example of `input_shape`, `(channels, *space)`; nothing is computed.

    >>> from plusx.model.resnet import ResNet
    >>> cost(ResNet([1], 1, stem="none", head="none", in_channels=1), (1, 8, 8))
    Cost(params=22, macs=1280, activations=128)
    """
    params = sum(parameter.numel() for parameter in net.parameters())
    ghost = deepcopy(net).to("meta").eval()
    flops, outputs = FlopCounterMode(display=False), _OutputCounter()
    with torch.no_grad(), flops, outputs:
        ghost(torch.empty(1, *input_shape, device="meta"))
    return Cost(params, flops.get_total_flops() // 2 + outputs.normalised, outputs.multiplied)


class _OutputCounter(TorchDispatchMode):
    """Counts the numbers that convolutions and matrix products put out, and those that normalisations do."""

    products = (torch.ops.aten.convolution, torch.ops.aten.addmm, torch.ops.aten.mm, torch.ops.aten.bmm)
    norms = (
        torch.ops.aten._native_batch_norm_legit_no_training,
        torch.ops.aten.native_batch_norm,
        torch.ops.aten.native_group_norm,
    )

    def __init__(self):
        super().__init__()
        self.multiplied = 0
        self.normalised = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func.overloadpacket in self.products:
            self.multiplied += result.numel()
        if func.overloadpacket in self.norms:
            self.normalised += result[0].numel()
        return result


COSTS_FILE = "costs.json"


def zoo_costs() -> dict[str, dict[str, int]]:
    """The cost of every network of the zoo at its own input shape, counted now."""
    counted: dict[str, dict[str, int]] = {}
    for name, network in ZOO.items():
        with torch.device("meta"):
            net = network()
        counted[name] = asdict(cost(net, network.input_shape))
    return counted


if __name__ == "__main__":
    # `plusx models` answers from this file, at once and without torch; a test holds it to what is counted.
    Path(str(files("plusx.model") / COSTS_FILE)).write_text(json.dumps(zoo_costs(), indent=1) + "\n")
