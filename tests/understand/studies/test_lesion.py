"""A lesion is a network that was built without the block, or with two in one another's places."""

from typing import Any

import pytest
import torch

from plusx.model.resnet import ResNet
from plusx.understand.studies.lesion import pairs, same_shape, swapped, without


def random_net(shortcut: str | None, **options: Any) -> ResNet:
    torch.manual_seed(0)
    net = ResNet([3, 3], 4, shortcut=shortcut, **options)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.weight)
            torch.nn.init.normal_(module.running_mean)
    return net.eval()


@pytest.mark.parametrize("shortcut", ["A", "B", None])
@pytest.mark.parametrize(("stage", "place"), [(0, 1), (1, 1), (1, 2)])
def test_without_a_block_is_the_network_built_without_it(shortcut: str | None, stage: int, place: int) -> None:
    net = random_net(shortcut)
    counts = [3, 3]
    counts[stage] -= 1
    shorter = ResNet(counts, 4, shortcut=shortcut).eval()
    weights = {}
    for name, tensor in net.state_dict().items():
        parts = name.split(".")
        if parts[0] == "stages" and int(parts[1]) == stage:
            if int(parts[2]) == place:
                continue
            parts[2] = str(int(parts[2]) - (int(parts[2]) > place))
        weights[".".join(parts)] = tensor
    shorter.load_state_dict(weights)
    x = torch.randn(2, 3, 8, 8)
    assert torch.equal(without(net, f"stages.{stage}.{place}")(x), shorter(x))
    assert not torch.equal(net(x), shorter(x))


def test_where_the_shape_changes_the_shortcut_is_left() -> None:
    net = random_net("A")
    block = net.get_submodule("stages.1.0")
    x = torch.rand(1, 4, 8, 8)
    cut = without(net, "stages.1.0").get_submodule("stages.1.0")
    assert torch.equal(cut(x), block.get_submodule("shortcut")(x))


def test_swapped_blocks_have_one_anothers_weights() -> None:
    net = random_net("A")
    other = random_net("A")
    one, two = "stages.0.0.", "stages.0.2."
    weights = net.state_dict()
    exchanged = {
        name: weights[name.replace(one, two) if name.startswith(one) else name.replace(two, one)] for name in weights
    }
    other.load_state_dict(exchanged)
    x = torch.randn(2, 3, 8, 8)
    assert torch.equal(swapped(net, "stages.0.0", "stages.0.2")(x), other(x))


def test_what_may_be_deleted_and_swapped() -> None:
    names = same_shape(random_net(None))
    assert names == ["stages.0.0", "stages.0.1", "stages.0.2", "stages.1.1", "stages.1.2"]
    assert len(pairs(names)) == 3 + 1
