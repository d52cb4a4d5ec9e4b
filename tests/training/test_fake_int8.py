"""Training as int8: what is rounded, and to what; judged by hand, by ONNX Runtime and by NNCF."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from jobs import CLASSES, digits, job, recipe
from torch import Tensor, nn

from plusx.engines.graph import MEMBER, graph_of
from plusx.model.resnet import ResNet
from plusx.shrinking.quantize import quantized
from plusx.tasks.classify import Classify
from plusx.training.fake_int8 import MOST, MOST_FIRST, MOST_UNSIGNED, train_as_int8, values_as_int8, weights_as_int8
from plusx.training.loop import fit
from plusx.training.state import State
from plusx.training.store import build_archive


def int8_layer(layer: nn.Module) -> nn.Module:
    """The layer behind another one, since the first one's weights have fewer levels."""
    both = nn.Sequential(nn.Linear(1, 1), layer)
    train_as_int8(both)
    return both[1]


def test_a_linear_layer_has_the_values_that_are_found_by_hand() -> None:
    layer = nn.Linear(2, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.27, 0.504], [-0.254, 0.1231]]))
        layer.bias.copy_(torch.tensor([0.0, 1.0]))
    # The filters' steps are 0.01 and 0.002. The examples' largest values are 2 and 3.1, so that 255 steps are 2.55.
    x = torch.tensor([[2.0, 0.126], [0.0, 3.1]])
    rounded_x = [[2.0, 0.13], [0.0, 2.55]]
    rounded_weight = [[1.27, 0.50], [-0.254, 0.124]]
    expected = torch.tensor(rounded_x) @ torch.tensor(rounded_weight).T + torch.tensor([0.0, 1.0])
    fake = int8_layer(layer)
    assert torch.allclose(fake(x), expected, atol=1e-6)
    assert torch.equal(fake.eval()(x), nn.functional.linear(x, layer.weight, layer.bias))


def test_rounding_has_the_identity_as_its_gradient_within_the_range_and_none_outside() -> None:
    x = torch.tensor([[-0.5, 0.3], [0.0, 1.5]], requires_grad=True)
    values_as_int8(x).sum().backward()
    # The mean of 0.5 and 1.5 is the largest level.
    assert x.grad is not None
    assert x.grad.tolist() == [[1.0, 1.0], [1.0, 0.0]]
    weight = torch.randn(3, 4, requires_grad=True)
    weights_as_int8(weight).sum().backward()
    assert weight.grad is not None
    assert weight.grad.unique().tolist() == [1.0]


@pytest.mark.parametrize("x", [torch.zeros(2, 3), torch.zeros(2, 3, 4, 4), torch.zeros(2, 3).bfloat16()])
def test_zeros_stay(x: Tensor) -> None:
    assert torch.equal(values_as_int8(x), x)
    assert torch.equal(weights_as_int8(x.float()), x.float())


def test_an_example_whose_branch_was_left_out_does_not_narrow_the_range() -> None:
    x = torch.rand(4, 3, 5, 5)
    assert torch.allclose(values_as_int8(torch.cat([x, torch.zeros_like(x)]))[:4], values_as_int8(x))


def test_folding_batch_normalisation_changes_no_rounding() -> None:
    torch.manual_seed(0)
    weight, gates = torch.randn(16, 8, 3, 3), torch.randn(16, 1, 1, 1)
    assert torch.allclose(weights_as_int8(weight * gates), weights_as_int8(weight) * gates, atol=1e-6)


LAYERS = {
    "conv1d": (nn.Conv1d(4, 6, 3, padding=1), (5, 4, 9)),
    "conv2d": (nn.Conv2d(4, 6, 3, stride=2, padding=1, bias=False), (5, 4, 9, 9)),
    "grouped": (nn.Conv2d(4, 4, 3, groups=4), (5, 4, 9, 9)),
    "conv3d": (nn.Conv3d(2, 3, 3, dilation=2), (3, 2, 7, 7, 7)),
}


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(("layer", "shape"), LAYERS.values(), ids=LAYERS.keys())
def test_a_convolution_answers_as_onnx_runtime_with_the_same_scales(
    layer: nn.Conv2d, shape: tuple[int, ...], signed: bool
) -> None:
    random = np.random.default_rng(1)
    x = random.random(shape, np.float32) - np.float32(0.5 if signed else 0.0)
    most = MOST if signed else MOST_UNSIGNED
    # Half-way between two levels torch, which multiplies by 1 / scale, and ONNX Runtime, which divides, may differ.
    halfway = np.abs(np.abs(x) / scale_of(x, most) % 1 - 0.5) < 1e-3
    x = np.where(halfway, np.float32(0.9) * x, x)
    weight = layer.weight.detach().numpy()
    scales = np.abs(weight).reshape(len(weight), -1).max(1) / MOST
    answer = by_onnx_runtime(layer, x, scales, scale_of(x, most), signed)
    fake = int8_layer(layer).train()
    assert np.abs(fake(torch.from_numpy(x)).detach().numpy() - answer).max() < 1e-5


def scale_of(x: np.ndarray, most: int) -> np.float32:
    return np.float32(np.abs(x).reshape(len(x), -1).max(1).mean() / most)


def by_onnx_runtime(layer: nn.Conv2d, x: np.ndarray, scales: np.ndarray, scale: np.float32, signed: bool) -> np.ndarray:
    onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    helper, array = onnx.helper, onnx.numpy_helper.from_array
    held = {
        "w": layer.weight.detach().numpy(),
        "ws": scales.astype(np.float32),
        "wz": np.zeros(len(scales), np.int8),
        "xs": np.float32(scale),
        "xz": np.zeros((), np.int8 if signed else np.uint8),
    }
    if layer.bias is not None:
        held["b"] = layer.bias.detach().numpy()
    sides = {
        "strides": layer.stride,
        "dilations": layer.dilation,
        "pads": (*layer.padding, *layer.padding),
        "group": layer.groups,
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "xs", "xz"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "xs", "xz"], ["xd"]),
        helper.make_node("QuantizeLinear", ["w", "ws", "wz"], ["wq"], axis=0),
        helper.make_node("DequantizeLinear", ["wq", "ws", "wz"], ["wd"], axis=0),
        helper.make_node("Conv", ["xd", "wd", *(["b"] if "b" in held else [])], ["y"], **sides),
    ]
    ends = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in "xy"]
    initial = [array(np.asarray(value), name) for name, value in held.items()]
    graph = helper.make_graph(nodes, "qdq", ends[:1], ends[1:], initial)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = runtime.SessionOptions()
    # Integer kernels add up in another order; what is asked is what the operations mean.
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return runtime.InferenceSession(model.SerializeToString(), options).run(None, {"x": x})[0]


def test_weights_are_rounded_as_nncf_rounds_them() -> None:
    pytest.importorskip("nncf")
    onnx = pytest.importorskip("onnx")
    torch.manual_seed(0)
    net = ResNet([1, 1], 8, in_channels=1).eval()
    archive = build_archive(net, recipe(), Classify(), CLASSES, {})
    exact = held(onnx, graph_of(archive))
    examples = digits(40, 0).gather(np.arange(40)).reshape(-1, 1, 8, 8)
    made = quantized(archive, examples).engines[MEMBER]
    small, values = onnx.load_model_from_string(made), held(onnx, made)
    seen = 0
    for node in small.graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in values:
            name = next(name for name in exact if name in node.input[0] and name.endswith("weight"))
            most = MOST_FIRST if "stem" in name else MOST
            scale = values[node.input[1]].reshape(-1, *(1,) * (exact[name].ndim - 1))
            ours = weights_as_int8(torch.from_numpy(exact[name]), most).numpy()
            assert np.abs(values[node.input[0]] * scale - ours).max() < 1e-6
            seen += 1
    assert seen == sum(isinstance(one, nn.Conv2d | nn.Linear) for one in net.modules())


def held(onnx: Any, graph: bytes) -> dict[str, np.ndarray]:
    return {
        one.name: onnx.numpy_helper.to_array(one).copy() for one in onnx.load_model_from_string(graph).graph.initializer
    }


def test_what_is_stored_has_the_names_and_answers_of_a_plain_network(tmp_path: Path) -> None:
    plain, aware = (
        State(recipe(fake_int8=on, average=None), {"num_classes": 10}, torch.device("cpu")) for on in (False, True)
    )
    assert list(plain.network.state_dict()) == list(aware.network.state_dict())
    pictures = torch.from_numpy(digits(16, 0).gather(np.arange(16))).reshape(-1, 1, 8, 8)
    assert torch.equal(plain.evaluated()(pictures), aware.evaluated()(pictures))
    for state in (plain, aware):
        state.train()
    assert not torch.equal(plain.network(pictures), aware.network(pictures))

    trained = fit(job(tmp_path, recipe(fake_int8=True, epochs=1)))
    archive = build_archive(trained.net, recipe(fake_int8=True), Classify(), CLASSES, {})
    assert list(archive.weights) == list(ResNet(**archive.manifest.network).state_dict())
    assert archive.manifest.precision == "float32"


def test_the_terms_of_a_sum_are_rounded_too() -> None:
    net = ResNet([1], 4, in_channels=1, norm="none")
    train_as_int8(net.train())
    sums: list[Tensor] = []
    block = net.stages[0][0]
    block.activation.register_forward_hook(lambda module, inputs, output: sums.append(inputs[0]))
    x = net.stem(torch.rand(4, 1, 8, 8))
    block(x)
    branch = nn.Sequential.forward(block.branch, x)
    assert torch.allclose(sums[0], values_as_int8(branch) + values_as_int8(x))
    assert not torch.allclose(sums[0], branch + x, atol=1e-6)


def test_it_learns_in_bfloat16(tmp_path: Path) -> None:
    easy = recipe(fake_int8=True, precision="bfloat16", augment=(), epochs=6, model_options={"num_filters": 16})
    fit(job(tmp_path, easy))
    rows = job(tmp_path, easy).run.read_metrics()
    assert rows[-1]["train_loss"] < rows[0]["train_loss"]
    assert rows[-1]["val_accuracy"] > 0.8
