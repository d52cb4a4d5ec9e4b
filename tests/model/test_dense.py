"""Heads that answer every place."""

import pytest
import torch
import torchvision
from libraries import randomise

from plusx.errors import WrongUse
from plusx.model import pretrained
from plusx.model.cost import cost
from plusx.model.dense import DENSE
from plusx.model.resnet import ResNet
from plusx.model.stems import STEMS
from plusx.model.zoo import resnet18, resnet50

DILATED = {"strides": (1, 2, 1, 1), "dilations": (1, 1, 2, 4)}


@pytest.mark.parametrize("block", ["basic", "preact_bottleneck"])
@pytest.mark.parametrize("stem", [stem for stem in STEMS if not stem.startswith("bytes")])
@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("head", DENSE)
def test_logits_have_the_inputs_size(head: str, dims: int, stem: str, block: str):
    net = ResNet([1, 1, 1], 8, head=head, dims=dims, stem=stem, block=block, num_classes=5)
    x = torch.randn((2, 3) + (17,) * dims)
    y = net(x)
    assert y.shape == (2, 5) + (17,) * dims
    y.square().mean().backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in net.parameters())
    assert ResNet(**net.spec).spec == net.spec


@pytest.mark.parametrize("head", ["fcn", "deeplab"])
def test_parity_with_torchvision(head: str):
    name = {"fcn": "fcn_resnet50", "deeplab": "deeplabv3_resnet50"}[head]
    theirs = torchvision.models.get_model(name, weights=None, weights_backbone=None, num_classes=6, aux_loss=True)
    randomise(theirs)
    ours = resnet50(head=head, num_classes=6, **DILATED)
    pretrained.load_state(ours, theirs.state_dict())
    x = torch.randn(2, 3, 65, 48)
    with torch.no_grad():
        expected = theirs.eval()(x)["out"]
        assert expected.isfinite().all()
        assert torch.equal(ours.eval()(x), expected)
    written = pretrained.state_for(ours, "torchvision_segmentation")
    state = {key: tensor for key, tensor in theirs.state_dict().items() if not key.startswith("aux_classifier.")}
    assert written.keys() == state.keys()
    assert all(torch.equal(written[key], state[key]) for key in state)


def test_another_number_of_classes_gets_a_fresh_classifier():
    theirs = torchvision.models.get_model("fcn_resnet50", weights=None, weights_backbone=None, num_classes=6)
    ours = resnet50(head="fcn", num_classes=3, **DILATED)
    with pytest.warns(UserWarning, match="its head of 6 classes was replaced by a fresh one of 3"):
        pretrained.load_state(ours, theirs.state_dict())
    assert torch.equal(ours.head.conv.weight, theirs.classifier[0].weight)


def test_dilation_changes_no_parameter_and_keeps_the_size():
    plain, dilated = resnet18(), resnet18(**DILATED)
    assert {k: v.shape for k, v in plain.state_dict().items()} == {k: v.shape for k, v in dilated.state_dict().items()}
    assert dilated.features(torch.zeros(1, 3, 64, 64))["stage4"].shape == (1, 512, 8, 8)
    with pytest.raises(WrongUse, match="dilations names 2 stages, num_layers 4"):
        resnet18(dilations=(1, 2))


def test_a_dilated_network_answers_at_stride_positions_as_the_strided_one():
    """With dilation in place of a stride, each second place sees what the strided network's place sees."""
    strided = ResNet([1, 1], 8, head="none", num_classes=4, stem="cifar").eval()
    dilated = ResNet([1, 1], 8, head="none", num_classes=4, stem="cifar", strides=(1, 1), dilations=(1, 1)).eval()
    dilated.load_state_dict(strided.state_dict())
    deeper = ResNet([1, 2], 8, head="none", stem="cifar").eval()
    spread = ResNet([1, 2], 8, head="none", stem="cifar", strides=(1, 1), dilations=(1, 2)).eval()
    spread.load_state_dict(deeper.state_dict())
    x = torch.randn(1, 3, 16, 16)
    with torch.no_grad():
        first = dilated.stages[1][0].branch.conv1
        assert first.dilation == (1, 1)
        assert spread.stages[1][1].branch.conv1.dilation == (2, 2)
        # The first block of a dilated stage computes the strided one's values at every second place where no second
        # convolution mixes them with those between.
        wide = dilated.stages[1][0].branch.conv1(dilated.stages[0](dilated.stem(x)))
        narrow = strided.stages[1][0].branch.conv1(strided.stages[0](strided.stem(x)))
        torch.testing.assert_close(wide[:, :, ::2, ::2], narrow)


@pytest.mark.parametrize("head", DENSE)
def test_exports_for_any_batch(head: str):
    net = ResNet([1, 1, 1], 8, head=head, stem="imagenet", num_classes=3).eval()
    program = torch.export.export(net, (torch.randn(3, 3, 33, 40),), dynamic_shapes=({0: torch.export.Dim("batch")},))
    for batch in (2, 5):
        x = torch.randn(batch, 3, 33, 40)
        torch.testing.assert_close(program.module()(x), net(x))


def test_its_cost_is_counted():
    assert cost(ResNet([1, 1], 8, head="unet"), (3, 32, 32)).macs > cost(ResNet([1, 1], 8), (3, 32, 32)).macs
