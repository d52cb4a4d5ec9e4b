"""Inflation, by what networks answer: a volume of equal slices is answered as a slice was."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from plusx.model.inflate import inflated, on_channels
from plusx.model.resnet import ResNet
from plusx.model.transfer import transfer, transferable
from plusx.model.zoo import ZOO


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def trained(network: ResNet) -> ResNet:
    """Every tensor differs from a fresh one's, and stays of its size."""
    for tensor in network.state_dict().values():
        if tensor.is_floating_point():
            tensor.add_(torch.rand_like(tensor) * 0.1)
    return network.eval()


def test_one_convolution_on_equal_slices():
    weight, picture = torch.randn(4, 3, 5, 5), torch.randn(2, 3, 9, 9)
    volume = picture[:, :, None].expand(-1, -1, 7, -1, -1)
    ours = functional.conv3d(volume, inflated(weight, 3), padding=(0, 2, 2))
    theirs = functional.conv2d(picture, weight, padding=2)[:, :, None].expand_as(ours)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


# The depth is more than a network's field of view: zeros beyond the border reach the middle slice from nowhere.
@pytest.mark.parametrize(
    ("name", "options", "depth"),
    [
        ("resnet8", {"num_filters": 8}, 64),
        ("resnet14", {"num_filters": 8, "stem": "small"}, 128),
        ("resnet18", {"num_filters": 4, "num_classes": 7}, 512),
        ("resnet26d", {"num_filters": 4}, 512),
        ("preact_resnet18", {"num_filters": 4}, 512),
        ("wrn16_4", {"num_filters": 8, "stem_filters": 8}, 128),
    ],
)
@pytest.mark.parametrize("channels", [3, 1])
def test_equal_slices_have_the_features_of_one(name: str, options: dict, depth: int, channels: int):
    theirs = trained(ZOO[name](**options))
    ours = ZOO[name](**options, dims=3, in_channels=channels).eval()
    classes = [str(number) for number in range(theirs.spec["num_classes"])]
    done = transfer(ours, theirs.state_dict(), classes, classes)
    assert done.fresh == ()
    assert done.inflated == tuple(key for key, weight in theirs.state_dict().items() if weight.ndim == 4)
    assert "inflated along depth" in str(done)
    picture = torch.randn(1, channels, 16, 16)
    grey = picture if channels == 3 else picture.expand(-1, 3, -1, -1)
    with torch.no_grad():
        theirs_maps = theirs.features(grey)
        ours_maps = ours.features(picture[:, :, None].expand(-1, -1, depth, -1, -1))
    for level, map_ in theirs_maps.items():
        middle = ours_maps[level][:, :, ours_maps[level].shape[2] // 2]
        torch.testing.assert_close(middle, map_, rtol=1e-3, atol=1e-3)


def test_other_numbers_of_channels_answer_alike_channels_as_before():
    weight, grey = torch.randn(4, 3, 3, 3), torch.randn(2, 1, 9, 9)
    theirs = functional.conv2d(grey.expand(-1, 3, -1, -1), weight)
    for channels in (1, 2, 5):
        ours = functional.conv2d(grey.expand(-1, channels, -1, -1), on_channels(weight, channels))
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_one_channel_is_timms():
    manipulate = pytest.importorskip("timm.models._manipulate", reason="timm is not installed")
    weight = torch.randn(4, 3, 7, 7)
    torch.testing.assert_close(on_channels(weight, 1), manipulate.adapt_input_conv(1, weight))


def test_weights_of_volumes_are_not_deflated():
    pictures = ZOO["resnet8"](num_filters=8)
    volumes = ZOO["resnet8"](num_filters=8, dims=3)
    assert transferable(volumes, pictures.state_dict())
    assert not transferable(pictures, volumes.state_dict())


def test_an_inflated_network_can_be_exported():
    net = ZOO["resnet8"](num_filters=4, dims=3, in_channels=1).eval()
    transfer(net, ZOO["resnet8"](num_filters=4).state_dict())
    volumes = torch.randn(2, 1, 6, 6, 6)
    program = torch.export.export(net, (volumes,))
    torch.testing.assert_close(program.module()(volumes), net(volumes))
    assert isinstance(net.get_submodule("stem.conv1"), nn.Conv3d)
