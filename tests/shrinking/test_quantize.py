"""int8 with NNCF's correction of biases, and with the biases that a network has."""

from typing import Any

import numpy as np
import pytest
import torch

from plusx.archive import Archive
from plusx.data.image import ImageSpec
from plusx.engines.graph import MEMBER, graph_of
from plusx.model.resnet import ResNet
from plusx.shrinking.quantize import quantized, quantized_in_part
from plusx.tasks.classify import Classify
from plusx.training.recipe import Recipe
from plusx.training.store import build_archive

pytest.importorskip("nncf")
EXAMPLES = np.random.default_rng(0).integers(0, 256, (20, 1, 8, 8)).astype(np.uint8)


@pytest.fixture(scope="module")
def archive() -> Archive:
    torch.manual_seed(0)
    net = ResNet([1, 1], 4, num_classes=2, in_channels=1)
    for _ in range(50):
        net(torch.rand(32, 1, 8, 8))
    spec = ImageSpec(height=8, width=8, channels=1)
    return build_archive(net.eval(), Recipe(model="resnet8", preprocessing=spec), Classify(), ("a", "b"), {})


def biases(graph: bytes) -> list[np.ndarray]:
    """What each convolution adds, in the graph's order."""
    onnx: Any = pytest.importorskip("onnx")
    model = onnx.load_model_from_string(graph).graph
    held = {one.name: onnx.numpy_helper.to_array(one) for one in model.initializer}
    return [held[node.input[2]] for node in model.node if node.op_type == "Conv"]


def test_biases_are_corrected_unless_they_are_to_stay(archive: Archive) -> None:
    own = biases(graph_of(archive))
    kept = biases(quantized(archive, EXAMPLES, corrected=False).engines[MEMBER])
    moved = biases(quantized(archive, EXAMPLES).engines[MEMBER])
    assert all(np.array_equal(one, other) for one, other in zip(own, kept, strict=True))
    assert any(not np.array_equal(one, other) for one, other in zip(own, moved, strict=True))


@pytest.mark.slow
def test_biases_stay_where_layers_go_back_to_float(archive: Archive) -> None:
    made = quantized_in_part(archive, EXAMPLES, lambda _: 1.0, 0.05, corrected=False)
    assert made.manifest.precision == "int8"
    kept = biases(made.engines[MEMBER])
    assert all(np.array_equal(one, other) for one, other in zip(biases(graph_of(archive)), kept, strict=True))
