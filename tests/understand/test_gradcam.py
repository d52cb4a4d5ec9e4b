"""Grad-CAM and HiResCAM against a version by hand on torchvision's network, and against their papers' identities."""

import pytest
import torch
import torchvision
from libraries import randomise
from scipy.ndimage import zoom
from torch import Tensor, nn

from plusx.errors import WrongUse
from plusx.model import pretrained
from plusx.model.cam import CamNetwork
from plusx.model.resnet import ResNet
from plusx.model.zoo import resnet18
from plusx.understand.gradcam import grad_cam, hires_cam, layers_of, maps_and_gradients, spread

THEIRS = {"stem": "maxpool", "stage1": "layer1", "stage2": "layer2", "stage3": "layer3", "stage4": "layer4"}


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="module")
def theirs() -> nn.Module:
    torch.manual_seed(1)
    net = torchvision.models.resnet18()
    randomise(net)
    return net.eval()


@pytest.fixture(scope="module")
def ours(theirs: nn.Module) -> ResNet:
    net = resnet18()
    pretrained.load_state(net, theirs.state_dict())
    return net.eval()


def by_hand(net: nn.Module, layer: str, pictures: Tensor, label: int) -> tuple[Tensor, Tensor]:
    """(Grad-CAM, HiResCAM) as the papers' formulas have them, one picture and one channel at a time."""
    held: dict[str, Tensor] = {}
    module = net.get_submodule(layer)
    handles = [
        module.register_forward_hook(lambda module, given, made: held.update(map=made.detach().clone())),
        module.register_full_backward_hook(lambda module, given, made: held.update(gradient=made[0].clone())),
    ]
    every: list[tuple[Tensor, Tensor]] = []
    for picture in pictures:
        net.zero_grad()
        net(picture[None].requires_grad_())[0, label].backward()
        grad_map = torch.zeros(held["map"].shape[2:])
        hires_map = torch.zeros_like(grad_map)
        for values, gradient in zip(held["map"][0], held["gradient"][0], strict=True):
            grad_map += gradient.sum() / gradient.numel() * values
            hires_map += gradient * values
        every.append((grad_map.clamp(min=0), hires_map))
    for handle in handles:
        handle.remove()
    return torch.stack([one for one, _ in every]), torch.stack([one for _, one in every])


@pytest.mark.parametrize("layer", THEIRS)
def test_it_is_what_hooks_on_torchvisions_network_give(ours: ResNet, theirs: nn.Module, layer: str) -> None:
    pictures = torch.randn(2, 3, 64, 64)
    for expected, found in zip(
        by_hand(theirs, THEIRS[layer], pictures, label=7),
        (method(ours, pictures, lambda outputs: outputs[:, 7], layer) for method in (grad_cam, hires_cam)),
        strict=True,
    ):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


def test_layers_are_those_of_features_and_the_last_is_usual(ours: ResNet) -> None:
    pictures = torch.randn(1, 3, 64, 64)
    features = ours.features(pictures)
    assert layers_of(ours) == list(features)
    for name, map in features.items():
        torch.testing.assert_close(maps_and_gradients(ours, pictures, lambda outputs: outputs[:, 0], name)[0], map)
    last = grad_cam(ours, pictures, lambda outputs: outputs[:, 3], "stage4")
    assert torch.equal(grad_cam(ours, pictures, lambda outputs: outputs[:, 3]), last)


def test_an_unknown_layer_is_refused(ours: ResNet) -> None:
    with pytest.raises(
        WrongUse, match=r"--layer stage5: no such layer; did you mean stage\d\?; there are stem, stage1"
    ):
        grad_cam(ours, torch.zeros(1, 3, 64, 64), lambda outputs: outputs[:, 0], "stage5")


def first(outputs: Tensor) -> Tensor:
    """The first class's logit, the mean over places where it has several."""
    return outputs[:, 0].reshape(len(outputs), -1).mean(1)


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("head", ["linear", "unet", "fcn", "frames"])
def test_any_head_in_any_dimensions(dims: int, head: str) -> None:
    net = ResNet([1, 1], 4, dims=dims, head=head, num_classes=3).eval()
    x = torch.randn((2, 3) + (8,) * dims)
    for layer in layers_of(net):
        for method in (grad_cam, hires_cam):
            heat = method(net, x, first, layer)
            assert heat.shape == (2,) + ((8,) if layer != "stage2" else (4,)) * dims
            assert heat.isfinite().all()
            # Grad-CAM has nothing where all of a map speaks against the score.
            assert heat.any() or method is grad_cam


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_hirescam_is_the_class_activation_map_and_grad_cam_its_positive_part(dims: int) -> None:
    net = ResNet([1, 2], 8, dims=dims, num_classes=4).eval()
    x = torch.randn((2, 3) + (12,) * dims)
    logits, maps = CamNetwork(net)(x)
    torch.testing.assert_close(logits, net(x))
    torch.testing.assert_close(maps.flatten(2).sum(2) + net.head.linear.bias, logits)
    for label in range(4):
        torch.testing.assert_close(hires_cam(net, x, lambda outputs, label=label: outputs[:, label]), maps[:, label])
        torch.testing.assert_close(
            grad_cam(net, x, lambda outputs, label=label: outputs[:, label]), maps[:, label].relu()
        )


@pytest.mark.parametrize("space", [(9,), (8, 12), (4, 6, 10)])
def test_maps_are_spread_as_scipy_zooms(space: tuple[int, ...]) -> None:
    maps = torch.randn(2, *(size // 2 for size in space))
    wide = spread(maps, space)
    for one, own in zip(wide, maps, strict=True):
        factors = [size / given for size, given in zip(space, own.shape, strict=True)]
        expected = zoom(own.numpy(), factors, order=1, mode="nearest", grid_mode=True)
        torch.testing.assert_close(one, torch.from_numpy(expected), rtol=1e-4, atol=1e-5)
