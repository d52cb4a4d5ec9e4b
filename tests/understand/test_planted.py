"""A network that can only have learned a small patch: explanations must find it."""

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from plusx.model.resnet import ResNet
from plusx.understand.gradcam import Score, grad_cam, hires_cam, spread
from plusx.understand.integrated import integrated_gradients
from plusx.understand.occlusion import occlusion, steps_for

SIZE, PATCH = 32, 6


def planted(count: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """(pictures, classes, corners): noise, and somewhere a patch that is brighter in the class's channel."""
    random = torch.Generator().manual_seed(seed)
    pictures = 0.5 * torch.randn(count, 3, SIZE, SIZE, generator=random)
    classes = torch.randint(0, 3, (count,), generator=random)
    corners = torch.randint(0, SIZE - PATCH + 1, (count, 2), generator=random)
    for picture, label, (row, column) in zip(pictures, classes, corners.tolist(), strict=True):
        picture[label, row : row + PATCH, column : column + PATCH] += 2
    return pictures, classes, corners


@pytest.fixture(scope="module")
def net() -> ResNet:
    torch.manual_seed(0)
    net = ResNet([1, 1, 1], 8, num_classes=3)
    optimiser = torch.optim.AdamW(net.parameters(), 0.01)
    for step in range(60):
        pictures, classes, _ = planted(64, seed=step)
        optimiser.zero_grad()
        cross_entropy(net(pictures), classes).backward()
        optimiser.step()
    return net.eval()


def heat_of(method: str, net: ResNet, pictures: Tensor, score: Score) -> Tensor:
    nothing = torch.zeros_like(pictures)
    if method == "integrated":
        return integrated_gradients(net, pictures, score, nothing, steps=16).values.sum(1)
    if method == "occlusion":
        return occlusion(net, pictures, score, nothing, steps_for(pictures.shape[2:]))
    return spread({"gradcam": grad_cam, "hirescam": hires_cam}[method](net, pictures, score), (SIZE, SIZE))


@pytest.mark.parametrize("method", ["gradcam", "hirescam", "integrated", "occlusion"])
def test_the_hottest_place_lies_in_the_patch(net: ResNet, method: str) -> None:
    pictures, classes, corners = planted(100, seed=1000)
    assert (net(pictures).argmax(1) == classes).float().mean() > 0.95
    heat = heat_of(method, net, pictures, lambda outputs: outputs.gather(1, classes[:, None])[:, 0])
    hottest = heat.flatten(1).argmax(1)
    places = torch.stack([hottest // SIZE, hottest % SIZE], dim=1)
    inside = ((places >= corners) & (places < corners + PATCH)).all(1)
    assert inside.float().mean() >= 0.9


def ranked_alike(one: Tensor, other: Tensor) -> float:
    """The mean rank correlation of maps, 0 where one of them is flat."""
    pairs = [(a, b) for a, b in zip(one.flatten(1), other.flatten(1), strict=True) if a.any() and b.any()]
    return sum(spearmanr(a, b).statistic for a, b in pairs) / len(one)


PARTS: dict[str, Callable[[ResNet], nn.Module]] = {
    "the last block": lambda net: net.stages[-1].get_submodule("0"),
    "all weights": lambda net: net,
}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("method", ["gradcam", "hirescam", "integrated"])
def test_random_weights_change_the_map(net: ResNet, method: str, part: str) -> None:
    """The sanity checks of arXiv 1810.03292: an explanation that outlives the weights explains nothing of them."""
    pictures, classes, _ = planted(32, seed=2000)

    def heat(one: ResNet) -> Tensor:
        return heat_of(method, one, pictures, lambda outputs: outputs.gather(1, classes[:, None])[:, 0])

    changed = deepcopy(net)
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in PARTS[part](changed).parameters():
            parameter.copy_(torch.randn_like(parameter) * parameter.std().nan_to_num(1.0))
    assert ranked_alike(heat(net), heat(deepcopy(net))) == pytest.approx(1)
    assert ranked_alike(heat(net), heat(changed)) < 0.5
