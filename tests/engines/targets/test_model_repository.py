"""The model repository is what both servers read, and says of the graph what ONNX Runtime finds in it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import openvino
import pytest
from exported import CLASSES, archive_of
from google.protobuf import text_format
from onnx import TensorProto, helper

import plusx
from plusx.archive import write_archive
from plusx.engines.targets.model_repository import openvino_config, triton_config
from plusx.model.resnet import ResNet

model_config_pb2: Any = pytest.importorskip("tritonclient.grpc.model_config_pb2")


def parsed(config: str) -> Any:
    return text_format.Parse(config, model_config_pb2.ModelConfig())


def graph_with(inputs: dict[str, tuple[int, list[Any]]], outputs: dict[str, tuple[int, list[Any]]]) -> bytes:
    """A graph of nothing but these names, types and dims."""
    values = [
        [helper.make_tensor_value_info(name, kind, dims) for name, (kind, dims) in some.items()]
        for some in (inputs, outputs)
    ]
    return helper.make_model(helper.make_graph([], "nothing", *values)).SerializeToString()


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    path = write_archive(archive_of(ResNet([1, 1], 8, num_classes=3)), folder / "cats.plusx")
    return plusx.export(path, "model-repository", maps=True).files[0]


def test_the_layout_is_the_one_that_both_servers_walk(repository: Path) -> None:
    assert repository.name == "cats"
    files = sorted(str(file.relative_to(repository)) for file in repository.rglob("*") if file.is_file())
    assert files == ["cats/1/model.onnx", "cats/config.pbtxt", "cats/labels.txt", "config.json"]


def test_triton_reads_what_onnx_runtime_finds(repository: Path) -> None:
    config = parsed((repository / "cats" / "config.pbtxt").read_text(encoding="utf-8"))
    assert (config.name, config.backend) == ("cats", "onnxruntime")
    assert config.max_batch_size > 1
    assert config.HasField("dynamic_batching")
    session = onnxruntime.InferenceSession(repository / "cats" / "1" / "model.onnx", providers=["CPUExecutionProvider"])
    kinds = {"tensor(uint8)": model_config_pb2.TYPE_UINT8, "tensor(float)": model_config_pb2.TYPE_FP32}
    for told, found in ((config.input, session.get_inputs()), (config.output, session.get_outputs())):
        assert [(one.name, one.data_type) for one in told] == [(one.name, kinds[one.type]) for one in found]
        # As Triton has it the batch is not among the dims, and free.
        assert [list(one.dims) for one in told] == [
            [dim if isinstance(dim, int) else -1 for dim in one.shape[1:]] for one in found
        ]
        assert not any(isinstance(one.shape[0], int) for one in found)
    assert [one.label_filename for one in config.output] == ["labels.txt", "", ""]
    labels = (repository / "cats" / "labels.txt").read_text(encoding="utf-8").splitlines()
    assert labels == list(CLASSES)


def test_openvino_model_server_reads_the_same_graph(repository: Path) -> None:
    (entry,) = json.loads((repository / "config.json").read_text(encoding="utf-8"))["model_config_list"]
    config = entry["config"]
    # Relative to the file, so that the folder may be mounted anywhere.
    (version,) = (repository / config["base_path"] / "1").iterdir()
    core = openvino.Core()
    model = core.compile_model(core.read_model(version), "CPU", config["plugin_config"])
    session = onnxruntime.InferenceSession(version, providers=["CPUExecutionProvider"])
    inputs = np.random.default_rng(0).integers(0, 256, (5, 3, 32, 32), np.uint8)
    np.testing.assert_allclose(
        model({"input": inputs})["probabilities"], session.run(["probabilities"], {"input": inputs})[0], atol=1e-4
    )


def test_int8_is_left_to_the_server() -> None:
    (entry,) = openvino_config("cats", "int8")["model_config_list"]
    assert entry == {"config": {"name": "cats", "base_path": "cats"}}


@pytest.mark.parametrize(
    ("kind", "name"),
    [(TensorProto.UINT8, "TYPE_UINT8"), (TensorProto.INT16, "TYPE_INT16"), (TensorProto.FLOAT, "TYPE_FP32")],
)
def test_each_kind_of_input_and_free_sizes(kind: int, name: str) -> None:
    graph = graph_with(
        {"input": (kind, ["batch", 1, "time"])},
        {
            "probabilities": (TensorProto.FLOAT, ["batch", "frames", 3]),
            "boxes": (TensorProto.FLOAT, ["batch", 10, 4]),
        },
    )
    config = parsed(triton_config("speech", graph, 3))
    assert config.input[0].data_type == model_config_pb2.DataType.Value(name)
    assert list(config.input[0].dims) == [1, -1]
    assert [list(one.dims) for one in config.output] == [[-1, 3], [10, 4]]
    # Of each frame, and not of the whole: Triton's labels would be wrong.
    assert [one.label_filename for one in config.output] == ["", ""]


@pytest.mark.parametrize("name", ['a "quoted" name', "back\\slash", "Käse 東京", "a\tb"])
def test_any_name_is_read_as_it_is(name: str) -> None:
    graph = graph_with({"input": (TensorProto.UINT8, ["batch", 1])}, {"outputs": (TensorProto.FLOAT, ["batch", 2])})
    assert parsed(triton_config(name, graph, 2)).name == name


def test_the_graph_is_a_right_one(repository: Path) -> None:
    onnx.checker.check_model(str(repository / "cats" / "1" / "model.onnx"), full_check=True)
