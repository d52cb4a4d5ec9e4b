"""The graph that an archive carries or that is made of it: kept, checked, and saying what it is."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from plusx.archive import Archive, read_archive, write_archive
from plusx.data.image import ImageSpec
from plusx.engines import ENGINES
from plusx.engines.convert import OPSET
from plusx.engines.graph import MEMBER, checked, graph_of, kept_at
from plusx.errors import PlusxError
from plusx.model.resnet import ResNet
from plusx.tasks.classify import Classify
from plusx.tasks.softmax import softmax
from plusx.training.recipe import Recipe
from plusx.training.store import build_archive

SPEC = ImageSpec(height=8, width=8, channels=1)
CLASSES = ("even", "odd")


@pytest.fixture(scope="module")
def archive() -> Archive:
    net = ResNet([1, 1], 4, num_classes=2, in_channels=1).eval()
    return build_archive(net, Recipe(model="resnet8", preprocessing=SPEC), Classify(temperature=2.0), CLASSES, {})


def test_it_is_a_right_model_that_says_what_it_is(archive: Archive) -> None:
    model = onnx.load_model_from_string(graph_of(archive))
    onnx.checker.check_model(model, full_check=True)
    about = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    assert about["labels"] == ["even", "odd"]
    assert about["task"] == {"name": "classify", "temperature": 2.0}
    assert about["preprocessing"] == SPEC.model_dump(mode="json")
    assert [(each.domain, each.version) for each in model.opset_import] == [("", OPSET)]
    (given,) = model.graph.input
    assert given.type.tensor_type.elem_type == TensorProto.UINT8
    assert given.type.tensor_type.shape.dim[0].dim_param == "batch"
    assert [each.name for each in model.graph.output] == ["probabilities", "outputs"]


def test_it_names_no_place_of_this_machine(archive: Archive) -> None:
    graph = graph_of(archive)
    assert b".py" not in graph
    assert b"/home" not in graph
    assert all(not node.metadata_props for node in onnx.load_model_from_string(graph).graph.node)


def test_its_probabilities_are_those_of_the_task(archive: Archive) -> None:
    session = onnxruntime.InferenceSession(graph_of(archive), providers=["CPUExecutionProvider"])
    probabilities, outputs = session.run(None, {"input": archive.golden.inputs})
    np.testing.assert_allclose(probabilities, softmax(np.asarray(outputs) / 2), atol=1e-6)
    np.testing.assert_allclose(outputs, archive.golden.outputs, atol=1e-5)


def test_it_is_made_once(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    first = graph_of(archive)
    assert kept_at(archive).read_bytes() == first
    monkeypatch.setattr("plusx.engines.convert.onnx_graph", lambda archive: pytest.fail("made again"))
    assert graph_of(archive) == first


def test_a_kept_one_needs_no_weights(archive: Archive, tmp_path: Path) -> None:
    first = graph_of(archive)
    waiting = read_archive(write_archive(archive, tmp_path / "model.plusx"), weights=False)
    (tmp_path / "model.plusx").unlink()
    assert graph_of(waiting) == first


def test_a_kept_one_that_was_damaged_is_made_again(archive: Archive) -> None:
    first = graph_of(archive)
    kept_at(archive).write_bytes(first[:100])
    assert graph_of(archive) == first
    assert kept_at(archive).read_bytes() == first


def test_another_temperature_or_weight_is_another_graph(archive: Archive) -> None:
    hotter = replace(archive, manifest=archive.manifest.model_copy(update={"task": {"name": "classify"}}))
    bias = {**archive.weights, "head.linear.bias": archive.weights["head.linear.bias"] + 1}
    kept = {kept_at(one) for one in (archive, hotter, replace(archive, weights=bias))}
    assert len(kept) == 3


def test_a_carried_one_is_what_engines_run(archive: Archive) -> None:
    carrying = replace(archive, engines={MEMBER: graph_of(archive)}, weights={})
    outputs = ENGINES["onnx"](carrying)(archive.golden.inputs)
    np.testing.assert_allclose(outputs, archive.golden.outputs, atol=1e-5)


def with_external_data(inside: str) -> bytes:
    """A model whose one weight lies in another file: as an initializer, a constant's value, or in a branch."""
    weight = numpy_helper.from_array(np.zeros(4, np.float32), "weight")
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="../../etc/passwd")
    output = helper.make_tensor_value_info("outputs", TensorProto.FLOAT, [4])
    flag = helper.make_tensor_value_info("input", TensorProto.BOOL, [])
    constant = helper.make_node("Constant", [], ["outputs"], value=weight)
    if inside == "initializer":
        nodes, held = [helper.make_node("Identity", ["weight"], ["outputs"])], [weight]
    elif inside == "constant":
        nodes, held = [constant], []
    else:
        branch = helper.make_graph([constant], "branch", [], [output])
        nodes, held = [helper.make_node("If", ["input"], ["outputs"], then_branch=branch, else_branch=branch)], []
    graph = helper.make_graph(nodes, "evil", [flag], [output], initializer=held)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)]).SerializeToString()


@pytest.mark.parametrize("inside", ["initializer", "constant", "branch"])
def test_data_in_other_files_is_refused(archive: Archive, inside: str) -> None:
    carrying = replace(archive, engines={MEMBER: with_external_data(inside)})
    with pytest.raises(PlusxError, match=r"the model: its engines/onnx/model\.onnx has data in other files"):
        ENGINES["openvino"](carrying)


def test_operations_of_other_libraries_are_refused() -> None:
    node = helper.make_node("FusedConv", ["input"], ["outputs"], domain="com.microsoft")
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("input", "outputs")]
    graph = helper.make_graph([node], "foreign", value[:1], value[1:])
    with pytest.raises(PlusxError, match=r"it has operations of 'com.microsoft'"):
        checked(helper.make_model(graph).SerializeToString(), "it")


@pytest.mark.parametrize("graph", [b"", b"no model", b"\x00" * 64])
def test_what_is_no_model_is_refused(graph: bytes) -> None:
    with pytest.raises(PlusxError, match="it is no ONNX model; export it again"):
        checked(graph, "it")


@pytest.mark.parametrize(("engine", "package"), [("onnx", "onnxruntime"), ("openvino", "openvino")])
def test_a_missing_runtime_is_named(
    archive: Archive, engine: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(PlusxError, match=rf"--engine {engine}: {package} is not installed: pip install 'plusx\[deploy"):
        ENGINES[engine](archive)


def test_an_int8_model_is_not_for_torch(archive: Archive) -> None:
    int8 = replace(archive, manifest=archive.manifest.model_copy(update={"precision": "int8"}))
    with pytest.raises(PlusxError, match="int8 model has no weights for torch; the engines onnx and openvino"):
        ENGINES["torch"](int8)
