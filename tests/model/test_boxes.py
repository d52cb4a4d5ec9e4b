"""RetinaNet on our stages: anchors and outputs are torchvision's."""

import pytest
import torch
from libraries import randomise
from torchvision.models.detection import retinanet_resnet50_fpn, retinanet_resnet50_fpn_v2
from torchvision.models.detection.image_list import ImageList

from plusx.errors import WrongUse
from plusx.model import pretrained
from plusx.model.boxes import pyramid_anchors
from plusx.model.resnet import ResNet
from plusx.model.zoo import resnet50

PREFIXES = {
    "backbone.fpn.extra_blocks.p6.": "further.0.",
    "backbone.fpn.extra_blocks.p7.": "further.1.",
    "backbone.fpn.": "pyramid.",
    "head.": "found.",
}


def in_our_names(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    renamed: dict[str, torch.Tensor] = {}
    for name, tensor in state.items():
        prefix = next((one for one in PREFIXES if name.startswith(one)), None)
        if prefix is not None:
            renamed[PREFIXES[prefix] + name.removeprefix(prefix)] = tensor
    return renamed


@pytest.mark.parametrize("size", [(320, 448), (224, 224), (800, 1088), (130, 200), (64, 96)])
def test_anchors_are_torchvisions(size: tuple[int, int]) -> None:
    theirs = retinanet_resnet50_fpn(weights=None, weights_backbone=None).eval()
    x = torch.zeros(1, 3, *size)
    with torch.no_grad():
        maps = list(theirs.backbone(x).values())
    expected = theirs.anchor_generator(ImageList(x, [size]), maps)[0]
    sides = torch.tensor([size[1], size[0]] * 2)
    ours = pyramid_anchors([tuple(one.shape[2:]) for one in maps], size)
    torch.testing.assert_close(ours * sides, expected, atol=1e-3, rtol=0)


def test_outputs_are_torchvisions() -> None:
    theirs = retinanet_resnet50_fpn_v2(weights=None, weights_backbone=None, num_classes=6).eval()
    randomise(theirs)
    ours = resnet50(head="retinanet", num_classes=6).eval()
    body = {name.removeprefix("backbone.body."): one for name, one in theirs.state_dict().items() if "body" in name}
    trunk = resnet50(num_classes=3)
    with pytest.warns(UserWarning, match="its head"):
        pretrained.load_state(trunk, {**body, "fc.weight": torch.zeros(2, 2048), "fc.bias": torch.zeros(2)})
    trunk = {name: one for name, one in trunk.state_dict().items() if not name.startswith("head.")}
    state = trunk | {f"head.{name}": one for name, one in in_our_names(theirs.state_dict()).items()}
    ours.load_state_dict(state)
    x = torch.randn(2, 3, 96, 160)
    with torch.no_grad():
        maps = list(theirs.backbone(x).values())
        expected = theirs.head(maps)
        outputs = ours(x)
    assert outputs.shape[1] == 6 + 8
    torch.testing.assert_close(outputs[:, :6].transpose(1, 2), expected["cls_logits"])
    torch.testing.assert_close(outputs[:, 6:10].transpose(1, 2), expected["bbox_regression"])
    anchors = theirs.anchor_generator(ImageList(x, [(96, 160)] * 2), maps)[0]
    torch.testing.assert_close(outputs[1, 10:].T * torch.tensor([160, 96] * 2), anchors, atol=1e-3, rtol=0)


def test_it_begins_with_nothing_likely() -> None:
    """The prior of arXiv 1708.02002, section 4.1: a hundredth."""
    net = ResNet([1, 1, 1, 1], 16, head="retinanet", num_classes=3).eval()
    with torch.no_grad():
        likely = net(torch.randn(2, 3, 64, 64))[:, :3].sigmoid()
    assert likely.mean().item() == pytest.approx(0.01, rel=0.05)


@pytest.mark.parametrize("block", ["basic", "preact_bottleneck"])
@pytest.mark.parametrize(("stages", "stem"), [(1, "cifar"), (2, "imagenet"), (4, "small"), (5, "cifar")])
def test_any_network_has_anchors_at_five_levels(stages: int, stem: str, block: str) -> None:
    net = ResNet([1] * stages, 8, head="retinanet", stem=stem, block=block, num_classes=2)
    outputs = net(torch.randn(2, 3, 40, 56))
    assert outputs.shape[1] == 10
    anchors = outputs[:, -4:]
    assert (anchors[:, 2:] > anchors[:, :2]).all()
    outputs.square().mean().backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in net.parameters())
    assert ResNet(**net.spec).spec == net.spec


def test_an_exported_network_takes_any_number_of_pictures() -> None:
    net = ResNet([1, 1, 1], 8, head="retinanet", num_classes=2).eval()
    batch = torch.export.Dim("batch")
    exported = torch.export.export(net, (torch.zeros(2, 3, 32, 48),), dynamic_shapes=({0: batch},)).module()
    x = torch.randn(5, 3, 32, 48)
    with torch.no_grad():
        torch.testing.assert_close(exported(x), net(x))


def test_other_dimensions_are_refused() -> None:
    with pytest.raises(WrongUse, match="boxes are found in two dimensions, not in 1"):
        ResNet([1, 1], 8, head="retinanet", dims=1)
