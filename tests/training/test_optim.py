import pytest
import torch
from torch import nn

from plusx.model.resnet import ResNet
from plusx.training.optim import build_optimizer, parameter_groups
from plusx.training.recipe import AdamW, Optimizer, Sgd


def test_norms_and_biases_do_not_decay() -> None:
    net = ResNet([1], 4, in_channels=1)
    decaying, rest = parameter_groups(net, 0.1)
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    assert all("conv" in names[id(p)] or names[id(p)] == "head.linear.weight" for p in decaying["params"])
    assert all("norm" in names[id(p)] or names[id(p)].endswith("bias") for p in rest["params"])
    assert len(decaying["params"]) + len(rest["params"]) == len(names)
    assert (decaying["weight_decay"], rest["weight_decay"]) == (0.1, 0.0)


@pytest.mark.parametrize("optimizer", [Sgd(lr=0.1, momentum=0.9, weight_decay=0.01), AdamW(lr=0.1, weight_decay=0.01)])
def test_steps_as_the_papers_say(optimizer: Optimizer) -> None:
    layer = nn.Linear(1, 1, bias=False)
    nn.init.constant_(layer.weight, 2.0)
    built = build_optimizer(layer, optimizer)
    for _ in range(2):
        built.zero_grad()
        layer(torch.ones(1, 1)).backward()
        built.step()
    assert layer.weight.item() == pytest.approx(_by_hand(optimizer), rel=1e-5)


def _by_hand(optimizer: Optimizer) -> float:
    weight, velocity, mean, square = 2.0, 0.0, 0.0, 0.0
    for step in (1, 2):
        if isinstance(optimizer, Sgd):
            gradient = 1 + optimizer.weight_decay * weight
            velocity = optimizer.momentum * velocity + gradient
            weight -= optimizer.lr * (gradient + optimizer.momentum * velocity)
        else:
            weight *= 1 - optimizer.lr * optimizer.weight_decay
            first, second = optimizer.betas
            mean, square = first * mean + (1 - first), second * square + (1 - second)
            weight -= optimizer.lr * (mean / (1 - first**step)) / ((square / (1 - second**step)) ** 0.5 + 1e-8)
    return weight
