"""Heads: what leaves a network."""

from typing import get_args

import pytest
import torch

from plusx.model.dense import DENSE
from plusx.model.heads import HEADS, build_head
from plusx.model.layers import Layers
from plusx.model.resnet import ResNet, ResNetSpec

DIMS = (1, 2, 3)


def test_the_spec_knows_every_head():
    assert set(get_args(ResNetSpec.model_fields["head"].annotation)) == {*HEADS, *DENSE}


@pytest.mark.parametrize("dims", DIMS)
def test_linear_is_the_mean_and_one_linear_layer(dims: int):
    x = torch.randn((2, 6) + (3,) * dims)
    head = build_head("linear", Layers(dims), 6, 4, activated=True)
    torch.testing.assert_close(head(x), head.linear(x.flatten(2).mean(2)))
    assert head(x).shape == (2, 4)


@pytest.mark.parametrize("dims", DIMS)
def test_pool_is_the_mean(dims: int):
    x = torch.randn((2, 6) + (3,) * dims)
    torch.testing.assert_close(build_head("pool", Layers(dims), 6, 4, activated=True)(x), x.flatten(2).mean(2))


@pytest.mark.parametrize("dims", DIMS)
def test_none_leaves_the_map(dims: int):
    x = torch.randn((2, 6) + (3,) * dims)
    assert build_head("none", Layers(dims), 6, 4, activated=True)(x) is x


@pytest.mark.parametrize("head", HEADS)
def test_after_preactivated_stages_it_normalises_and_activates_first(head: str):
    net = ResNet([1], 8, block="preact_basic", head="none")
    y = net(torch.randn(2, 3, 8, 8))
    assert y.min() == 0
    assert net.features(torch.randn(2, 3, 8, 8))["stage1"].min() < 0
    first = [name for name, _ in build_head(head, Layers(), 8, 4, activated=False).named_children()][:2]
    assert first == ["norm", "act"]


def test_without_normalisation_it_leaves_the_features_as_they_were():
    net = ResNet([1], 8, block="preact_basic", norm="none").eval()
    map = net.features(torch.randn(2, 3, 8, 8))["stage1"]
    before = map.clone()
    net.head(map)
    assert torch.equal(map, before)
