"""Heads: what leaves a network."""

from typing import get_args

import pytest
import torch

from plusx.model.boxes import SEEING_ALL
from plusx.model.heads import HEADS, NECKS, KMax, build_head
from plusx.model.layers import Layers
from plusx.model.resnet import ResNet, ResNetSpec
from plusx.model.shortcuts import chain

DIMS = (1, 2, 3)


KEEP_PLACES = ("none", "dilated", "quartznet")


def test_the_spec_knows_every_head():
    assert set(get_args(ResNetSpec.model_fields["head"].annotation)) == {*HEADS, *SEEING_ALL}
    assert set(get_args(ResNetSpec.model_fields["neck"].annotation)) == set(NECKS)


@pytest.mark.parametrize("dims", DIMS)
def test_linear_is_the_mean_and_one_linear_layer(dims: int):
    x = torch.randn((2, 6) + (3,) * dims)
    head = build_head("linear", Layers(dims), 6, 4)
    torch.testing.assert_close(head(x), head.linear(x.flatten(2).mean(2)))
    assert head(x).shape == (2, 4)


@pytest.mark.parametrize("dims", DIMS)
def test_pool_is_the_mean(dims: int):
    x = torch.randn((2, 6) + (3,) * dims)
    torch.testing.assert_close(build_head("pool", Layers(dims), 6, 4)(x), x.flatten(2).mean(2))


@pytest.mark.parametrize("dims", DIMS)
def test_none_leaves_the_map(dims: int):
    x = torch.randn((2, 6) + (3,) * dims)
    assert build_head("none", Layers(dims), 6, 4)(x) is x


@pytest.mark.parametrize("dims", DIMS)
def test_frames_is_one_linear_layer_at_each_position(dims: int):
    x = torch.randn((2, 6) + (3,) * dims)
    head = build_head("frames", Layers(dims), 6, 4)
    weight, bias = head.frames.weight.flatten(1), head.frames.bias
    expected = torch.einsum("oc,bc...->bo...", weight, x) + bias.view(-1, *[1] * dims)
    torch.testing.assert_close(head(x), expected)


def test_the_spec_knows_every_neck():
    assert set(get_args(ResNetSpec.model_fields["neck"].annotation)) == set(NECKS)


@pytest.mark.parametrize("dims", DIMS)
@pytest.mark.parametrize("neck", NECKS)
def test_a_neck_says_its_channels_and_keeps_the_size_or_takes_all_places_together(neck: str, dims: int):
    layers, channels = NECKS[neck](Layers(dims), 6)
    x = torch.randn((2, 6) + (3,) * dims)
    assert chain(**layers)(x).shape == (2, channels) + (3 if neck in KEEP_PLACES else 1,) * dims


@pytest.mark.parametrize("head", HEADS)
def test_after_preactivated_stages_it_normalises_and_activates_first(head: str):
    net = ResNet([1], 8, block="preact_basic", head="none")
    y = net(torch.randn(2, 3, 8, 8))
    assert y.min() == 0
    assert net.features(torch.randn(2, 3, 8, 8))["stage1"].min() < 0
    first = [name for name, _ in build_head(head, Layers(reads="normalised_and_activated"), 8, 4).named_children()][:2]
    assert first == ["norm", "act"]
    assert "act" not in dict(build_head(head, Layers(reads="normalised"), 8, 4).named_children())


def test_without_normalisation_it_leaves_the_features_as_they_were():
    net = ResNet([1], 8, block="preact_basic", norm="none").eval()
    map = net.features(torch.randn(2, 3, 8, 8))["stage1"]
    before = map.clone()
    net.head(map)
    assert torch.equal(map, before)


@pytest.mark.parametrize("size", [1, 3, 9])
@pytest.mark.parametrize("dims", DIMS)
@pytest.mark.parametrize("neck", NECKS)
def test_every_neck_is_followed_by_every_head(neck: str, dims: int, size: int):
    x = torch.randn((2, 6) + (size,) * dims)
    filters = {"vdcnn": 2048, "quartznet": 12}.get(neck, 6)
    heads = {head: build_head(head, Layers(dims), 6, 4, neck=neck) for head in HEADS}
    assert heads["linear"](x).shape == (2, 4)
    assert heads["pool"](x).shape == (2, filters)
    assert heads["none"](x).shape == (2, filters) + (size if neck in KEEP_PLACES else 1,) * dims


def test_the_largest_values_are_taken_wherever_they_are():
    x = torch.randn(3, 5, 7)
    torch.testing.assert_close(build_head("pool", Layers(1), 5, 4, neck="largest")(x), x.amax(2))


def slow_k_max(row: list[float], k: int) -> list[float]:
    best = sorted(range(len(row)), key=lambda place: (-row[place], place))[:k]
    return [row[place] for place in sorted(best)] + [0.0] * (k - len(row))


@pytest.mark.parametrize("length", [1, 3, 4, 30])
def test_k_max_keeps_the_order(length: int):
    x = torch.randint(0, 4, (3, 5, length)).float()
    result = KMax(4)(x)
    assert result.shape == (3, 5, 4)
    for rows, taken in zip(x.flatten(0, 1).tolist(), result.flatten(0, 1).tolist(), strict=True):
        assert taken == slow_k_max(rows, 4)


def test_k_max_exports():
    net, x = KMax(8), torch.randn(2, 3, 20).relu()
    program = torch.export.export(net, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    more = torch.randn(5, 3, 20).relu()
    assert torch.equal(program.module()(more), net(more))
