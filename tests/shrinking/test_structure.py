"""Narrowing and dropping are held to what they mean: without channels or blocks that are zero nothing changes."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from plusx.errors import WrongUse
from plusx.model.blocks import BLOCKS
from plusx.model.resnet import ResNet
from plusx.residual import Residual
from plusx.shrinking.channels import trace
from plusx.shrinking.drop_blocks import droppable, highest, without
from plusx.shrinking.narrow import narrowed

TWO_OR_THREE = sorted(name for name, kind in BLOCKS.items() if not kind.repeated)
OPTIONS: list[dict[str, Any]] = [
    {},
    {"stem": "imagenet"},
    {"stem": "deep_d", "antialias": "blur"},
    {"attention": "se", "squeeze": 0.5},
    {"head": "unet"},
    {"head": "fcn"},
    {"neck": "vdcnn"},
    {"neck": "quartznet", "head": "frames"},
    {"head": "numbers"},
]


def filled(net: ResNet) -> ResNet:
    """The network with statistics and scales that are no ones and zeros."""
    random = torch.Generator().manual_seed(0)
    for name, tensor in net.state_dict().items():
        if tensor.is_floating_point() and tensor.ndim == 1:
            tensor.copy_(torch.rand(tensor.shape, generator=random) + 0.5)
        if name.endswith(("norm1.bias", "norm2.bias", "norm3.bias", "norm.bias")):
            tensor.copy_(torch.rand(tensor.shape, generator=random) - 0.3)
    return net.eval()


def silence(net: ResNet, gone: dict[str, Tensor]) -> None:
    """Sets all that writes these channels to zero."""
    state = net.state_dict()
    for name, axes in trace(net).axes.items():
        if name.endswith(("running_mean", "running_var", "num_batches_tracked")) or not axes or axes[0] is None:
            continue
        begin = 0
        for part in axes[0].parts:
            if part.root.name in gone:
                places = gone[part.root.name] + begin
                state[name][(places[:, None] * axes[0].each + torch.arange(axes[0].each)).flatten()] = 0
            begin += part.root.size
    for name, tensor in state.items():
        if name.endswith("running_mean"):
            axis = trace(net).axes[name][0]
            assert axis is not None
            if axis.parts[0].root.name in gone:
                tensor[gone[axis.parts[0].root.name]] = 0


def example(net: ResNet) -> Tensor:
    return torch.randn((2, 3) + (12,) * net.spec["dims"], generator=torch.Generator().manual_seed(1))


@settings(deadline=None, max_examples=150)
@given(
    block=st.sampled_from(TWO_OR_THREE),
    shortcut=st.sampled_from(["A", "B", "C", "D", None]),
    dims=st.sampled_from([1, 2, 3]),
    options=st.sampled_from(OPTIONS),
    seed=st.integers(0, 99),
)
def test_without_silent_channels_nothing_changes(
    block: str, shortcut: str | None, dims: int, options: dict[str, Any], seed: int
):
    torch.manual_seed(seed)
    kind = BLOCKS[block]
    if shortcut == "A" and kind.expansion == 1 and options.get("stem") == "deep_d":
        options = {}
    more = {"cardinality": 2, "group_width": 64} if kind.grouped else {}
    made = {"block": block, "shortcut": shortcut, "dims": dims, "num_classes": 3, **options, **more}
    net = filled(ResNet([2, 1], [8, 12], **made))
    widths = {"num_filters": [6, 8], "inner_filters": [4, 8, 6]}
    if not (kind.expansion == 1 and shortcut != "C" and shortcut is not None):
        widths["stem_filters"] = 6
    before, after = trace(net), trace(ResNet(**{**net.spec, **widths}))
    gone = _chosen(before, after, seed)
    silence(net, gone)
    scores = {channels.name: torch.ones(channels.size) for channels in before.channels()}
    for name, places in gone.items():
        scores[name][places] = 0.0
    small = narrowed(net, widths, scores)
    x = example(net)
    with torch.no_grad():
        torch.testing.assert_close(small(x), net(x), rtol=1e-5, atol=1e-5)


def _chosen(before, after, seed: int) -> dict[str, Tensor]:
    """For each of the channels, which go: any, as many of each group as must, shortcut A's all the way."""
    random = torch.Generator().manual_seed(seed)
    sizes: dict[str, tuple[Any, int]] = {}
    for name, axes in before.axes.items():
        for ours, theirs in zip(axes, after.axes[name], strict=True):
            if ours is not None:
                for part, fewer in zip(ours.parts, theirs.parts, strict=True):
                    sizes.setdefault(part.root.name, (part.root, fewer.root.size))
    gone: dict[str, Tensor] = {}
    for name, (channels, size) in sizes.items():
        if size == channels.size:
            continue
        each = channels.size // channels.groups
        shuffled = [torch.randperm(each, generator=random) + group * each for group in range(channels.groups)]
        if channels.begins_with is not None:
            first = gone.get(channels.begins_with.root.name, torch.tensor([], dtype=torch.long))
            others = torch.tensor([place for place in shuffled[0].tolist() if place >= channels.begins_with.root.size])
            gone[name] = torch.cat([first, others])[: channels.size - size]
        else:
            gone[name] = torch.cat([own[: (channels.size - size) // channels.groups] for own in shuffled])
    return gone


def test_a_network_with_other_layers_is_refused():
    net = ResNet([1, 1], [8, 16])
    with pytest.raises(WrongUse, match="would change the network's layers"):
        narrowed(net, {"num_filters": [4, 16], "stem_filters": 8}, {})
    with pytest.raises(WrongUse, match="has 16 channels, 32 cannot be kept"):
        narrowed(net, {"num_filters": [8, 32]}, {})


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("shortcut", ["A", "B", "D"])
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_a_dropped_block_is_one_whose_branch_gives_zero(block: str, shortcut: str, dims: int):
    torch.manual_seed(0)
    net = filled(ResNet([3, 2], 8, block=block, shortcut=shortcut, dims=dims))
    able = droppable(net)
    assert {"stages.0.1", "stages.0.2", "stages.1.1"} <= set(able)
    x = example(net)
    for name in able:
        small = without(net, [name])
        kept = net.get_submodule(name)
        assert isinstance(kept, Residual)
        branch, kept.branch = kept.branch, _Zero()
        with torch.no_grad():
            torch.testing.assert_close(small(x), net(x))
        kept.branch = branch


class _Zero(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x)


def test_blocks_that_change_the_shape_stay():
    net = ResNet([1, 2], 8, inner_filters=[4, 5, 6], stem_filters=4)
    assert droppable(net) == ["stages.1.1"]
    assert without(net, ["stages.1.1"]).spec["inner_filters"] == [4, 5]
    with pytest.raises(WrongUse, match=r"stages.0.0 cannot be dropped; of this network stages.1.1 can"):
        without(net, ["stages.0.0"])
    assert droppable(ResNet([2, 2], 8, shortcut=None)) == []
    with pytest.raises(WrongUse, match=r"stages.0 would be left without a block"):
        without(ResNet([2, 2], 8, block="preact_basic"), ["stages.0.0", "stages.0.1"])
    assert without(ResNet([2, 2], 8), ["stages.0.0", "stages.0.1"]).spec["num_layers"] == [0, 2]
    assert without(ResNet([1, 1], 8, inner_filters=[4, 5]), ["stages.0.0"]).spec["inner_filters"] == [5]
    assert highest(net) is None
    assert highest(ResNet([2, 1], 8)) is None
