"""Integrated gradients against what is known by hand: linear networks, and the paper's axioms."""

import pytest
import torch
from torch import nn

from plusx.model.resnet import ResNet
from plusx.understand.integrated import integrated_gradients


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def test_of_a_linear_network_it_is_weight_times_input() -> None:
    linear = nn.Linear(5, 3)
    x, baseline = torch.randn(4, 5), torch.randn(4, 5)
    found = integrated_gradients(linear, x, lambda outputs: outputs[:, 2], baseline, steps=1)
    torch.testing.assert_close(found.values, linear.weight[2] * (x - baseline))
    torch.testing.assert_close(found.total, found.difference)


def test_of_a_product_each_factor_has_its_half() -> None:
    # From (0, 0) to (a, b), the integral of b t a and that of a t b are both a b / 2.
    x = torch.tensor([[3.0, 4.0]])
    found = integrated_gradients(lambda x: x, x, lambda outputs: outputs[:, 0] * outputs[:, 1], torch.zeros(1, 2))
    torch.testing.assert_close(found.values, torch.tensor([[6.0, 6.0]]))


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_it_is_complete(dims: int) -> None:
    net = ResNet([1, 1], 8, dims=dims, norm="group").eval()
    x = torch.randn((3, 3) + (8,) * dims)
    nothing = torch.randn_like(x)
    rough, fine = (integrated_gradients(net, x, lambda outputs: outputs[:, 1], nothing, steps) for steps in (2, 128))
    torch.testing.assert_close(fine.difference, net(x)[:, 1] - net(nothing)[:, 1])
    gaps = [float((found.total - found.difference).abs().max()) for found in (rough, fine)]
    assert gaps[1] < 0.01 * float(fine.values.flatten(1).abs().sum(1).max())
    assert gaps[1] < gaps[0] / 4


def test_what_does_not_reach_the_score_has_no_share() -> None:
    x = torch.randn(2, 3, 6)
    net = ResNet([1], 4, dims=1, head="frames", num_classes=2, norm="none").eval()
    found = integrated_gradients(net, x, lambda outputs: outputs[:, 0, 0], torch.zeros_like(x))
    # Stem, two convolutions of a block: three places to the right at most.
    assert found.values[..., 0].any()
    assert not found.values[..., 4:].any()
