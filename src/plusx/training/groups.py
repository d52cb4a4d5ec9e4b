"""Which weights learn together, and how fast: decay, discriminative rates, frozen stages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from plusx.errors import WrongUse
from plusx.model.resnet import ResNet

Settings = Callable[[nn.Parameter], dict[str, Any]]
"""What an optimiser does with a weight: its group's options, of which `peak` is the highest rate."""


def sections(network: nn.Module) -> list[nn.Module]:
    """The stem, each stage and the head of the `ResNet` in `network`, from input to output; all of what holds none.

    >>> len(sections(ResNet([1, 1, 1], 8))), len(sections(nn.Linear(2, 2)))
    (5, 1)
    """
    for module in network.modules():
        if isinstance(module, ResNet):
            return [module.stem, *module.stages, module.head]
    return [network]


def first_convolution(net: ResNet) -> nn.Conv1d | nn.Conv2d | nn.Conv3d:
    """The convolution that sees the input, where the stem has one.

    Raises:
        WrongUse: it has none.

    >>> first_convolution(ResNet([1, 1], 8, stem="imagenet")).kernel_size
    (7, 7)
    """
    for module in net.stem.modules():
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d):
            return module
    raise WrongUse("--set whiten=true: the network's stem has no convolution; leave it out, or --model another")


def parameter_groups(network: nn.Module, settings: Settings, rate_decay: float = 1.0) -> list[dict[str, Any]]:
    """The weights that learn, those of equal settings in one group, as torch's optimisers take them.

    The schedule multiplies each group's `peak`. A stage's is `rate_decay` times that of the next stage towards the
    output, the head's is whole: what is near the input is the most general and should change least (discriminative
    fine-tuning, arXiv 1801.06146, section 3.2, which takes 1 / 2.6).

    >>> net = ResNet([1, 1], 8)
    >>> [group["peak"] for group in parameter_groups(net, lambda parameter: {"peak": 0.8}, rate_decay=0.5)]
    [0.1, 0.2, 0.4, 0.8]
    """
    parts = sections(network)
    groups: dict[tuple[Any, ...], dict[str, Any]] = {}
    for below_head, section in zip(reversed(range(len(parts))), parts, strict=True):
        for parameter in section.parameters():
            if not parameter.requires_grad:
                continue
            group = settings(parameter)
            group["peak"] *= rate_decay**below_head
            same = groups.setdefault(tuple(group.items()), {**group, "lr": group["peak"], "params": []})
            same["params"].append(parameter)
    return list(groups.values())


def decays(parameter: nn.Parameter) -> bool:
    """Whether weight decay is for it: not for normalisations and biases (arXiv 1812.01187, section 3.1).

    >>> decays(nn.Linear(2, 2).weight), decays(nn.Linear(2, 2).bias)
    (True, False)
    """
    return parameter.ndim > 1


def frozen_modules(network: nn.Module, frozen: int) -> list[nn.Module]:
    """The stem and the first `frozen` stages; for 0 nothing.

    Raises:
        WrongUse: the network has fewer stages.

    >>> len(frozen_modules(ResNet([1, 1, 1], 8), 2))
    3
    """
    if frozen == 0:
        return []
    stages = len(sections(network)) - 2
    if frozen > stages:
        raise WrongUse(f"--set frozen={frozen}: the network has {max(stages, 0)} stages; give at most so many")
    return sections(network)[: frozen + 1]


def freeze(network: nn.Module, frozen: int) -> None:
    """Makes the stem and the first `frozen` stages keep their weights and their normalisations' averages.

    Call it before the optimiser is built, and again after each `network.train()`, which puts all of a network into
    training mode.

    Raises:
        WrongUse: the network has fewer stages.

    >>> net = ResNet([1, 1, 1], 8)
    >>> freeze(net.train(), 1)
    >>> net.stages[0].training, net.stages[1].training
    (False, True)
    """
    for module in frozen_modules(network, frozen):
        module.requires_grad_(False).eval()
