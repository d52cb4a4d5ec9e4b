"""Shortcuts A to D of the paper, in 1, 2 and 3 dimensions."""

import pytest
import torch
from torch import nn

from plusx.errors import WrongUse
from plusx.model.layers import Layers, SubsampleAndPad
from plusx.model.resnet import ResNet
from plusx.model.shortcuts import SHORTCUTS, Change, chain, project, zero_pad

DIMS = (1, 2, 3)
SAME, WIDER, SMALLER, BOTH = Change(4, 4, 1), Change(4, 8, 1), Change(4, 4, 2), Change(4, 8, 2)


@pytest.mark.parametrize("dims", DIMS)
@pytest.mark.parametrize("change", [SAME, WIDER, SMALLER, BOTH])
@pytest.mark.parametrize("name", SHORTCUTS)
def test_gives_the_shape_that_the_branch_gives(name: str, change: Change, dims: int):
    for size in (1, 2, 5, 6):
        x = torch.randn((2, 4) + (size,) * dims)
        y = SHORTCUTS[name](Layers(dims), change, normalised=True).eval()(x)
        assert y.shape == (2, change.filters) + (-(-size // change.stride),) * dims


@pytest.mark.parametrize("name", ["A", "B", "D"])
def test_is_the_identity_where_the_shape_stays(name: str):
    assert isinstance(SHORTCUTS[name](Layers(), SAME, normalised=True), nn.Identity)


def test_a_is_free_of_parameters_and_b_c_d_are_not():
    counts = {
        name: sum(parameter.numel() for parameter in make(Layers(), BOTH, normalised=True).parameters())
        for name, make in SHORTCUTS.items()
    }
    # A 1x1 convolution of 4 to 8 channels, and the scale and shift of its normalisation.
    assert counts == {"A": 0, "B": 48, "C": 48, "D": 48}


def test_c_projects_where_nothing_changes():
    assert isinstance(project(Layers(), SAME, normalised=True)[0], nn.Conv2d)


def test_d_averages_what_b_drops():
    x = torch.tensor([[[1.0, 3.0, 5.0, 7.0]]])
    change = Change(1, 1, 2)
    for name, kept in (("B", [1, 5]), ("D", [2, 6])):
        shortcut = SHORTCUTS[name](Layers(1), change, normalised=False)
        nn.init.ones_(shortcut.conv.weight)
        assert shortcut(x).flatten().tolist() == kept


def test_a_refuses_to_drop_channels():
    with pytest.raises(WrongUse, match="shortcut A only adds channels, but 8 come in, 4 go out"):
        zero_pad(Layers(), Change(8, 4, 1), normalised=True)


def test_chain_leaves_out_what_is_none():
    assert [name for name, _ in chain(a=nn.ReLU(), b=None, c=nn.Identity()).named_children()] == ["a", "c"]


def changed(net: ResNet) -> list[str]:
    """The names of the blocks whose shortcut is not the identity."""
    return [name for name, block in net.residuals() if not isinstance(block.shortcut, nn.Identity)]


FIRSTS = ["stages.1.0", "stages.2.0", "stages.3.0"]


@pytest.mark.parametrize("dims", DIMS)
@pytest.mark.parametrize("name", ["A", "B", "D"])
def test_stands_at_the_first_block_of_stages_2_3_4_and_nowhere_else(name: str, dims: int):
    assert changed(ResNet([3, 4, 6, 3], 4, shortcut=name, dims=dims)) == FIRSTS


def test_a_bottleneck_also_widens_at_its_very_first_block():
    assert changed(ResNet([3, 4, 6, 3], 4, block="bottleneck")) == ["stages.0.0", *FIRSTS]


def test_c_stands_everywhere():
    net = ResNet([3, 4, 6, 3], 4, shortcut="C")
    assert len(changed(net)) == 16


def test_a_plain_network_has_none():
    net = ResNet([3, 4, 6, 3], 4, shortcut=None)
    assert all(block.shortcut is None for _, block in net.residuals())
    assert len(list(net.residuals())) == 16


@pytest.mark.parametrize("block", ["basic", "bottleneck", "bottleneck_v1", "preact_basic", "preact_bottleneck"])
def test_strides_stand_there_too_and_nowhere_else(block: str):
    net = ResNet([2, 2, 2, 2], 4, block=block)
    strided = {
        name.split(".branch")[0].split(".shortcut")[0].removesuffix(".residual")
        for name, module in net.stages.named_modules(prefix="stages")
        if isinstance(module, nn.Conv2d) and module.stride != (1, 1)
    }
    assert sorted(strided) == FIRSTS


def test_in_shortcut_a_gradients_reach_the_first_layer():
    net = ResNet([1, 1, 1], 4, shortcut="A")
    for _, block in net.residuals():
        # The branches are dead: what arrives has come by the shortcuts alone.
        for parameter in block.branch.parameters():
            nn.init.zeros_(parameter)
    net(torch.randn(2, 3, 8, 8)).square().sum().backward()
    gradient = net.stem.conv1.weight.grad
    assert gradient is not None
    assert gradient.abs().sum() > 0
    assert any(isinstance(module, SubsampleAndPad) for module in net.modules())
