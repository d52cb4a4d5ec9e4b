"""Stems: what they reduce a picture to, in 1, 2 and 3 dimensions."""

from typing import get_args

import pytest
import torch
from torch import nn

from plusx.errors import WrongUse
from plusx.model.layers import Layers
from plusx.model.resnet import ResNet, ResNetSpec
from plusx.model.stems import STEMS

REDUCTION = {
    "imagenet": 4,
    "cifar": 1,
    "small": 2,
    "relu": 1,
    "mean_2": 2,
    "mean_34": 4,
    "deep_d": 4,
    "deep_s": 4,
    "deep_rs": 4,
    "bytes": 1,
    "bytes_small": 2,
    "separable": 2,
    "none": 1,
}
CHANNELS = {"deep_s": 16, "none": 3}
BYTES = ("bytes", "bytes_small")
UNNORMALISED = ("relu", "mean_2", "mean_34")


def example(name: str, dims: int) -> torch.Tensor:
    """What a stem takes: three channels of 16 positions a dimension, or bytes."""
    if name in BYTES:
        return torch.randint(0, 256, (2, 1) + (16,) * dims, dtype=torch.uint8)
    return torch.randn((2, 3) + (16,) * dims)


def test_the_spec_knows_every_stem():
    assert set(get_args(ResNetSpec.model_fields["stem"].annotation)) == set(STEMS) == set(REDUCTION)


@pytest.mark.parametrize("activated", [True, False])
@pytest.mark.parametrize("antialias", ["none", "blur", "average"])
@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("name", STEMS)
def test_gives_the_channels_and_the_size_it_says(name: str, dims: int, antialias, activated: bool):
    x = example(name, dims)
    stem, channels = STEMS[name](Layers(dims, antialias=antialias), x.shape[1], 8, activated=activated)
    y = stem(x)
    # Whole cells of four moments have three bands.
    bands = 5 if name == "mean_34" else 16 // REDUCTION[name]
    assert y.shape == (2, channels) + (bands,) * (dims - 1) + (16 // REDUCTION[name],)
    assert channels == CHANNELS.get(name, 8)


@pytest.mark.parametrize("name", [name for name in STEMS if name != "none"])
def test_before_preactivated_stages_it_leaves_normalising_to_them(name: str):
    seen = example(name, 2).shape[1]
    activated, _ = STEMS[name](Layers(), seen, 8, activated=True)
    left, _ = STEMS[name](Layers(), seen, 8, activated=False)
    assert count(activated, nn.Conv2d) == count(left, nn.Conv2d)
    assert count(activated, nn.BatchNorm2d) == count(left, nn.BatchNorm2d) + (name not in UNNORMALISED)
    assert count(activated, nn.ReLU) == count(left, nn.ReLU) + 1


def count(stem: nn.Module, kind: type[nn.Module]) -> int:
    return sum(isinstance(layer, kind) for layer in stem.modules())


@pytest.mark.parametrize("name", STEMS)
def test_one_filter_is_enough(name: str):
    x = example(name, 2)
    assert ResNet([1], 1, stem=name, in_channels=x.shape[1])(x).shape == (2, 10)


def test_none_is_the_input_itself():
    x = torch.randn(2, 3, 8)
    stem, channels = STEMS["none"](Layers(1), 3, 8, activated=True)
    assert stem(x) is x
    assert channels == 3


def test_the_average_stem_takes_whole_cells_only_as_timms():
    stem, _ = STEMS["imagenet"](Layers(antialias="average"), 3, 8, activated=True)
    # 97 is halved to 49 by the convolution; of 49 columns 24 pairs are averaged.
    assert stem(torch.randn(1, 3, 97, 97)).shape == (1, 8, 24, 24)


def test_stem_filters_are_the_stems_alone():
    net = ResNet([1, 1], 8, stem_filters=4)
    assert net.features(torch.randn(1, 3, 8, 8))["stem"].shape == (1, 4, 8, 8)


@pytest.mark.parametrize("name", BYTES)
def test_bytes_are_embedded_and_no_text_is_zero(name: str):
    stem, _ = STEMS[name](Layers(1), 1, 8, activated=True)
    text = torch.tensor([[[104, 105, 0, 0]], [[0, 0, 0, 0]]], dtype=torch.uint8)
    embedded = stem.embed(text)
    assert embedded.shape == (2, 16, 4)
    assert torch.equal(embedded[0, :, 0], stem.embed.table.weight[104])
    assert not embedded[0, :, 2:].any()
    assert not embedded[1].any()
    stem(text).sum().backward()
    gradient = stem.embed.table.weight.grad
    assert gradient is not None
    assert gradient.any(1).nonzero().flatten().tolist() == [104, 105]
    with pytest.raises(WrongUse, match="reads one channel, not 3"):
        STEMS[name](Layers(1), 3, 8, activated=True)
