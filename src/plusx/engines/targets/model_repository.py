"""A model repository: one folder that both Triton Inference Server and OpenVINO Model Server serve from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from plusx.archive import Archive
from plusx.archive.members import MODEL_FILE
from plusx.engines.graph import graph_of
from plusx.engines.installed import needed
from plusx.engines.targets import Options, onnx

ENDING = ""
WHAT = "a model repository: tritonserver --model-repository FOLDER, or ovms --config_path FOLDER/config.json"
OF_WEIGHTS, MAPS = False, True
GRAPH = "1/model.onnx"
"""Where in a model's folder both servers look for its first version."""
MAX_BATCH, DELAY_US = 32, 2000
TYPES = {"float32": "TYPE_FP32", "uint8": "TYPE_UINT8", "int16": "TYPE_INT16", "int64": "TYPE_INT64"}
"""Triton's names of element types, by NumPy's."""


def write(archive: Archive, path: Path, options: Options) -> list[Path]:
    """A folder: `NAME/1/model.onnx`; for Triton `NAME/config.pbtxt` and `NAME/labels.txt`; for OpenVINO Model Server
    `config.json`. NAME is the model's."""
    name = _name(archive)
    model = path / name
    graph = graph_of(archive, maps=options.maps)
    (model / GRAPH).parent.mkdir(parents=True)
    (model / GRAPH).write_bytes(graph)
    labels = archive.manifest.classes
    (model / "labels.txt").write_text("".join(f"{' '.join(label.split())}\n" for label in labels), encoding="utf-8")
    (model / "config.pbtxt").write_text(triton_config(name, graph, len(labels)), encoding="utf-8")
    about = json.dumps(openvino_config(name, archive.manifest.precision), ensure_ascii=False, indent=2)
    (path / "config.json").write_text(f"{about}\n", encoding="utf-8")
    return [path]


def run(archive: Archive, path: Path, inputs: Shaped[np.ndarray, "batch ..."]) -> Float[np.ndarray, "batch ..."]:
    """By ONNX Runtime, which Triton runs such a file with."""
    return onnx.run(archive, path / _name(archive) / GRAPH, inputs)


def triton_config(name: str, graph: bytes, labels: int) -> str:
    """Triton's `ModelConfig` in protobuf's text format.

    Args:
        name: the model's.
        graph: an ONNX model whose inputs and outputs all begin with a batch of any size.
        labels: so many classes; an output of as many probabilities has the labels' file.
    """
    model = needed("onnx", "--to model-repository").load_model_from_string(graph).graph
    inputs = [_tensor("input", one) for one in model.input]
    outputs = [
        _tensor("output", one, 'label_filename: "labels.txt"' if _labelled(one, labels) else None)
        for one in model.output
    ]
    head = [
        f"name: {_text(name)}",
        'backend: "onnxruntime"',
        f"max_batch_size: {MAX_BATCH}",
        f"dynamic_batching {{ max_queue_delay_microseconds: {DELAY_US} }}",
    ]
    return "\n".join([*head, *inputs, *outputs]) + "\n"


def openvino_config(name: str, precision: str) -> dict[str, Any]:
    """The file that OpenVINO Model Server starts with; its path is relative to itself."""
    config: dict[str, Any] = {"name": name, "base_path": name}
    if precision == "float32":
        # Of itself it computes in bfloat16 where the processor can, and answers a little otherwise.
        config["plugin_config"] = {"INFERENCE_PRECISION_HINT": "f32"}
    return {"model_config_list": [{"config": config}]}


def _name(archive: Archive) -> str:
    if archive.path is None:
        return "model"
    path = archive.path.resolve()
    return path.parent.name if path.name == MODEL_FILE else path.stem


def _tensor(kind: str, value: Any, more: str | None = None) -> str:
    """One input or output: its dims without the batch, -1 where they are free."""
    helper = needed("onnx.helper", "--to model-repository")
    tensor = value.type.tensor_type
    dims = ", ".join(str(dim.dim_value or -1) for dim in tensor.shape.dim[1:])
    element = TYPES[np.dtype(helper.tensor_dtype_to_np_dtype(tensor.elem_type)).name]
    rows = [f"name: {_text(value.name)}", f"data_type: {element}", f"dims: [ {dims} ]", *([more] if more else [])]
    return f"{kind} {{\n" + "".join(f"  {row}\n" for row in rows) + "}"


def _labelled(value: Any, labels: int) -> bool:
    dims = [dim.dim_value for dim in value.type.tensor_type.shape.dim[1:]]
    return value.name == "probabilities" and dims == [labels]


def _text(value: str) -> str:
    # What JSON escapes, protobuf's text format reads alike.
    return json.dumps(value, ensure_ascii=False)
