"""The one idea: y = activation(F(x) + S(x))."""

import torch
from torch import nn

from plusx.residual import Residual


def times(factor: float) -> nn.Module:
    layer = nn.Linear(1, 1, bias=False)
    nn.init.constant_(layer.weight, factor)
    return layer


def test_is_branch_plus_shortcut():
    x = torch.tensor([[5.0]])
    assert Residual(times(2), times(10))(x).item() == 60
    assert Residual(times(2), nn.Identity())(x).item() == 15


def test_without_a_shortcut_nothing_is_added():
    x = torch.tensor([[5.0]])
    assert Residual(times(2), None)(x).item() == 10


def test_activation_stands_after_the_sum():
    x = torch.tensor([[5.0]])
    assert Residual(times(-2), nn.Identity(), nn.ReLU())(x).item() == 0
    # Before the sum it would give 0 + 5.
    assert Residual(times(-0.5), nn.Identity(), nn.ReLU())(x).item() == 2.5
    assert Residual(times(-2), None, nn.ReLU())(x).item() == 0


def test_the_gradient_is_the_branchs_plus_one():
    x = torch.tensor([[5.0]], requires_grad=True)
    Residual(times(2), nn.Identity())(x).backward()
    assert x.grad is not None
    assert x.grad.item() == 3


def test_a_dead_branch_still_passes_the_gradient_only_if_there_is_a_shortcut():
    x = torch.tensor([[5.0]], requires_grad=True)
    Residual(times(0), nn.Identity())(x).backward()
    Residual(times(0), None)(x).backward()
    assert x.grad is not None
    assert x.grad.item() == 1


def test_both_paths_learn():
    block = Residual(times(2), times(3))
    block(torch.tensor([[5.0]])).backward()
    assert [parameter.grad.item() for parameter in block.parameters() if parameter.grad is not None] == [5, 5]


def test_any_number_of_spatial_dimensions():
    for shape in ((2, 4), (2, 4, 3), (2, 4, 3, 5), (2, 4, 3, 5, 7)):
        x = torch.randn(shape)
        assert torch.equal(Residual(nn.Identity(), nn.Identity())(x), x + x)
