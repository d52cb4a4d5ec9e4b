"""Importance is held to what it stands for: the change of the loss without a channel."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from plusx.model.blocks import BLOCKS
from plusx.model.cost import cost
from plusx.model.resnet import ResNet
from plusx.shrinking.channels import trace
from plusx.shrinking.importance import by_scale, by_taylor
from plusx.shrinking.narrow import narrowed
from plusx.shrinking.widths import narrower


def batches(net: ResNet, count: int = 2):
    random = torch.Generator().manual_seed(0)
    dtype = next(net.parameters()).dtype
    for _ in range(count):
        target = torch.randn((4, net.spec["num_classes"]), generator=random, dtype=dtype)
        inputs = torch.randn((4, 3) + (8,) * net.spec["dims"], generator=random, dtype=dtype)
        yield inputs, lambda out, t=target: mse_loss(out, t)


def test_taylor_is_the_square_of_the_loss_s_slope_along_a_channel_s_gate():
    torch.manual_seed(0)
    net = ResNet([1, 1], 4, num_classes=3).eval().double()
    name = "stages.0.0.branch.conv1"
    found = by_taylor(net, batches(net, 1))[name]
    norm = net.get_submodule("stages.0.0.branch.norm1")
    inputs, loss = next(batches(net, 1))
    for channel in range(4):
        gates: list[Tensor] = []
        for factor in (1 + 1e-5, 1 - 1e-5):
            with torch.no_grad():
                kept = norm.weight[channel].clone(), norm.bias[channel].clone()
                norm.weight[channel] *= factor
                norm.bias[channel] *= factor
                gates.append(loss(net(inputs)))
                norm.weight[channel], norm.bias[channel] = kept
        slope = (gates[0] - gates[1]) / 2e-5
        assert found[channel].item() == pytest.approx(slope.square().item(), rel=1e-3)


def test_scale_is_the_normalisations_own():
    net = ResNet([1, 1], 4)
    with torch.no_grad():
        net.get_submodule("stages.0.0.branch.norm1").weight[2] = 5.0
    assert by_scale(net)["stages.0.0.branch.conv1"].tolist() == [1, 1, 5, 1]


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("share", [0.5, 0.2])
def test_widths_cost_what_they_should_and_fit(block: str, share: float):
    torch.manual_seed(0)
    net = ResNet([2, 2, 1], 32, block=block, num_classes=3).eval()
    scores = by_taylor(net, batches(net))
    widths = narrower(net, scores, share, (3, 8, 8))
    small = narrowed(net, widths, scores)
    share_found = cost(small, (3, 8, 8)).macs / cost(net, (3, 8, 8)).macs
    assert share_found == pytest.approx(share, rel=0.45)
    assert small(torch.zeros(1, 3, 8, 8)).shape == (1, 3)


@pytest.mark.parametrize(
    "options",
    [
        {"shortcut": "A"},
        {"shortcut": "C"},
        {"shortcut": None},
        {"stem": "imagenet"},
        {"block": "bottleneck", "cardinality": 4, "group_width": 32},
        {"head": "unet"},
    ],
)
def test_widths_fit_every_network(options):
    torch.manual_seed(0)
    net = ResNet([2, 1], 32, **options).eval()
    scores = by_scale(net)
    small = narrowed(net, narrower(net, scores, 0.3, (3, 16, 16)), scores)
    assert list(small.state_dict()) == list(net.state_dict())
    assert cost(small, (3, 16, 16)).macs < 0.6 * cost(net, (3, 16, 16)).macs


@pytest.mark.parametrize("options", [{}, {"shortcut": "A"}, {"block": "preact_basic"}, {"shortcut": "C"}])
def test_torch_pruning_finds_the_same_channels_together(options):
    pruning = pytest.importorskip("torch_pruning")
    net = ResNet([2, 2], 8, **options)
    graph = pruning.DependencyGraph().build_dependency(net, example_inputs=torch.randn(1, 3, 16, 16))
    axes = trace(net).axes
    for name, layer in net.named_modules():
        if not isinstance(layer, torch.nn.Conv2d) or f"{name}.weight" not in axes:
            continue
        own = _added_to(axes, axes[f"{name}.weight"][0].parts[0].root)
        group = graph.get_pruning_group(layer, pruning.prune_conv_out_channels, idxs=[0])
        theirs = {_name(net, dep.target.module) for dep, _ in group if dep.target.module is not None} - {None}
        ours = {
            key.rpartition(".")[0]
            for key, each in axes.items()
            for axis in each
            if axis and own & {part.root for part in axis.parts}
        }
        assert ours == theirs, name


def _added_to(axes, channels) -> set:
    """The channels, and those that shortcut A adds them to or that it adds to them: their first ones go together."""
    every = {part.root for each in axes.values() for axis in each if axis for part in axis.parts}
    found = {channels}
    for _ in every:
        found |= {one.begins_with.root for one in found if one.begins_with}
        found |= {one for one in every if one.begins_with and one.begins_with.root in found}
    return found


def _name(net: ResNet, module: torch.nn.Module) -> str | None:
    return next((name for name, own in net.named_modules() if own is module and list(own.parameters())), None)
