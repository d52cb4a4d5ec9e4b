"""Tang and Lin's keyword networks (arXiv 1710.10361), beside one written here on its own."""

from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from plusx.model.resnet import ResNet
from plusx.model.zoo import ZOO

# Convolutions after the first; the pooled moments and bands; whether dilation grows.
PAPER = {"res8": (6, (4, 3), False), "res15": (13, None, True), "res26": (24, (2, 2), False)}
WIDTHS = (45, 19)
# What the last map of a second's 101 moments and 40 bands is.
MAP = {"res8": (25, 13), "res15": (101, 40), "res26": (50, 20)}


class Keywords(nn.Module):
    """Reads (batch, 1, moments, bands); ours has the bands first."""

    def __init__(self, count: int, cell: tuple[int, int] | None, dilated: bool, width: int):
        super().__init__()
        self.cell = cell
        self.first = nn.Conv2d(1, width, 3, padding=1, bias=False)
        gaps = [2 ** (place // 3) if dilated else 1 for place in range(count)]
        self.convs = nn.ModuleList(nn.Conv2d(width, width, 3, padding=gap, dilation=gap, bias=False) for gap in gaps)
        self.norms = nn.ModuleList(nn.BatchNorm2d(width, affine=False) for _ in gaps)
        self.last = nn.Linear(width, 12)

    def map(self, x: Tensor) -> Tensor:
        x = F.relu(self.first(x))
        if self.cell is not None:
            x = F.avg_pool2d(x, self.cell)
        stream = x
        for number, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True), 1):
            x = F.relu(conv(x))
            if number % 2 == 0:
                stream = x = x + stream
            x = norm(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.map(x).mean(dim=(2, 3)))


def theirs(name: str, width: int = 45) -> Keywords:
    return Keywords(*PAPER[name], width=width)


def convolutions(net: nn.Module) -> Iterator[nn.Conv2d]:
    return (module for module in net.modules() if isinstance(module, nn.Conv2d))


def alike(name: str, width: int) -> tuple[ResNet, Keywords]:
    """Both networks with the paper's one's weights, whose kernels stand on end in ours."""
    ours, paper = ZOO[name](num_filters=[width] * len(ZOO[name].num_layers)), theirs(name, width)
    with torch.no_grad():
        for to, taken in zip(convolutions(ours), convolutions(paper), strict=True):
            to.weight.copy_(taken.weight.transpose(2, 3))
            assert to.bias is None
            assert to.dilation == taken.dilation
        ours.head.linear.load_state_dict(paper.last.state_dict())
    return ours, paper


def norms(net: nn.Module) -> list[nn.BatchNorm2d]:
    return [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAPER)
def test_is_the_papers_network(name: str, width: int) -> None:
    ours, paper = alike(name, width)
    assert sum(one.numel() for one in ours.parameters()) == sum(one.numel() for one in paper.parameters())
    ours.double()
    paper.double()
    for _ in range(2):
        sounds = torch.randn(3, 1, 101, 40, dtype=torch.float64)
        torch.testing.assert_close(ours(sounds.transpose(2, 3)), paper(sounds))
    # Two batches have moved the averages, alike in both.
    assert len(norms(ours)) == len(norms(paper)) == PAPER[name][0]
    for one, other in zip(norms(ours), norms(paper), strict=True):
        torch.testing.assert_close(one.running_mean, other.running_mean)
        torch.testing.assert_close(one.running_var, other.running_var)
    ours.eval()
    paper.eval()
    torch.testing.assert_close(ours(sounds.transpose(2, 3)), paper(sounds))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAPER)
def test_learns_as_the_papers_network(name: str, width: int) -> None:
    ours, paper = (net.double() for net in alike(name, width))
    sounds, words = torch.randn(3, 1, 101, 40, dtype=torch.float64), torch.tensor([0, 5, 11])
    F.cross_entropy(ours(sounds.transpose(2, 3)), words).backward()
    F.cross_entropy(paper(sounds), words).backward()
    for one, other in zip(convolutions(ours), convolutions(paper), strict=True):
        assert one.weight.grad is not None
        assert other.weight.grad is not None
        torch.testing.assert_close(one.weight.grad, other.weight.grad.transpose(2, 3))


@pytest.mark.parametrize("name", PAPER)
def test_pools_to_the_papers_places(name: str) -> None:
    places = ZOO[name](head="none").eval()(torch.randn(1, 1, 40, 101)).shape[2:]
    assert tuple(reversed(places)) == theirs(name).map(torch.randn(2, 1, 101, 40)).shape[2:] == MAP[name]


def test_res15s_thirteen_dilations() -> None:
    gaps = [conv.dilation[0] for conv in convolutions(ZOO["res15"]())][1:]
    assert gaps == [1, 1, 1, 2, 2, 2, 4, 4, 4, 8, 8, 8, 16]
