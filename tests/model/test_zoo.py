"""The named networks: their sizes, their depth, and what was published about them."""

import json
import re
import subprocess
import sys

import pytest
import torch
from torch import nn
from torchvision.models import get_model_weights

import plusx.model.zoo as zoo_module
from plusx.errors import WrongUse
from plusx.model import pretrained
from plusx.model.resnet import ResNet
from plusx.model.zoo import ZOO, Network

# Learned numbers. torchvision's state dicts; arXiv 1512.03385, table 6 (option A), counted; timm 1.0.31.
PARAMS = {
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "resnet20": 269_722,
    "resnet32": 464_154,
    "resnet44": 658_586,
    "resnet56": 853_018,
    "resnet110": 1_727_962,
    "resnet1202": 19_421_274,
    "resnet26d": 16_014_408,
    "resnet50d": 25_576_264,
    "seresnet50": 28_088_024,
    "resnext50_32x4d": 25_028_904,
    "wide_resnet50_2": 68_883_240,
    "resnetv2_50": 25_549_352,
    "resnetrs50": 35_691_912,
    "resnetblur50": 25_557_032,
    # By hand, from arXiv 1606.01781: see vdcnn_params.
    "vdcnn9": 14_353_028,
    "vdcnn17": 16_445_828,
    "vdcnn29": 16_816_772,
}

# Millions of weights, as the papers print them (1603.05027, table 3; 1605.07146, table 4; 1611.05431, table 7).
# Normalisations are left out: ResNet-1001's 10.2 is without them.
WEIGHTS_M = {"preact_resnet164": 1.7, "preact_resnet1001": 10.2, "wrn28_10": 36.5, "resnext29_8x64d": 34.4}

ASKED_FOR = """
    resnet18 resnet34 resnet50 resnet101 resnet152 resnet50_v1 resnet101_v1 resnet152_v1 plain18 plain34
    resnet20 resnet32 resnet44 resnet56 resnet110 resnet1202 plain20 plain32 plain44 plain56 plain110
    preact_resnet18 preact_resnet34 preact_resnet50 preact_resnet101 preact_resnet152 preact_resnet200
    preact_resnet110 preact_resnet164 preact_resnet1001 wrn16_4 wrn16_8 wrn28_10 wrn40_4
    wide_resnet50_2 wide_resnet101_2 resnext50_32x4d resnext101_32x8d resnext101_64x4d resnext29_8x64d
    seresnet18 seresnet34 seresnet50 seresnet101 seresnet152
    resnet18d resnet26d resnet34d resnet50d resnet101d resnet152d resnet200d
    ecaresnet50d resnetblur50 resnetaa50 resnetrs50 resnetrs101 resnetrs152 resnetrs200
    resnetv2_50 resnetv2_101 resnetv2_152
    resnet10_1d resnet18_1d resnet34_1d resnet50_1d resnet10_3d resnet18_3d resnet34_3d resnet50_3d
    res8 res15 res26 resnet8 resnet8_24 resnet8_32 vdcnn9 vdcnn17 vdcnn29 resnet8_text resnet10_text resnet18_text
"""


def shapes(net: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}


def test_everything_that_was_asked_for_is_there():
    assert set(ASKED_FOR.split()) <= set(ZOO)


def test_each_is_a_function_of_its_name():
    defined = {name: value for name, value in vars(zoo_module).items() if isinstance(value, Network)}
    assert defined == ZOO
    assert all(network.name == name for name, network in ZOO.items())


def test_listing_them_takes_no_torch():
    code = "import sys, plusx.model.zoo; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(("name", "params"), PARAMS.items())
def test_has_exactly_as_many_parameters_as_published(zoo_on_meta: dict[str, ResNet], name: str, params: int):
    assert sum(parameter.numel() for parameter in zoo_on_meta[name].parameters()) == params


def vdcnn_params(blocks: tuple[int, int, int, int], classes: int = 4) -> int:
    """256 vectors of 16, a convolution, blocks of two, projections where the width changes, 8 maxima, three layers."""
    first = 256 * 16 + 3 * 16 * 64 + 2 * 64
    total, before = first, 64
    for count, width in zip(blocks, (64, 128, 256, 512), strict=True):
        for number in range(count):
            come_in = before if number == 0 else width
            total += 3 * come_in * width + 3 * width * width + 2 * 2 * width
            if come_in != width:
                total += come_in * width + 2 * width
        before = width
    layers = [(512 * 8, 2048), (2048, 2048), (2048, classes)]
    return total + sum((come_in + 1) * go_out for come_in, go_out in layers)


@pytest.mark.parametrize(("name", "blocks"), [("vdcnn9", (1,) * 4), ("vdcnn17", (2,) * 4), ("vdcnn29", (5, 5, 2, 2))])
def test_vdcnns_parameters_are_counted_by_hand(name: str, blocks: tuple[int, int, int, int]):
    assert PARAMS[name] == vdcnn_params(blocks)


def test_vdcnn_without_its_optional_shortcuts():
    net = ZOO["vdcnn9"](shortcut=None)
    # Without the projections of its three changes of width, and their normalisations.
    left_out = 64 * 128 + 128 * 256 + 256 * 512 + 2 * (128 + 256 + 512)
    assert sum(parameter.numel() for parameter in net.parameters()) == PARAMS["vdcnn9"] - left_out
    assert net(torch.randint(0, 256, (2, 1, 64), dtype=torch.uint8)).shape == (2, 4)


@pytest.mark.parametrize(("name", "millions"), WEIGHTS_M.items())
def test_has_as_many_weights_as_the_paper_prints(zoo_on_meta: dict[str, ResNet], name: str, millions: float):
    weights = sum(parameter.numel() for parameter in zoo_on_meta[name].parameters() if parameter.ndim > 1)
    assert round(weights / 1e6, 1) == millions


# Thousands of parameters, as arXiv 1710.10361, table 1, prints them.
KEYWORDS_K = {"res8": (110, 19.9), "res15": (238, 42.6), "res26": (438, 78.4)}


@pytest.mark.parametrize("name", KEYWORDS_K)
def test_a_keyword_network_is_as_large_as_the_paper_prints(name: str) -> None:
    whole, narrow = KEYWORDS_K[name]
    stages = len(ZOO[name].num_layers)
    with torch.device("meta"):
        nets = ZOO[name](), ZOO[name](num_filters=[19] * stages)
    counts = [sum(parameter.numel() for parameter in net.parameters()) / 1000 for net in nets]
    assert (round(counts[0]), round(counts[1], 1)) == (whole, narrow)


# Millions of parameters, as arXiv 1910.10261, table 1, prints them.
QUARTZNETS_M = {"quartznet5x5": 6.7, "quartznet10x5": 12.8, "quartznet15x5": 18.9}


@pytest.mark.parametrize(("name", "millions"), QUARTZNETS_M.items())
def test_a_quartznet_is_as_large_as_the_paper_prints(zoo_on_meta: dict[str, ResNet], name: str, millions: float):
    assert round(sum(parameter.numel() for parameter in zoo_on_meta[name].parameters()) / 1e6, 1) == millions


@pytest.mark.parametrize("name", [name for name in ZOO if name.startswith("quartznet")])
def test_a_quartznets_name_counts_its_blocks_and_their_convolutions(zoo_on_meta: dict[str, ResNet], name: str):
    blocks, repeats = map(int, name.removeprefix("quartznet").split("_")[0].split("x"))
    residuals = list(zoo_on_meta[name].residuals())
    assert len(residuals) == blocks
    for _, block in residuals:
        depthwise = [m for m in block.branch.children() if isinstance(m, nn.Conv1d) and m.groups > 1]
        assert len(depthwise) == repeats


@pytest.mark.parametrize("name", [name for name in ZOO if not name.startswith(("wrn", "quartznet", "jasper"))])
def test_is_as_deep_as_its_name_says(zoo_on_meta: dict[str, ResNet], name: str):
    net = zoo_on_meta[name]
    [depth] = re.findall(r"(?:v2_|[a-z])(\d+)", name.removeprefix("wide_"))[:1]
    if net.spec["neck"] == "vdcnn":
        # VDCNN's names count convolutions; three linear layers follow.
        depth = int(depth) + 3
    elif net.spec["stem"].startswith("deep"):
        # A deep stem has two convolutions more, which its name does not count; -RS has a third.
        depth = int(depth) + (3 if net.spec["stem"] == "deep_rs" else 2)
    assert count_weighted(net, shortcuts=False) == int(depth)


@pytest.mark.parametrize("name", [name for name in ZOO if name.startswith("wrn")])
def test_a_wide_networks_name_counts_its_projections(zoo_on_meta: dict[str, ResNet], name: str):
    depth, factor = map(int, name.removeprefix("wrn").split("_"))
    # It counts convolutions: 6n + 4 of them, three of which are projections. The head is not one.
    assert count_weighted(zoo_on_meta[name], shortcuts=True) - 1 == depth
    assert zoo_on_meta[name].spec["num_filters"] == 16 * factor


def count_weighted(net: ResNet, *, shortcuts: bool) -> int:
    convolutions = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
    return sum(
        isinstance(module, convolutions) and ".attention." not in name and (shortcuts or ".shortcut." not in name)
        for name, module in net.named_modules()
    )


@pytest.mark.parametrize("name", ZOO)
def test_its_spec_is_json_and_rebuilds_it(zoo_on_meta: dict[str, ResNet], name: str):
    net = zoo_on_meta[name]
    with torch.device("meta"):
        again = ResNet(**json.loads(json.dumps(net.spec)))
    assert again.spec == net.spec
    assert shapes(again) == shapes(net)
    assert str(again) == str(net)


# What we call otherwise, and what has other numbers than timm's network of that name has.
TIMM_NAMES = {"preact_resnet18": "resnetv2_18", "preact_resnet34": "resnetv2_34"}


def test_has_the_layers_of_timms_network_of_that_name(zoo_on_meta: dict[str, ResNet]):
    timm = pytest.importorskip("timm", reason="timm is not installed")
    compared = 0
    for name, net in zoo_on_meta.items():
        theirs = TIMM_NAMES.get(name, name)
        if theirs in timm.list_models():
            with torch.device("meta"):
                peer = timm.create_model(theirs)
            family = "timm_v2" if "v2" in theirs else "torchvision"
            written = {key: tuple(tensor.shape) for key, tensor in pretrained.state_for(net, family).items()}
            assert written == shapes(peer), name
            compared += 1
    assert compared >= 30


def test_options_stand_over_its_defaults():
    net = ZOO["resnet18"](num_classes=3, in_channels=1, num_layers=[1, 1], num_filters=4)
    assert net(torch.randn(2, 1, 32, 32)).shape == (2, 3)
    assert net.spec["stem"] == "imagenet"
    with pytest.raises(WrongUse, match="there is no num_class; did you mean num_classes"):
        ZOO["resnet18"](num_class=3)


TORCHVISION = [name for name, network in ZOO.items() if network.published and "torchvision" in network.published.source]


def test_every_torchvision_network_has_torchvisions_accuracy():
    assert len(TORCHVISION) == 10


@pytest.mark.parametrize("name", TORCHVISION)
def test_published_accuracy_is_the_one_in_torchvisions_records(name: str):
    published = ZOO[name].published
    assert published is not None
    records = get_model_weights(name)
    record = records[published.source.removeprefix("torchvision ")]
    # Its best weights.
    assert record == records.DEFAULT
    assert published.accuracy == pytest.approx(record.meta["_metrics"]["ImageNet-1K"]["acc@1"] / 100)


# Top-1 error, %: arXiv 1512.03385, tables 2, 3 (10-crop; shortcut B for 34) and 6; 1603.05027; 1605.07146, table 5.
ERRORS = {
    "plain18": 27.94,
    "plain34": 28.54,
    "resnet50_v1": 22.85,
    "resnet101_v1": 21.75,
    "resnet152_v1": 21.43,
    "resnet20": 8.75,
    "resnet32": 7.51,
    "resnet44": 7.17,
    "resnet56": 6.97,
    "resnet110": 6.43,
    "resnet1202": 7.93,
    "preact_resnet164": 5.46,
    "preact_resnet1001": 4.92,
    "wrn28_10": 4.00,
}


@pytest.mark.parametrize(("name", "error"), ERRORS.items())
def test_published_accuracy_is_the_papers(name: str, error: float):
    published = ZOO[name].published
    assert published is not None
    assert published.accuracy == pytest.approx(1 - error / 100)
    assert "arXiv" in published.source
    assert published.data == ("CIFAR-10" if ZOO[name].input_shape[1] == 32 else "ImageNet")


def test_every_published_accuracy_is_a_share_with_its_source():
    for network in ZOO.values():
        if network.published:
            assert 0.7 > 1 - network.published.accuracy > 0
            assert network.published.source
            assert network.published.data in {"ImageNet", "CIFAR-10", "Speech Commands"}
