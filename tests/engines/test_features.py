"""Vectors of a graph are those of the network without its last layer, and of an int8 graph nearly those."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper

from plusx.archive import Archive
from plusx.data.image import ImageSpec
from plusx.engines import ENGINES
from plusx.engines.features import without_last_layer
from plusx.engines.graph import MEMBER, checked, graph_of
from plusx.engines.torch import TorchEngine
from plusx.errors import PlusxError
from plusx.model.resnet import ResNet
from plusx.predict.embed import without_answer
from plusx.shrinking.quantize import quantized
from plusx.tasks.classify import Classify
from plusx.training.recipe import Recipe
from plusx.training.store import build_archive

INPUTS = np.random.default_rng(0).integers(0, 256, (5, 1, 16, 16)).astype(np.uint8)


@pytest.fixture(scope="module")
def archive() -> Archive:
    torch.manual_seed(0)
    net = ResNet([1, 1], 8, num_classes=3, in_channels=1)
    with torch.no_grad():
        net(torch.randn(64, 1, 16, 16))
    recipe = Recipe(model="resnet8", preprocessing=ImageSpec(height=16, width=16, channels=1))
    return build_archive(net.eval(), recipe, Classify(), ("a", "b", "c"), {})


@pytest.fixture(scope="module")
def vectors(archive: Archive) -> np.ndarray:
    return TorchEngine(without_answer(archive), "cpu")(INPUTS)


@pytest.mark.parametrize("engine", ["onnx", "openvino"])
def test_a_carried_graph_ends_before_its_last_layer(engine: str, archive: Archive, vectors: np.ndarray) -> None:
    graph = checked(without_last_layer(graph_of(archive), "m.plusx"), "m.plusx")
    found = ENGINES[engine](replace(archive, engines={MEMBER: graph}))(INPUTS)
    assert found.shape == (5, 16)
    np.testing.assert_allclose(found, vectors, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("engine", ["onnx", pytest.param("openvino", marks=pytest.mark.slow)])
def test_vectors_in_int8_are_nearly_those_in_float(engine: str, archive: Archive, vectors: np.ndarray) -> None:
    small = quantized(archive, INPUTS)
    found = ENGINES[engine](without_answer(small))(INPUTS)
    cosines = (found * vectors).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(vectors, axis=1)
    assert found.shape == vectors.shape
    assert cosines.min() > 0.99


def test_a_graph_that_a_float_model_carries_is_not_taken_for_its_vectors(archive: Archive, vectors: np.ndarray) -> None:
    carrying = replace(archive, engines={MEMBER: graph_of(archive)})
    np.testing.assert_allclose(ENGINES["onnx"](without_answer(carrying))(INPUTS), vectors, rtol=1e-4, atol=1e-5)


def test_a_graph_without_a_last_layer_is_refused() -> None:
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 3]) for name in ("input", "outputs")]
    graph = helper.make_graph([helper.make_node("Relu", ["input"], ["outputs"])], "g", values[:1], values[1:])
    with pytest.raises(PlusxError, match=r"m\.plusx: its graph does not end with a linear layer"):
        without_last_layer(helper.make_model(graph).SerializeToString(), "m.plusx")
