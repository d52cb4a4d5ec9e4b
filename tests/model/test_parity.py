"""Other libraries' networks and ours: the same output from the same numbers, and our numbers back in theirs."""

from typing import Any

import pytest
import torch
import torchvision
from libraries import randomise, transformers_resnet
from torch import Tensor, nn

from plusx.model import pretrained
from plusx.model.resnet import ResNet
from plusx.model.zoo import ZOO, resnet18

# 97 is odd at every stage but the last.
SIZES = (64, 97)


def logits(output: Any) -> Tensor:
    return getattr(output, "logits", output)


def assert_parity(ours: ResNet, theirs: nn.Module, family: str, *, exact: bool = True) -> None:
    """Their state gives our network their outputs, evaluating and training; ours written back is theirs."""
    randomise(theirs)
    pretrained.load_state(ours, theirs.state_dict())
    for size in SIZES:
        x = torch.randn(2, 3, size, size)
        for training in (False, True):
            with torch.no_grad():
                expected, y = logits(theirs.train(training)(x)), ours.train(training)(x)
            assert expected.isfinite().all()
            if exact:
                assert torch.equal(y, expected)
            else:
                assert (y - expected).abs().max() <= 1e-5 * expected.abs().max()
    # Training has moved the running statistics of both.
    written = pretrained.state_for(ours, family)
    state = theirs.state_dict()
    assert written.keys() == state.keys()
    for name, tensor in written.items():
        if exact:
            assert torch.equal(tensor, state[name]), name
        else:
            torch.testing.assert_close(tensor, state[name])
    theirs.load_state_dict(written, strict=True)


TORCHVISION = [name for name in torchvision.models.list_models(torchvision.models) if "res" in name]
LARGE = ("resnet152", "resnext101_32x8d", "resnext101_64x4d", "wide_resnet101_2")


def test_every_residual_network_of_torchvision_is_ours_too():
    # Those for detection and segmentation live in other modules of torchvision.
    assert len(TORCHVISION) == 10
    assert set(TORCHVISION) <= set(ZOO)


@pytest.mark.parametrize(
    "name", [pytest.param(one, marks=pytest.mark.slow) if one in LARGE else one for one in TORCHVISION]
)
def test_parity_with_torchvision(name: str):
    assert_parity(ZOO[name](), torchvision.models.get_model(name), "torchvision")


# One each of plain, -D, -S, SE, ECA, ResNeXt, wide, blur, average, RS and v2. The same classes build the rest, whose
# layers tests/model/test_zoo.py compares one by one.
TIMM = [
    "resnet18",
    "resnet50",
    "resnet18d",
    "resnet26d",
    "resnet34d",
    "resnet50d",
    "resnet50s",
    "seresnet18",
    "seresnet50",
    "ecaresnet50d",
    "resnext50_32x4d",
    "wide_resnet50_2",
    "resnetblur50",
    "resnetaa50",
    "resnetrs50",
]
TIMM_V2 = {"resnetv2_50": "resnetv2_50", "preact_resnet18": "resnetv2_18", "preact_resnet34": "resnetv2_34"}


@pytest.mark.parametrize("name", TIMM)
def test_parity_with_timm(name: str):
    timm = pytest.importorskip("timm", reason="timm is not installed")
    assert_parity(ZOO[name](), timm.create_model(name), "torchvision")


@pytest.mark.parametrize(("ours", "theirs"), TIMM_V2.items())
def test_parity_with_timms_second_version(ours: str, theirs: str):
    timm = pytest.importorskip("timm", reason="timm is not installed")
    # Its classifier is a 1x1 convolution, which adds in another order.
    assert_parity(ZOO[ours](), timm.create_model(theirs), "timm_v2", exact=False)


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_parity_with_transformers(name: str):
    assert_parity(ZOO[name](), transformers_resnet(name), "transformers")


def test_gradients_are_torchvisions_too():
    theirs, ours = torchvision.models.resnet18(), resnet18()
    randomise(theirs)
    pretrained.load_state(ours, theirs.state_dict())
    x = torch.randn(2, 3, 64, 64)
    for net in (theirs, ours):
        net(x).square().sum().backward()
    for parameters in zip(ours.parameters(), theirs.parameters(), strict=True):
        gradients = [parameter.grad for parameter in parameters]
        assert None not in gradients
        assert torch.equal(*gradients)


def test_any_channels_and_classes_go_there_and_back():
    ours, theirs = resnet18(num_classes=7), torchvision.models.resnet18(num_classes=7)
    theirs.load_state_dict(pretrained.state_for(ours, "torchvision"))
    x = torch.randn(2, 3, 64, 64)
    assert torch.equal(ours(x), theirs(x))
