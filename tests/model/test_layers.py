"""The layers that blocks are made of, each against numbers found another way."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from plusx.model.layers import Blur, EfficientAttention, Layers, SqueezeExcite, SubsampleAndPad

DIMS = (1, 2, 3)


def test_blur_is_the_binomial_filter_worked_out_by_hand():
    x = torch.tensor([[[0.0, 4.0, 8.0, 0.0]]])
    # The edge is mirrored: (4, 0, 4, 8, 0, 8), so the two kept are (4 + 2*0 + 4) / 4 and (4 + 2*8 + 0) / 4.
    assert Blur(1, stride=2, dims=1)(x).tolist() == [[[2.0, 5.0]]]
    assert Blur(1, stride=1, dims=1)(x).tolist() == [[[2.0, 4.0, 5.0, 4.0]]]


def test_blur_of_an_impulse_shows_its_kernel():
    x = torch.zeros(1, 1, 5, 5)
    x[0, 0, 2, 2] = 16
    assert Blur(1, stride=1)(x)[0, 0, 1:4, 1:4].tolist() == [[1, 2, 1], [2, 4, 2], [1, 2, 1]]
    volume = torch.zeros(1, 1, 5, 5, 5)
    volume[0, 0, 2, 2, 2] = 64
    assert Blur(1, stride=1, dims=3)(volume)[0, 0, 2, 1:4, 1:4].tolist() == [[2, 4, 2], [4, 8, 4], [2, 4, 2]]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 8])
@pytest.mark.parametrize("dims", DIMS)
def test_blur_keeps_a_constant_and_halves_the_size_upwards(dims: int, size: int):
    x = torch.full((2, 3) + (size,) * dims, 7.0)
    assert torch.equal(Blur(3, 2, dims)(x), torch.full((2, 3) + ((size + 1) // 2,) * dims, 7.0))


def test_blur_takes_a_map_that_is_flat_in_one_direction_only():
    assert torch.equal(Blur(2, 2)(torch.ones(1, 2, 1, 6)), torch.ones(1, 2, 1, 3))


def test_blur_keeps_channels_apart_and_has_no_parameters():
    x = torch.randn(1, 3, 6, 6)
    blur = Blur(3, 2)
    each = [Blur(1, 2)(x[:, channel : channel + 1]) for channel in range(3)]
    torch.testing.assert_close(blur(x), torch.cat(each, dim=1))
    assert not blur.state_dict()
    assert not list(blur.parameters())


@settings(deadline=None, max_examples=200)
@given(channels=st.integers(1, 8192), share=st.sampled_from([1 / 16, 1 / 8, 0.25, 0.5, 1.0]))
def test_squeeze_is_rounded_as_timm_does(channels: int, share: float):
    se = pytest.importorskip("timm.layers", reason="timm is not installed")
    with torch.device("meta"):
        theirs = se.SEModule(channels, rd_ratio=share)
        assert SqueezeExcite(channels, share, Layers()).reduce.out_channels == theirs.fc1.out_channels


@settings(deadline=None, max_examples=300)
@given(channels=st.integers(1, 1 << 20) | st.integers(0, 20).map(lambda power: 1 << power))
def test_efficient_attentions_kernel_is_timms(channels: int):
    eca = pytest.importorskip("timm.layers", reason="timm is not installed")
    assert EfficientAttention(channels).conv.kernel_size == eca.EcaModule(channels).conv.kernel_size


@pytest.mark.parametrize("dims", DIMS)
def test_squeeze_excite_weighs_each_channel_of_each_example(dims: int):
    layer = SqueezeExcite(4, 0.25, Layers(dims))
    x = torch.randn((3, 4) + (5,) * dims)
    mean = x.flatten(2).mean(2)
    hidden = F.relu(F.linear(mean, layer.reduce.weight.flatten(1), layer.reduce.bias))
    weight = F.linear(hidden, layer.expand.weight.flatten(1), layer.expand.bias).sigmoid()
    torch.testing.assert_close(layer(x), (x.flatten(2) * weight[..., None]).reshape(x.shape))


@pytest.mark.parametrize("dims", DIMS)
def test_efficient_attention_looks_at_neighbouring_channels(dims: int):
    layer = EfficientAttention(4)
    with torch.no_grad():
        # Only the next channel's mean counts.
        layer.conv.weight.copy_(torch.tensor([[[0.0, 0.0, 1.0]]]))
    x = torch.randn((2, 4) + (3,) * dims)
    mean = x.flatten(2).mean(2)
    weight = torch.cat([mean[:, 1:], torch.zeros(2, 1)], dim=1).sigmoid()
    torch.testing.assert_close(layer(x), (x.flatten(2) * weight[..., None]).reshape(x.shape))


@pytest.mark.parametrize("dims", DIMS)
def test_subsample_and_pad_copies_and_fills_with_zeros(dims: int):
    x = torch.randn((2, 3) + (5,) * dims)
    y = SubsampleAndPad(3, 7, stride=2)(x)
    assert y.shape == (2, 7) + (3,) * dims
    assert torch.equal(y[:, :3], x[(...,) + (slice(None, None, 2),) * dims])
    assert not y[:, 3:].any()


@pytest.mark.parametrize("dims", DIMS)
def test_subsample_and_pad_passes_gradients_where_it_looked(dims: int):
    x = torch.randn((2, 3) + (5,) * dims, requires_grad=True)
    SubsampleAndPad(3, 7, stride=2)(x).sum().backward()
    expected = torch.zeros_like(x)
    expected[(...,) + (slice(None, None, 2),) * dims] = 1
    assert x.grad is not None
    assert torch.equal(x.grad, expected)


def test_average_pool_counts_what_is_left_at_the_edge_as_a_cell():
    x = torch.tensor([[[1.0, 3.0, 5.0, 7.0, 100.0]]])
    assert Layers(1).average_pool(2)(x).tolist() == [[[2, 6, 100]]]
    assert Layers(1).average_pool(2, ceil=False)(x).tolist() == [[[2, 6]]]


@pytest.mark.parametrize("dims", DIMS)
def test_average_pool_takes_maps_thinner_than_a_cell(dims: int):
    x = torch.randn((2, 3, 1) + (4,) * (dims - 1))
    assert Layers(dims).average_pool(2)(x).shape == (2, 3, 1) + (2,) * (dims - 1)
    point = torch.randn((2, 3) + (1,) * dims)
    assert torch.equal(Layers(dims).average_pool(2)(point), point)
    assert torch.equal(Layers(dims).average_pool((4,) * dims, ceil=False)(point), point)


def test_average_pool_in_three_dimensions_is_torchs():
    x = torch.randn(2, 3, 5, 4, 2)
    assert torch.equal(Layers(3).average_pool(2)(x), F.avg_pool3d(x, 2, 2, ceil_mode=True, count_include_pad=False))


@given(channels=st.integers(1, 4096))
def test_groups_divide_the_channels_and_hold_two_or_more(channels: int):
    norm = Layers(norm="group").normalise(channels)
    assert isinstance(norm, nn.GroupNorm)
    assert channels % norm.num_groups == 0
    assert norm.num_groups <= 32
    assert channels == 1 or channels // norm.num_groups >= 2


def test_the_published_networks_have_32_groups():
    for channels in (64, 128, 256, 512, 1024, 2048):
        norm = Layers(norm="group").normalise(channels)
        assert isinstance(norm, nn.GroupNorm)
        assert norm.num_groups == 32


@pytest.mark.parametrize("dims", DIMS)
@pytest.mark.parametrize(("norm", "biased"), [("batch", False), ("group", False), ("none", True)])
def test_a_convolution_has_a_bias_only_where_no_normalisation_gives_one(dims: int, norm, biased: bool):
    conv = Layers(dims, norm=norm).conv(2, 4, 3)
    assert (conv.bias is not None) == biased


@pytest.mark.parametrize("antialias", ["blur", "average"])
@pytest.mark.parametrize("dims", DIMS)
def test_what_prevents_aliasing_does_the_stride(dims: int, antialias):
    layers = Layers(dims, antialias=antialias)
    assert layers.conv_stride(2) == 1
    assert layers.reduce(4, stride=1) is None
    reduce = layers.reduce(4, stride=2)
    assert reduce is not None
    assert reduce(torch.ones((1, 4) + (5,) * dims)).shape == (1, 4) + (3,) * dims


def test_without_it_the_convolution_strides_itself():
    assert Layers().conv_stride(2) == 2
    assert Layers().reduce(4, stride=2) is None
