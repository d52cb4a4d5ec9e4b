"""`ResNet`: any valid options build and run, any others are refused in one line."""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from plusx.errors import WrongUse
from plusx.model.blocks import BLOCKS, Block
from plusx.model.heads import HEADS, NECKS
from plusx.model.resnet import ResNet, ResNetSpec
from plusx.model.stems import STEMS

few = st.integers(1, 3)


def dilations_of(kind: Block) -> st.SearchStrategy[int | tuple[int, int]]:
    """Of one stage."""
    return few if kind.grouped or kind.repeated else few | st.tuples(few, few)


@st.composite
def valid_options(draw: st.DrawFn) -> dict[str, Any]:
    """Options of a small network that fit together, and all of them that exist."""
    block = draw(st.sampled_from(sorted(BLOCKS)))
    kind = BLOCKS[block]
    num_layers = draw(st.lists(st.integers(1, 2), min_size=1, max_size=3))
    stages = len(num_layers)
    shortcut = draw(st.sampled_from(["A", "B", "C", "D", None]))
    options = {
        "num_layers": num_layers,
        "dilations": draw(st.none() | st.lists(dilations_of(kind), min_size=stages, max_size=stages)),
        "num_filters": draw(st.integers(1, 6) | st.lists(st.integers(1, 6), min_size=stages, max_size=stages)),
        "num_classes": draw(few),
        "block": block,
        "shortcut": shortcut,
        "stem": draw(st.sampled_from(sorted(STEMS))),
        "neck": draw(st.sampled_from(sorted(NECKS))),
        "head": draw(st.sampled_from(sorted(HEADS))),
        "in_channels": draw(few),
        "dims": draw(few),
        "stem_filters": draw(st.none() | few),
        "strides": draw(st.none() | st.lists(few, min_size=stages, max_size=stages)),
        "cardinality": draw(few) if kind.grouped else 1,
        "group_width": draw(st.sampled_from([64, 100, 128])) if kind.grouped else 64,
        "inner_filters": None,
        "norm": draw(st.sampled_from(["batch", "batch_unweighted", "group", "none"])),
        "attention": draw(st.sampled_from(["se", "eca", "none"])),
        "squeeze": draw(st.sampled_from([1 / 16, 0.25, 1.0])),
        "antialias": draw(st.sampled_from(["blur", "average", "none"])),
        "dropout": draw(st.sampled_from([0.0, 0.5])) if kind.dropout else 0.0,
        "kernels": draw(st.none() | st.lists(st.sampled_from([1, 3, 5]), min_size=stages, max_size=stages))
        if kind.repeated
        else None,
        "repeats": draw(few) if kind.repeated else 1,
        "stochastic_depth": draw(st.sampled_from([0.0, 0.5])) if shortcut else 0.0,
        "zero_init": draw(st.booleans()) if shortcut else False,
    }
    if not kind.repeated and draw(st.booleans()):
        inner = st.integers(1, 4).map(lambda share: share * options["cardinality"])
        options["inner_filters"] = draw(st.lists(inner, min_size=sum(num_layers), max_size=sum(num_layers)))
    if shortcut == "A":
        # It only adds channels.
        options |= {
            "num_filters": sorted(draw(st.lists(st.integers(3, 6), min_size=stages, max_size=stages))),
            "stem": draw(st.sampled_from(["none", "cifar", "small", "imagenet"])),
            "stem_filters": None,
        }
    if options["stem"].startswith("bytes"):
        options["in_channels"] = 1
    if block == "relu_norm" or options["norm"] == "batch_unweighted":
        options["zero_init"] = False
    return options


def examples(options: dict[str, Any], size: int) -> torch.Tensor:
    shape = (2, options["in_channels"]) + (size,) * options["dims"]
    return torch.randint(0, 256, shape) if options["stem"].startswith("bytes") else torch.randn(shape)


@settings(deadline=None, max_examples=250)
@given(options=valid_options(), size=st.integers(6, 9))
def test_whatever_fits_together_builds_runs_and_learns(options: dict[str, Any], size: int):
    assert set(options) == set(ResNetSpec.model_fields)
    net = ResNet(**options)
    x = examples(options, size)
    y = net(x)
    assert y.shape == output_shape(net, x)
    assert y.isfinite().all()
    y.square().sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())
    assert ResNet(**json.loads(json.dumps(net.spec))).spec == net.spec


def output_shape(net: ResNet, x: torch.Tensor) -> tuple[int, ...]:
    classes, neck, head = net.spec["num_classes"], net.spec["neck"], net.spec["head"]
    channels = 2048 if neck == "vdcnn" else widths(net)[-1] * (2 if neck == "quartznet" else 1)
    answers = {"linear": classes, "cosine": classes, "frames": classes, "numbers": 2 * classes}.get(head, channels)
    kept = spaces(net, x)[-1] if neck in ("none", "dilated", "quartznet") else (1,) * (x.ndim - 2)
    return (2, answers, *(kept if head in ("frames", "none") else ()))


def widths(net: ResNet) -> list[int]:
    spec = ResNetSpec(**net.spec)
    return [filters * BLOCKS[spec.block].expansion for filters in spec.widths]


def spaces(net: ResNet, x: torch.Tensor) -> list[tuple[int, ...]]:
    """The spatial shape after each stage: its stride divides, and what is left over counts."""
    space = net.stem(x).shape[2:]
    shapes = []
    for stride in ResNetSpec(**net.spec).stage_strides:
        space = tuple(math.ceil(side / stride) for side in space)
        shapes.append(space)
    return shapes


@settings(deadline=None, max_examples=100)
@given(options=valid_options(), size=st.integers(6, 9))
def test_features_are_the_maps_on_the_way_to_the_answer(options: dict[str, Any], size: int):
    net = ResNet(**options).eval()
    x = examples(options, size)
    with torch.no_grad():
        maps = net.features(x)
        stages = [f"stage{number}" for number in range(1, len(options["num_layers"]) + 1)]
        assert list(maps) == ["stem", *stages]
        assert [tuple(maps[name].shape) for name in stages] == [
            (2, channels, *space) for channels, space in zip(widths(net), spaces(net, x), strict=True)
        ]
        assert torch.equal(net.head(maps[stages[-1]]), net(x))


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("norm", ["batch", "batch_unweighted", "group", "none"])
@pytest.mark.parametrize("block", BLOCKS)
def test_one_example_may_shrink_to_one_position(block: str, norm: str, dims: int):
    net = ResNet([1, 1, 1], 2, block=block, norm=norm, dims=dims, shortcut="D", antialias="average").eval()
    assert net(torch.randn((1, 3) + (2,) * dims)).isfinite().all()


def test_the_plain_call_of_the_introduction():
    net = ResNet([2, 2, 2], 64)
    assert net(torch.randn(2, 3, 32, 32)).shape == (2, 10)
    assert widths(net) == [64, 128, 256]
    assert net.spec["num_classes"] == 10
    assert len(list(net.residuals())) == 6


@pytest.mark.parametrize("stages", [1, 2, 3, 4, 5, 7])
def test_any_number_of_stages(stages: int):
    net = ResNet([1] * stages, 1)
    maps = net.features(torch.randn(2, 3, 64, 64))
    assert maps[f"stage{stages}"].shape == (2, 2 ** (stages - 1), 64 >> (stages - 1), 64 >> (stages - 1))


@pytest.mark.parametrize("options", [{}, {"shortcut": "A"}, {"stem": "imagenet", "head": "unet"}, {"dims": 1}])
def test_a_first_stage_without_blocks_is_what_comes_in(options: dict[str, Any]):
    net = ResNet([0, 1], 8, **options)
    x = torch.randn(2, 3, *(32,) * net.spec["dims"])
    maps = net.features(x)
    assert maps["stage1"] is maps["stem"]
    assert net(x).shape[:2] == (2, 10)
    assert [name for name, _ in net.residuals()] == ["stages.1.0"]


def test_strides_and_widths_of_each_stage():
    net = ResNet([1, 1, 1], [8, 5, 12], strides=[2, 1, 3])
    shapes = [tuple(map.shape) for map in net.features(torch.randn(1, 3, 24, 24)).values()]
    assert shapes == [(1, 8, 24, 24), (1, 8, 12, 12), (1, 5, 12, 12), (1, 12, 4, 4)]


def test_residuals_come_from_input_to_output():
    names = [name for name, _ in ResNet([1, 2], 4).residuals()]
    assert names == ["stages.0.0", "stages.1.0", "stages.1.1"]


REFUSED = [
    ({"num_class": 3}, "there is no num_class; did you mean num_classes?"),
    ({"blok": "basic"}, "there is no blok; did you mean block?"),
    ({"zebra": 1}, "there is no zebra"),
    ({"block": "bottelneck"}, "block: Input should be 'basic', 'bottleneck'"),
    ({"dims": 4}, "dims: Input should be 1, 2 or 3 (it is 4)"),
    ({"shortcut": "E"}, "shortcut: Input should be 'A', 'B', 'C' or 'D' (it is 'E')"),
    ({"norm": None}, "norm: Input should be 'batch', 'batch_unweighted', 'group' or 'none' (it is None)"),
    ({"num_filters": 0}, "num_filters: Input should be greater than 0 (it is 0)"),
    ({"num_filters": [8, 8]}, "num_filters names 2 stages, num_layers 1"),
    ({"num_filters": [0]}, "num_filters.0: Input should be greater than 0 (it is 0)"),
    ({"num_layers": []}, "num_layers: Tuple should have at least 1 item"),
    ({"num_layers": [-1]}, "num_layers.0: Input should be greater than or equal to 0 (it is -1)"),
    ({"num_layers": [0]}, "each stage but the first has a block, and the first one where it is the only one"),
    ({"num_layers": [1, 0]}, "each stage but the first has a block"),
    ({"num_layers": [0, 1], "block": "preact_basic"}, "a first stage without blocks stands behind a stem of its"),
    ({"num_layers": [0, 1], "block": "bottleneck"}, "no preactivated blocks, no bottlenecks, no stride"),
    ({"num_layers": [0, 1], "strides": [2, 2]}, "no preactivated blocks, no bottlenecks, no stride"),
    ({"num_layers": [0, 1], "stem": "none"}, "no preactivated blocks, no bottlenecks, no stride"),
    ({"num_layers": [0, 1], "stem_filters": 4}, "of its own width, and not of 4 for 8 channels"),
    ({"num_layers": 3}, "num_layers: Input should be a valid tuple (it is 3)"),
    ({"num_layers": torch.zeros(30, 30)}, "num_layers.0: Input should be a valid integer"),
    ({"strides": []}, "strides names 0 stages, num_layers 1"),
    ({"strides": [1, 1]}, "strides names 2 stages, num_layers 1"),
    ({"cardinality": 2}, "cardinality and group_width are a bottleneck's; basic blocks have no groups"),
    ({"block": "bottleneck", "group_width": 4}, "group_width 4, for 64 filters, leaves no channel of 8"),
    ({"dropout": 0.1}, "dropout stands inside wide and repeated blocks; basic blocks have none"),
    ({"repeats": 2}, "kernels and repeats are of jasper and separable blocks, not of basic ones"),
    ({"inner_filters": [4, 4]}, "inner_filters names 2 blocks, num_layers 1"),
    ({"inner_filters": [0]}, "inner_filters.0: Input should be greater than 0"),
    ({"block": "jasper", "inner_filters": [4]}, "inner_filters are of blocks of two or three convolutions, not of j"),
    (
        {"block": "bottleneck", "cardinality": 2, "inner_filters": [3]},
        "inner_filters must be shared evenly by 2 groups; 3 is not",
    ),
    ({"block": "separable", "kernels": [3, 5]}, "kernels names 2 stages, num_layers 1"),
    ({"block": "jasper", "kernels": [4]}, "kernels must be odd, to keep the size; 4 is not"),
    ({"block": "bottleneck", "dilations": [[1, 2]]}, "two dilations a stage are those of two 3x3, which bottleneck"),
    ({"dilations": [[1, 2, 3]]}, "dilations.0"),
    ({"block": "relu_norm", "zero_init": True}, "zero_init needs a branch that ends in a weight"),
    ({"norm": "batch_unweighted", "zero_init": True}, "zero_init needs a branch that ends in a weight"),
    ({"block": "wide", "dropout": 1.0}, "dropout: Input should be less than 1 (it is 1.0)"),
    ({"block": "wide", "dropout": math.nan}, "dropout: Input should be"),
    ({"stochastic_depth": -0.1}, "stochastic_depth: Input should be greater than or equal to 0"),
    ({"squeeze": 0}, "squeeze: Input should be greater than 0"),
    ({"shortcut": None, "zero_init": True}, "a plain network has no shortcut to be left alone"),
    ({"shortcut": "A", "stem": "deep_s"}, "shortcut A only adds channels, but 16 come in, 8 go out"),
]


@pytest.mark.parametrize(("options", "text"), REFUSED)
def test_what_does_not_fit_is_refused_in_one_line(options: dict[str, Any], text: str):
    with pytest.raises(WrongUse) as refused:
        ResNet(**{"num_layers": [1], "num_filters": 8, **options})
    assert text in str(refused.value)
    assert "\n" not in str(refused.value)


anything = (
    st.none()
    | st.booleans()
    | st.integers(-3, 8)
    | st.floats(-2, 2)
    | st.sampled_from([math.nan, math.inf, b"A", {}, object(), lambda: 1])
    | st.text(max_size=5)
    | st.lists(st.integers(-1, 3), max_size=3)
)


@settings(deadline=None, max_examples=400)
@given(options=st.dictionaries(st.sampled_from(sorted(ResNetSpec.model_fields)), anything, max_size=3))
def test_any_options_at_all_build_or_are_refused_in_one_line(options: dict[str, Any]):
    text, spec = None, None
    try:
        with torch.device("meta"):
            spec = ResNet(**{"num_layers": [1, 1], "num_filters": 4, **options}).spec
    except WrongUse as error:
        text = str(error)
    if spec is not None:
        assert ResNetSpec(**json.loads(json.dumps(spec))).model_dump(mode="json") == spec
    else:
        assert text is not None
        assert re.fullmatch(r"(ResNet|shortcut A).{10,}", text)


def test_convolutions_start_with_the_variance_that_relu_layers_keep():
    conv = ResNet([1, 1], 64).stages[1][0].branch.conv1
    # Of 64 channels to 128: on the way back, each value is a sum of 128 * 9.
    assert conv.weight.std().item() == pytest.approx(math.sqrt(2 / (128 * 9)), rel=0.02)


@pytest.fixture
def fresh_compiler() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


NETWORKS: dict[str, dict[str, Any]] = {
    "pictures": {"num_layers": [1, 1], "num_filters": 8, "stem": "imagenet", "block": "bottleneck"},
    "waves": {"num_layers": [1, 1], "num_filters": 8, "dims": 1, "stem": "none", "attention": "se"},
    "volumes": {"num_layers": [1], "num_filters": 4, "dims": 3, "block": "preact_basic", "shortcut": "D"},
}


@pytest.mark.parametrize("name", NETWORKS)
def test_compiles_and_exports_whole(name: str, fresh_compiler: None):
    net = ResNet(**NETWORKS[name]).eval()
    x = torch.randn((2, 3) + (12,) * net.spec["dims"])
    expected = net(x)
    torch.testing.assert_close(torch.compile(net, fullgraph=True, backend="aot_eager")(x), expected)
    program = torch.export.export(net, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    torch.testing.assert_close(program.module()(x), expected)
    assert program.module()(torch.cat([x, x, x])).shape == (6, 10)


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_compiles_to_machine_code(name: str, fresh_compiler: None):
    net = ResNet(**NETWORKS[name])
    compiled = torch.compile(net, fullgraph=True)
    x = torch.randn((4, 3) + (12,) * net.spec["dims"])
    compiled(x).square().sum().backward()
    gradients = [parameter.grad for parameter in net.parameters()]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)
    net.eval()
    with torch.no_grad():
        torch.testing.assert_close(compiled(x), net(x), rtol=1e-4, atol=1e-4)


def test_copies_and_moves_like_any_module():
    net = ResNet([1], 4, antialias="blur", stem="imagenet", block="bottleneck")
    assert {parameter.dtype for parameter in net.to(torch.float64).parameters()} == {torch.float64}
    assert net(torch.randn(2, 3, 16, 16, dtype=torch.float64)).dtype == torch.float64
    assert isinstance(net, nn.Module)


@pytest.mark.parametrize("block", ["basic", "preact_basic", "wide", "relu_norm", "bottleneck", "preact_bottleneck"])
def test_each_block_has_its_own_inner_width(block: str):
    net = ResNet([2, 1], 8, block=block, inner_filters=[2, 4, 6], attention="se")
    inner = [block.branch.get_submodule("conv1").weight.shape[0] for _, block in net.residuals()]
    assert inner == [2, 4, 6]
    usual = ResNet([2, 1], 8, block=block, inner_filters=[8, 8, 16], attention="se").state_dict()
    assert {name: tensor.shape for name, tensor in usual.items()} == {
        name: tensor.shape for name, tensor in ResNet([2, 1], 8, block=block, attention="se").state_dict().items()
    }
