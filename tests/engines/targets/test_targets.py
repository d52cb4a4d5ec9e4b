"""Every format: what is written answers as the training did, says what it is, and names no place of this machine."""

import json
import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import openvino
import pytest
import torch
from exported import CLASSES, SPEC, archive_of, options_for
from safetensors import safe_open

from plusx.archive import Archive, read_archive
from plusx.engines.convert import onnx_graph
from plusx.engines.golden import difference
from plusx.engines.graph import MEMBER
from plusx.engines.targets import TARGETS, Options, find_target
from plusx.errors import PlusxError, WrongUse
from plusx.model.resnet import ResNet
from plusx.model.zoo import ZOO
from plusx.tasks.softmax import softmax

PLACES = re.compile(rb"/home/|/root/|/tmp/|/usr/|site-packages|[\w/]+/\w+\.py\b")
Written = Callable[[str], tuple[Archive, list[Path]]]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """By a format's name: a model, and what was written of it."""
    torch.manual_seed(0)
    small = archive_of(ResNet([1, 1], 8, num_classes=3))
    # Once, and not by every format that takes it.
    carrying = replace(small, engines={MEMBER: onnx_graph(small)})

    @cache
    def write(name: str) -> tuple[Archive, list[Path]]:
        options, target = options_for(name), find_target(name)
        # torchvision has no small ones.
        archive = archive_of(ZOO["resnet18"](num_classes=3), "resnet18") if name == "torchvision" else carrying
        path = tmp_path_factory.mktemp(name) / f"model{target.ENDING}"
        return archive, target.write(archive, path, options)

    return write


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_written_answers_as_the_training_did(name: str, written: Written) -> None:
    archive, paths = written(name)
    assert sorted(paths[0].parent.iterdir()) == sorted(paths)
    golden, target = archive.golden, find_target(name)
    assert difference(target.run(archive, paths[0], golden.inputs), golden) <= 1e-4
    # Any number of examples at once.
    scale = np.abs(golden.outputs).max()
    for count in (1, 7):
        some = target.run(archive, paths[0], np.resize(golden.inputs, (count, *golden.inputs.shape[1:])))
        np.testing.assert_allclose(some, np.resize(golden.outputs, (count, 3)), atol=1e-4 * scale)


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_written_names_no_place_of_this_machine(name: str, written: Written) -> None:
    _, paths = written(name)
    files = [file for path in paths for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file()]
    # ONNX Runtime Web is another project's.
    own = [file for file in files if file.parent.name != "runtime"]
    assert [file.name for file in own if PLACES.search(unpacked(file))] == []


def unpacked(path: Path) -> bytes:
    if not zipfile.is_zipfile(path):
        return path.read_bytes()
    with zipfile.ZipFile(path) as file:
        return b"\n".join([path.read_bytes(), *map(file.read, file.namelist())])


def test_onnx_says_what_it_is(written: Written) -> None:
    model = onnx.load(str(written("onnx")[1][0]), load_external_data=False)
    onnx.checker.check_model(model, full_check=True)
    about = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    assert about["labels"] == list(CLASSES)
    assert about["preprocessing"] == SPEC.model_dump(mode="json")
    assert [output.name for output in model.graph.output] == ["probabilities", "outputs"]


def test_openvino_says_what_it_is(written: Written) -> None:
    archive, (graph, weights) = written("openvino")
    assert (graph.name, weights.name) == ("model.xml", "model.bin")
    model = openvino.Core().read_model(graph)
    assert model.get_rt_info(["model_info", "labels"]).astype(str) == "a b_c d"
    assert json.loads(model.get_rt_info(["model_info", "plusx_labels"]).astype(str)) == list(CLASSES)
    assert model.input("input").get_element_type() == openvino.Type.u8
    assert model.input("input").get_partial_shape()[0].is_dynamic
    # Of itself it computes in bfloat16 where the processor can.
    given = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})({"input": archive.golden.inputs})
    np.testing.assert_allclose(given["probabilities"], softmax(archive.golden.outputs), atol=1e-4)


def test_torch_export_says_what_it_is(written: Written) -> None:
    archive, (path,) = written("torch-export")
    about = {"labels": "", "outputs": "", "preprocessing": ""}
    program = torch.export.load(path, extra_files=about)
    assert json.loads(about["labels"]) == list(CLASSES)
    assert json.loads(about["outputs"]) == ["probabilities", "outputs"]
    assert json.loads(about["preprocessing"]) == SPEC.model_dump(mode="json")
    probabilities = program.module()(torch.from_numpy(archive.golden.inputs))[0]
    np.testing.assert_allclose(probabilities.detach(), softmax(archive.golden.outputs), atol=1e-4)


def test_torchvision_says_what_it_is(written: Written) -> None:
    _, (path,) = written("torchvision")
    with safe_open(path, framework="pt") as file:
        about = file.metadata()
    assert about["network"] == "resnet18"
    assert json.loads(about["labels"]) == list(CLASSES)


def test_litert_says_what_it_is(written: Written) -> None:
    _, (path,) = written("litert")
    with zipfile.ZipFile(path) as file:
        assert file.read("labels.txt").decode() == "a\nb c\nd\n"
        about = json.loads(file.read("plusx.json"))
    assert about["outputs"] == ["probabilities", "outputs"]
    assert about["preprocessing"] == SPEC.model_dump(mode="json")


def test_plusx_carries_its_graph_and_its_weights(written: Written) -> None:
    archive, (path,) = written("plusx")
    again = read_archive(path)
    assert again.weights.keys() == archive.weights.keys()
    assert again.engines == archive.engines


@pytest.mark.parametrize("name", [name for name in TARGETS if not find_target(name).OF_WEIGHTS])
def test_of_a_graph_alone(name: str, written: Written, tmp_path: Path) -> None:
    """As an int8 model is, which has no weights."""
    bare = replace(written("onnx")[0], weights={})
    target = find_target(name)
    paths = target.write(bare, tmp_path / f"model{target.ENDING}", options_for(name))
    assert difference(target.run(bare, paths[0], bare.golden.inputs), bare.golden) <= 1e-4


def test_torchvision_refuses_what_it_has_not(written: Written, tmp_path: Path) -> None:
    with pytest.raises(PlusxError, match=r"the model: torchvision has no network like resnet8; export it --to onnx"):
        find_target("torchvision").write(written("onnx")[0], tmp_path / "model.safetensors", Options())


def test_an_unknown_format_is_wrong_use() -> None:
    with pytest.raises(WrongUse, match=r"--to onxn: no such format; did you mean onnx\?; there are onnx, openvino, "):
        find_target("onxn")
