"""Costs: counted on the graph, held to hand-made numbers and to the literature's."""

import json
from importlib.resources import files
from typing import Any

import pytest
import torch
from torch import nn

from plusx.model.cost import COSTS_FILE, Cost, cost, zoo_costs
from plusx.model.resnet import ResNet

# Multiply-accumulates, in millions: timm's benchmark CSVs at 224 px; for CIFAR at 32 px.
MACS_M = {
    "resnet18": 1820,
    "resnet34": 3670,
    "resnet50": 4110,
    "resnet101": 7830,
    "resnet152": 11560,
    "resnet20": 41,
    "resnet32": 69,
    "resnet44": 97,
    "resnet56": 127,
    "resnet110": 256,
    "resnet1202": 2860,
}


@pytest.fixture(scope="module")
def stored() -> dict[str, dict[str, int]]:
    return json.loads((files("plusx.model") / COSTS_FILE).read_text())


@pytest.mark.slow
def test_the_stored_costs_are_what_is_counted_now(stored: dict[str, dict[str, int]]):
    assert stored == zoo_costs(), "run `python -m plusx.model.cost`"


@pytest.mark.parametrize(("name", "millions"), MACS_M.items())
def test_macs_are_the_published_ones(stored: dict[str, dict[str, int]], name: str, millions: int):
    assert stored[name]["macs"] / 1e6 == pytest.approx(millions, rel=0.01)


BARE = {"num_layers": [1], "num_filters": 2, "stem": "none", "head": "none", "in_channels": 2}

BY_HAND: list[tuple[str, dict[str, Any], tuple[int, ...], Cost]] = [
    (
        "1-D: 2 convolutions of 2*2*3 at 10 positions, 2 normalisations of 20, 2*3 of the head",
        BARE | {"dims": 1, "head": "linear", "num_classes": 3},
        (2, 10),
        Cost(params=2 * 12 + 2 * 4 + 9, macs=2 * 120 + 2 * 20 + 6, activations=2 * 20 + 3),
    ),
    (
        "3-D, one channel to two at half the size: 2 of 8 positions; 27, 2*27 and 1 multiplications for each",
        BARE | {"dims": 3, "in_channels": 1, "strides": [2]},
        (1, 4, 4, 4),
        Cost(params=54 + 108 + 2 + 3 * 4, macs=16 * (27 + 54 + 1) + 3 * 16, activations=3 * 16),
    ),
    (
        "group normalisation costs what batch normalisation does",
        BARE | {"dims": 1, "norm": "group"},
        (2, 10),
        Cost(params=2 * 12 + 2 * 4, macs=2 * 120 + 2 * 20, activations=2 * 20),
    ),
    (
        "without normalisation there is none to count, but biases to learn",
        BARE | {"dims": 1, "norm": "none"},
        (2, 10),
        Cost(params=2 * 12 + 2 * 2, macs=2 * 120, activations=2 * 20),
    ),
    (
        "squeeze-and-excitation: 2 to 8 and 8 to 2 at one position",
        BARE | {"dims": 1, "attention": "se"},
        (2, 10),
        Cost(params=2 * 12 + 2 * 4 + 24 + 18, macs=2 * 120 + 2 * 20 + 32, activations=2 * 20 + 8 + 2),
    ),
    (
        "efficient attention: 3 for each of 2 channels",
        BARE | {"dims": 1, "attention": "eca"},
        (2, 10),
        Cost(params=2 * 12 + 2 * 4 + 3, macs=2 * 120 + 2 * 20 + 6, activations=2 * 20 + 2),
    ),
    (
        "2-D bottleneck of 2 groups, 8 channels to 4, 3x3, to 8, at 9 positions",
        BARE | {"in_channels": 8, "block": "bottleneck", "cardinality": 2},
        (8, 3, 3),
        Cost(params=32 + 72 + 32 + 2 * 16, macs=9 * (32 + 72 + 32) + 9 * 16, activations=9 * 16),
    ),
    (
        "a blur is a convolution: 4 filters of 9 at 1 of 4 positions, after a convolution that does not stride",
        BARE | {"strides": [2], "antialias": "blur", "shortcut": None},
        (2, 2, 2),
        Cost(params=2 * 36 + 2 * 4, macs=4 * 36 + 4 * 2 + 18 + 36 + 2, activations=4 * 2 + 2 + 2),
    ),
]


@pytest.mark.parametrize(("what", "options", "shape", "expected"), BY_HAND, ids=[case[0][:20] for case in BY_HAND])
def test_counts_what_a_hand_counts(what: str, options: dict[str, Any], shape: tuple[int, ...], expected: Cost):
    assert cost(ResNet(**options), shape) == expected, what


def test_counts_any_module():
    assert cost(nn.Linear(3, 5), (3,)) == Cost(params=20, macs=15, activations=5)


def test_leaves_the_network_as_it_was():
    net = ResNet([1], 4)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    cost(net, (3, 8, 8))
    assert net.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert net(torch.randn(2, 3, 8, 8)).device.type == "cpu"


def test_does_not_depend_on_the_mode_the_network_is_in():
    net = ResNet([1], 4, stochastic_depth=0.5)
    assert cost(net.train(), (3, 8, 8)) == cost(net.eval(), (3, 8, 8))
