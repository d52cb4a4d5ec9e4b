"""Every block, part, task, modality and network of the zoo as an ONNX graph: right by the checker, and answered alike
by torch, ONNX Runtime and OpenVINO for any number of examples.

A graph takes a second or more to make, so the default tests cover each entry of a list once; `slow` ones do the rest.
"""

from collections.abc import Callable, Mapping
from io import BytesIO
from itertools import cycle
from typing import Any, get_args

import numpy as np
import onnx
import onnxruntime
import openvino
import pytest
import torch
from examples import KINDS
from scipy.special import expit, softmax
from torch import Tensor, nn
from torchvision.models.detection._utils import BoxCoder

from plusx.archive import Archive
from plusx.data.array import ArraySpec
from plusx.data.image import ImageSpec
from plusx.data.modalities import MODALITIES, Spec
from plusx.data.signal import SignalSpec
from plusx.data.sound import SoundSpec
from plusx.data.text import TextSpec
from plusx.data.volume import VolumeSpec
from plusx.engines.convert import OPSET, onnx_graph, translated
from plusx.engines.torch import build_network
from plusx.model.blocks import BLOCKS
from plusx.model.boxes import SEEING_ALL
from plusx.model.heads import HEADS, NECKS
from plusx.model.layers import Antialias, Attention, Norm
from plusx.model.network import Network
from plusx.model.resnet import ResNet
from plusx.model.shortcuts import SHORTCUTS
from plusx.model.stems import STEMS
from plusx.model.zoo import ZOO
from plusx.tasks import TASKS, Task
from plusx.tasks.classify import Classify
from plusx.tasks.detect import Detect
from plusx.tasks.embed import Embed
from plusx.tasks.multilabel import Multilabel
from plusx.tasks.regress import Regress
from plusx.tasks.segment import Segment
from plusx.tasks.transcribe import Transcribe
from plusx.training.recipe import Recipe
from plusx.training.store import build_archive

DIMS = (1, 2, 3)
BATCHES = (1, 2, 5)
ALL_SHORTCUTS = (*SHORTCUTS, None)
KINDS_OF_LAYERS = {"norm": get_args(Norm), "attention": get_args(Attention), "antialias": get_args(Antialias)}
OPTIONS = [(key, value) for key, values in KINDS_OF_LAYERS.items() for value in values]
BYTES = ("bytes", "bytes_small")
CLASSES = ("a", "b", "c")
Run = Callable[[np.ndarray], dict[str, np.ndarray]]


def in_onnxruntime(graph: bytes) -> Run:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(zip(names, map(np.asarray, session.run(names, {"input": inputs})), strict=True))


def in_openvino(graph: bytes) -> Run:
    core = openvino.Core()
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    compiled = core.compile_model(core.read_model(BytesIO(graph)), "CPU", settings)
    names = [output.get_any_name() for output in compiled.outputs]
    return lambda inputs: dict(zip(names, map(np.copy, compiled({"input": inputs}).values()), strict=True))


RUNTIMES: dict[str, Callable[[bytes], Run]] = {"onnxruntime": in_onnxruntime, "openvino": in_openvino}


def assert_alike(graph: bytes, network: nn.Module, inputs: np.ndarray, names: list[str] | None = None) -> None:
    """The graph is right, and both runtimes give what the network does, for one, two and five examples.

    Args:
        graph: an ONNX model.
        network: of one output, called `outputs`, or of those that `names` says.
        inputs: any number of examples.
        names: of the network's outputs.
    """
    model = onnx.load_model_from_string(graph)
    onnx.checker.check_model(model, full_check=True)
    assert [(one.domain, one.version) for one in model.opset_import] == [("", OPSET)]
    for make in RUNTIMES.values():
        run = make(graph)
        for batch in BATCHES:
            some = np.resize(inputs, (batch, *inputs.shape[1:]))
            with torch.no_grad():
                given = network(torch.from_numpy(some))
            expected = dict(zip(names or ["outputs"], given if isinstance(given, tuple) else [given], strict=True))
            found = run(some)
            for name, tensor in expected.items():
                scale = max(float(tensor.abs().max()), 1e-6)
                np.testing.assert_allclose(found[name], tensor, rtol=0, atol=1e-4 * scale, err_msg=name)


class SideBySide(nn.Module):
    """Several parts on one input, which is exported once for all of them."""

    def __init__(self, parts: Mapping[str, nn.Module]):
        super().__init__()
        self.parts = nn.ModuleDict(parts)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(part(x) for part in self.parts.values())


def exported(parts: Mapping[str, nn.Module], example: Tensor) -> tuple[bytes, nn.Module]:
    """All parts as one ONNX graph whose outputs have their names; and what it was made of."""
    network = SideBySide(parts).eval()
    return translated(network, example, list(parts)).SerializeToString(), network


def check_parts(parts: Mapping[str, nn.Module], example: Tensor) -> None:
    # No output may have the name of an operation.
    parts = {f"of_{name}": part for name, part in parts.items()}
    torch.manual_seed(1)
    for part in parts.values():
        statistics_of_a_training(part)
    graph, network = exported(parts, example)
    assert_alike(graph, network, example.numpy(), list(parts))


def statistics_of_a_training(network: nn.Module) -> None:
    """Running means that are not 0, which a forgotten one would be."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is not None:
            module.running_mean.normal_()


def example(dims: int, channels: int = 8, size: int = 6) -> Tensor:
    return torch.randn((2, channels) + (size,) * dims, generator=torch.Generator().manual_seed(0))


def with_block(name: str, dims: int, shortcut: str | None, **options: Any) -> ResNet:
    """A network of two such blocks without a head, the second of stride 2."""
    if BLOCKS[name].grouped:
        options |= {"cardinality": 2, "group_width": 32}
    if BLOCKS[name].repeated:
        options |= {"repeats": 2, "kernels": (5, 3)}
    return ResNet(
        [1, 1], 8, block=name, dims=dims, shortcut=shortcut, in_channels=8, stem="none", head="none", **options
    )


@pytest.mark.parametrize("dims", DIMS)
def test_every_block_and_shortcut_in_some_dimension(dims: int) -> None:
    blocks = [name for number, name in enumerate(BLOCKS) if number % 3 == dims - 1]
    shortcuts = cycle(ALL_SHORTCUTS[dims - 1 :])
    check_parts({name: with_block(name, dims, next(shortcuts)) for name in blocks}, example(dims))


@pytest.mark.slow
@pytest.mark.parametrize("dims", DIMS)
@pytest.mark.parametrize("name", BLOCKS)
def test_every_block_with_every_option(name: str, dims: int) -> None:
    check_parts({f"shortcut_{one}": with_block(name, dims, one) for one in ALL_SHORTCUTS}, example(dims))
    parts = {f"{key}_{value}": with_block(name, dims, "D", **{key: value}) for key, value in OPTIONS}
    check_parts(parts, example(dims))


@pytest.mark.slow
def test_every_norm_attention_and_way_of_reducing() -> None:
    parts = {f"shortcut_{one}": with_block("basic", 2, one) for one in ALL_SHORTCUTS}
    for key, values in (
        ("norm", get_args(Norm)),
        ("attention", get_args(Attention)),
        ("antialias", get_args(Antialias)),
    ):
        parts |= {f"{key}_{value}": with_block("basic", 2, "D", **{key: value}) for value in values}
    check_parts(parts, example(2))


def stems(dims: int) -> tuple[dict[str, nn.Module], dict[str, nn.Module]]:
    made = {
        name: ResNet([1], 4, stem=name, dims=dims, in_channels=1 if name in BYTES else 3, head="none") for name in STEMS
    }
    return {name: made.pop(name) for name in BYTES}, made


def check_stems(dims: int) -> None:
    of_bytes, others = stems(dims)
    check_parts(others, example(dims, channels=3, size=16))
    check_parts(of_bytes, torch.randint(0, 256, (2, 1) + (16,) * dims, dtype=torch.uint8))


@pytest.mark.slow
def test_every_stem() -> None:
    check_stems(2)


@pytest.mark.slow
@pytest.mark.parametrize("dims", [1, 3])
def test_every_stem_in_other_dimensions(dims: int) -> None:
    check_stems(dims)


def heads(dims: int) -> dict[str, nn.Module]:
    def built(**options: str) -> ResNet:
        return ResNet([1, 1, 1], 4, dims=dims, num_classes=3, in_channels=8, stem="none", **options)

    dense = [name for name in SEEING_ALL if name != "retinanet" or dims == 2]
    return {f"head_{name}": built(head=name) for name in (*HEADS, *dense)} | {
        f"neck_{name}": built(neck=name) for name in NECKS
    }


def test_every_head_that_no_task_has_and_every_neck() -> None:
    by_tasks = ("linear", "numbers", "embed", "frames", "unet", "retinanet")
    parts = {name: part for name, part in heads(2).items() if name.removeprefix("head_") not in by_tasks}
    check_parts(parts, example(2, size=16))


@pytest.mark.slow
@pytest.mark.parametrize("dims", DIMS)
def test_every_head_and_neck_in_every_dimension(dims: int) -> None:
    check_parts(heads(dims), example(dims, size=16))


SPECS: dict[str, tuple[Spec, dict[str, Any]]] = {
    "image": (ImageSpec(height=16, width=16, channels=3, mean=(10, 20, 30), std=(50, 60, 70)), {}),
    "sound": (SoundSpec(samples=8_000, longer="refuse", bands="channels", mels=32), {"in_channels": 32, "dims": 1}),
    "text": (TextSpec(length=64), {"in_channels": 1, "dims": 1, "stem": "bytes"}),
    "volume": (
        VolumeSpec(depth=8, height=8, width=8, channels=1, window=(0, 255), mean=(10,), std=(20,)),
        {"in_channels": 1, "dims": 3},
    ),
    "signal": (SignalSpec(length=32, channels=2, rate_hz=50, mean=(1, -1), std=(2, 3)), {"in_channels": 2, "dims": 1}),
    "array": (ArraySpec(sizes=(2, 9), mean=(1, -1), std=(2, 3)), {"in_channels": 2, "dims": 1}),
}
"""By modality: a spec, and a network that takes what it gives."""
ASKED: dict[str, Task] = {
    "classify": Classify(temperature=2.0),
    "multilabel": Multilabel(),
    "regress": Regress(mean=(5, 0, -300), std=(10, 1, 100), scale=(1.5, 1.0, 0.5)),
    "embed": Embed(),
    "segment": Segment(),
    "transcribe": Transcribe(),
    "detect": Detect(),
}
EVERY = [("array", "classify"), *{(kind.modality, kind.task): None for kind in KINDS.values()}]


def test_every_modality_and_task_is_here() -> None:
    assert SPECS.keys() == MODALITIES.keys() == {modality for modality, _ in EVERY}
    assert ASKED.keys() == TASKS.keys() == {task for _, task in EVERY}


def archive_of(modality: str, asked: str) -> Archive:
    """A model of such examples, not trained."""
    (spec, options), task = SPECS[modality], ASKED[asked]
    head = {"head": task.HEADS[0]} if task.HEADS else {}
    torch.manual_seed(0)
    net = ResNet([1, 1], 8, **{**options, **head, **task.network_options(CLASSES)}).eval()
    statistics_of_a_training(net)
    return build_archive(net, Recipe(model="resnet8", preprocessing=spec), task, CLASSES, {})


def readable(task: Task, outputs: np.ndarray) -> dict[str, np.ndarray]:
    """What a task's outputs say, by SciPy and torchvision, or by what the task itself answers without torch."""
    if isinstance(task, Embed):
        return {"embedding": outputs / np.linalg.norm(outputs, axis=1, keepdims=True)}
    if isinstance(task, Regress):
        answers = task.answers(outputs, CLASSES)
        return {f"{name}s" if name == "value" else name: [answer[name] for answer in answers] for name in REGRESSED}
    if isinstance(task, Detect):
        coder, each = BoxCoder((1.0, 1.0, 1.0, 1.0)), torch.from_numpy(outputs).movedim(1, 2)
        boxes = torch.stack([coder.decode_single(one[:, -8:-4], one[:, -4:]) for one in each]).clamp(0, 1)
        return {"probabilities": expit(outputs[:, :-8]), "boxes": boxes.numpy()}
    heat = task.temperature if isinstance(task, Classify) else 1
    return {"probabilities": expit(outputs) if isinstance(task, Multilabel) else softmax(outputs / heat, axis=1)}


REGRESSED = ("value", "low", "high")


@pytest.mark.parametrize(("modality", "asked"), EVERY)
def test_every_modality_and_task(modality: str, asked: str) -> None:
    archive = archive_of(modality, asked)
    graph, inputs = onnx_graph(archive), archive.golden.inputs
    if modality == "sound":
        # In golden sounds some bands are all but silent, and their logarithms differ by 1e-4 in torch itself, from
        # float64; noise has all bands.
        inputs = np.random.default_rng(0).normal(0, 3000, inputs.shape).astype(np.int16)
    assert_alike(graph, build_network(archive), inputs)
    for make in RUNTIMES.values():
        found = make(graph)(inputs)
        expected = readable(ASKED[asked], found["outputs"])
        assert [*found] == [*expected, "outputs"]
        for name, values in expected.items():
            np.testing.assert_allclose(found[name], values, rtol=1e-4, atol=1e-5, err_msg=name)


SMALLEST: dict[int, int] = {1: 64, 2: 32, 3: 16}
"""Positions along each dimension that every network of the zoo takes."""
CROWDED = ("resnet1202", "preact_resnet1001")
"""Of a thousand layers, which the exporter is half an hour with: with a tenth of their blocks."""
CHAOTIC = ("seresnet152", "resnetrs152", "resnetrs200")
"""Deep ones with squeeze-and-excitation, whose outputs in float32 and float64 differ by 6 to 32 % in torch itself where
statistics are random: they get those of pictures, and branches that add less."""


def fresh(network: Network) -> ResNet:
    layers = {"num_layers": [max(1, n // 10) for n in network.num_layers]} if network.name in CROWDED else {}
    torch.manual_seed(0)
    net = network(num_classes=4, **layers).eval()
    if network.name in CHAOTIC:
        statistics_of_pictures(net)
    else:
        statistics_of_a_training(net)
    return net


def statistics_of_pictures(network: ResNet) -> None:
    """Those of a batch, and branches that add little, as in trained networks."""
    for _, block in network.residuals():
        *_, last = (one for one in block.modules() if isinstance(one, nn.modules.batchnorm._BatchNorm))
        last.weight.data.mul_(0.2)
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.momentum = 1.0
    with torch.no_grad():
        network.train()(torch.rand(8, 3, 64, 64) * 2 - 1)
    network.eval()


@pytest.mark.slow
@pytest.mark.parametrize("name", ZOO)
def test_every_network_of_the_zoo(name: str) -> None:
    net = fresh(ZOO[name])
    channels, *space = ZOO[name].input_shape
    space = [min(size, SMALLEST[len(space)]) for size in space]
    inputs = torch.randint(0, 256, (2, channels, *space))
    inputs = inputs.to(torch.uint8) if net.spec["stem"] in BYTES else inputs.float() / 128 - 1
    graph, network = exported({"outputs": net}, inputs)
    assert_alike(graph, network, inputs.numpy())
