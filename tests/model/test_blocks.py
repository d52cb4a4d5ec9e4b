"""What each paper says about its block: where strides, dropout, groups and zeros stand."""

from typing import get_args

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from plusx.errors import WrongUse
from plusx.model.blocks import BLOCKS, Place
from plusx.model.layers import Layers, StochasticDepth
from plusx.model.resnet import ResNet, ResNetSpec
from plusx.residual import Residual

DIMS = (1, 2, 3)
CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


def strides(branch: nn.Module) -> dict[str, int]:
    return {name: layer.stride[0] for name, layer in branch.named_children() if isinstance(layer, nn.Conv2d)}


def build(name: str, place: Place, shortcut: str | None = "B", **layers) -> nn.Module:
    return BLOCKS[name].build(Layers(**layers), place, shortcut)


def branch_of(block: nn.Module) -> nn.Module:
    return next(module.branch for module in block.modules() if isinstance(module, Residual))


def test_the_spec_knows_every_block():
    assert set(get_args(ResNetSpec.model_fields["block"].annotation)) == set(BLOCKS)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("basic", {"conv1": 2, "conv2": 1}),
        ("bottleneck_v1", {"conv1": 2, "conv2": 1, "conv3": 1}),
        ("bottleneck", {"conv1": 1, "conv2": 2, "conv3": 1}),
        ("preact_basic", {"conv1": 2, "conv2": 1}),
        ("preact_bottleneck", {"conv1": 1, "conv2": 2, "conv3": 1}),
        ("wide", {"conv1": 2, "conv2": 1}),
        ("relu_norm", {"conv1": 2, "conv2": 1}),
    ],
)
def test_the_stride_stands_in_one_convolution(name: str, expected: dict[str, int]):
    assert strides(branch_of(build(name, Place(4, 4, stride=2, inner=4)))) == expected
    # Anti-aliased, the filter after it strides.
    blurred = branch_of(build(name, Place(4, 4, stride=2, inner=4), antialias="blur"))
    assert set(strides(blurred).values()) == {1}
    assert [layer.stride for layer in blurred.modules() if type(layer).__name__ == "Blur"] == [2]


def test_v1_normalises_after_each_convolution_and_activates_after_the_addition():
    names = [name for name, _ in branch_of(build("bottleneck", Place(16, 4, inner=4))).named_children()]
    assert names == ["conv1", "norm1", "act1", "conv2", "norm2", "act2", "conv3", "norm3"]
    assert isinstance(build("bottleneck", Place(16, 4, inner=4)).activation, nn.ReLU)


def test_v2_normalises_and_activates_before_and_leaves_the_sum_alone():
    block = build("preact_basic", Place(4, 4))
    assert [name for name, _ in branch_of(block).named_children()] == [
        "norm1",
        "act1",
        "conv1",
        "norm2",
        "act2",
        "conv2",
    ]
    assert isinstance(block.activation, nn.Identity)


def test_v2_starts_both_paths_from_the_activated_input_where_the_shape_changes():
    block = build("preact_basic", Place(4, 8, stride=2), shortcut="A").eval()
    x = torch.randn(1, 4, 6, 6)
    activated = F.relu(block.preact.norm1(x))
    torch.testing.assert_close(block(x) - block.residual.branch(activated), block.residual.shortcut(activated))
    assert block.residual.shortcut(activated)[:, :4].min() >= 0


@pytest.mark.parametrize("dims", DIMS)
def test_cardinality_is_as_many_convolutions_side_by_side(dims: int):
    conv = branch_of(build("bottleneck", Place(8, 2, inner=6, groups=3), dims=dims)).conv2
    assert conv.groups == 3
    x = torch.randn((1, 6) + (4,) * dims)
    parts = [
        CONV[dims](part, weight, padding=1)
        for part, weight in zip(x.split(2, dim=1), conv.weight.split(2, dim=0), strict=True)
    ]
    torch.testing.assert_close(conv(x), torch.cat(parts, dim=1))


def test_dropout_stands_between_the_convolutions_of_a_wide_block():
    names = [name for name, _ in branch_of(build("wide", Place(4, 4, dropout=0.3))).named_children()]
    assert names[names.index("conv1") + 1 :] == ["norm2", "act2", "dropout", "conv2"]
    assert branch_of(build("wide", Place(4, 4, dropout=0.3))).dropout.p == 0.3
    assert "dropout" not in dict(branch_of(build("wide", Place(4, 4))).named_children())


# Stochastic depth, arXiv 1603.09382.


def probabilities(net: ResNet) -> list[float]:
    return [module.p for module in net.modules() if isinstance(module, StochasticDepth)]


@pytest.mark.parametrize("block", BLOCKS)
def test_the_linear_rule_ends_at_the_last_block(block: str):
    assert probabilities(ResNet([1], 4, block=block, stochastic_depth=0.5)) == [0.5]
    assert probabilities(ResNet([2, 2], 4, block=block, stochastic_depth=0.4)) == pytest.approx([0.1, 0.2, 0.3, 0.4])
    many = probabilities(ResNet([18, 18, 18], 1, block=block, stochastic_depth=0.5))
    assert many == pytest.approx([0.5 * block / 54 for block in range(1, 55)])
    assert probabilities(ResNet([2, 2], 4, block=block)) == []


@pytest.mark.parametrize("dims", DIMS)
def test_stochastic_depth_is_torchvision_s_to_the_bit(dims: int):
    x = torch.randn((50, 4) + (3,) * dims)
    torch.manual_seed(1)
    ours = StochasticDepth(0.3)(x)
    torch.manual_seed(1)
    assert ours.equal(torchvision.ops.StochasticDepth(0.3, mode="row")(x))


def identity_of(net: ResNet) -> Residual:
    [(_, block)] = net.residuals()
    return block


@pytest.mark.parametrize("dims", DIMS)
@pytest.mark.parametrize("block", ["basic", "preact_basic", "wide"])
def test_a_net_of_one_block_drops_its_branch_for_whole_examples(block: str, dims: int):
    torch.manual_seed(0)
    net = ResNet([1], 4, block=block, dims=dims, stochastic_depth=0.5, stem="none", in_channels=4, head="none")
    residual = identity_of(net)
    residual.activation = nn.Identity()
    x = torch.randn((400, 4) + (3,) * dims)
    with torch.no_grad():
        change = (residual(x) - x).flatten(1)
    dropped = ~change.any(dim=1)
    # Four standard deviations of 400 throws of a coin are 40.
    assert 160 <= dropped.sum() <= 240
    assert change[~dropped].abs().amax(dim=1).min() > 0.01


def test_dropping_branches_keeps_the_expectation():
    torch.manual_seed(0)
    net = ResNet([1], 4, stochastic_depth=0.3, norm="none")
    residual = identity_of(net)
    residual.activation = nn.Identity()
    x = torch.randn(1, 4, 5, 5)
    with torch.no_grad():
        mean = residual.train()(x.expand(20_000, -1, -1, -1)).mean(0)
        expected = residual.eval()(x)[0]
    torch.testing.assert_close(mean, expected, rtol=0, atol=0.03 * (expected - x[0]).abs().max().item())


@pytest.mark.parametrize("block", BLOCKS)
def test_evaluation_drops_nothing(block: str):
    net = ResNet([1, 1], 4, block=block, stochastic_depth=0.9, dropout=0.9 if block == "wide" else 0).eval()
    x = torch.randn(4, 3, 8, 8)
    with torch.no_grad():
        first = net(x)
        assert torch.equal(net(x), first)
        sure = ResNet([1, 1], 4, block=block).eval()
        sure.load_state_dict(net.state_dict())
        assert torch.equal(sure(x), first)


@pytest.mark.parametrize("options", [{"stochastic_depth": 0.5}, {"zero_init": True}])
def test_a_plain_network_has_nothing_to_fall_back_to(options):
    with pytest.raises(WrongUse, match="plain network"):
        ResNet([1], 4, shortcut=None, **options)


# Zero-init, arXiv 1706.02677.

# A branch that ends in a ReLU could not leave zero again.
BEGIN_AT_ZERO = [block for block in BLOCKS if block != "relu_norm"]


@pytest.mark.parametrize("shortcut", ["A", "B", "C", "D"])
@pytest.mark.parametrize("attention", ["none", "se", "eca"])
@pytest.mark.parametrize("norm", ["batch", "group", "none"])
@pytest.mark.parametrize("block", BEGIN_AT_ZERO)
def test_every_block_begins_as_its_shortcut_alone(block: str, norm: str, attention: str, shortcut: str):
    options = {"block": block, "norm": norm, "attention": attention, "shortcut": shortcut}
    net = ResNet([2, 1], 4, **options, zero_init=True).eval()
    blocks = [residual for _, residual in net.residuals()]
    assert len(blocks) == 3
    for residual in blocks:
        assert residual.shortcut is not None
        x = torch.randn(2, channels_in(residual), 6, 6)
        past = residual.shortcut(x)
        assert torch.equal(residual(x), past.relu() if BLOCKS[block].activates else past)
    # Without zero-init it would be something else.
    assert any(residual.branch(torch.randn(2, channels_in(residual), 6, 6)).any() for _, residual in fresh(options))


def fresh(options: dict[str, str]) -> list[tuple[str, Residual]]:
    return list(ResNet([2, 1], 4, **options).eval().residuals())


def channels_in(residual: Residual) -> int:
    return next(m.in_channels for m in residual.branch.modules() if isinstance(m, nn.Conv2d))


@pytest.mark.parametrize("block", BEGIN_AT_ZERO)
def test_a_block_that_begins_at_zero_still_learns(block: str):
    net = ResNet([2], 4, block=block, zero_init=True)
    before = [residual.branch(torch.randn(2, channels_in(residual), 6, 6)) for _, residual in net.residuals()]
    assert not any(y.any() for y in before)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    F.cross_entropy(net(torch.randn(4, 3, 8, 8)), torch.arange(4)).backward()
    optimizer.step()
    after = [residual.branch(torch.randn(2, channels_in(residual), 6, 6)) for _, residual in net.residuals()]
    assert all(y.any() for y in after)


# Without normalisation nothing stands between a pre-activation's ReLU and the block's input.


def reference(block: nn.Module, x: Tensor) -> Tensor:
    """A pre-activation block of one shape written out, nothing in place."""
    branch = block.branch
    y = F.conv2d(F.relu(x), branch.conv1.weight, branch.conv1.bias, padding=1)
    return x + F.conv2d(F.relu(y), branch.conv2.weight, branch.conv2.bias, padding=1)


def test_without_normalisation_the_shortcut_sees_the_input_as_it_was():
    block = build("preact_basic", Place(4, 4), norm="none")
    x = torch.randn(2, 4, 6, 6)
    before = x.clone()
    torch.testing.assert_close(block(x), reference(block, before))
    assert torch.equal(x, before)


def test_features_stay_as_they_were_when_the_next_stage_has_run():
    net = ResNet([1, 1], 4, block="preact_basic", norm="none").eval()
    maps = net.features(torch.randn(2, 3, 8, 8))
    assert torch.equal(net.stages[0](maps["stem"]), maps["stage1"])
    assert maps["stage1"].min() < 0
