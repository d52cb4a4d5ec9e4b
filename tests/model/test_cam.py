"""The class-activation map in the graph: exported, and refused where there is none."""

import pytest
import torch

from plusx.errors import WrongUse
from plusx.model.cam import CamNetwork
from plusx.model.fronts import with_front
from plusx.model.resnet import ResNet

IMAGE = {"modality": "image", "mean": [100.0, 110.0, 120.0], "std": [50.0, 60.0, 70.0]}


@pytest.mark.parametrize("options", [{}, {"block": "preact_basic"}, {"neck": "dilated"}, {"neck": "quartznet"}])
def test_logits_are_the_networks_and_maps_sum_to_them(options) -> None:
    torch.manual_seed(0)
    whole = with_front(IMAGE, ResNet([1, 1], 8, num_classes=5, **options)).eval()
    x = torch.randint(0, 256, (3, 3, 16, 20), dtype=torch.uint8)
    with torch.no_grad():
        logits, maps = CamNetwork(whole)(x)
        torch.testing.assert_close(logits, whole(x))
    assert maps.shape == (3, 5, 8, 10)
    torch.testing.assert_close(maps.sum((2, 3)) + whole.get_submodule("net.head.linear").bias, logits)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_it_is_exported_for_any_batch(dims: int) -> None:
    net = CamNetwork(ResNet([1, 1], 8, dims=dims)).eval()
    x = torch.randn((4, 3) + (8,) * dims)
    program = torch.export.export(net, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    with torch.no_grad():
        for some in (x, x[:2]):
            for exported, own in zip(program.module()(some), net(some), strict=True):
                torch.testing.assert_close(exported, own)


@pytest.mark.parametrize(
    ("options", "says"),
    [({"head": "unet"}, "a head unet"), ({"head": "embed"}, "a head embed"), ({"neck": "largest"}, "a neck largest")],
)
def test_other_heads_are_refused(options, says: str) -> None:
    with pytest.raises(WrongUse, match=f"a network with {says} has no map for each class in its graph"):
        CamNetwork(ResNet([1, 1], 8, **options))
