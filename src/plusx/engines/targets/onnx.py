"""ONNX: one file for ONNX Runtime, OpenVINO, TensorRT and whatever else reads it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float, Shaped

from plusx.archive import Archive
from plusx.data.files import atomic_write
from plusx.engines.graph import graph_of, read_graph
from plusx.engines.installed import needed

ENDING = ".onnx"
WHAT = "ONNX, opset 18: raw input in, readable answers and raw outputs out, labels in its metadata"


def write(archive: Archive, path: Path) -> list[Path]:
    """One file, which needs no other."""
    graph = graph_of(archive)
    with atomic_write(path, "wb") as file:
        file.write(graph)
    return [path]


def run(archive: Archive, path: Path, inputs: Shaped[np.ndarray, "batch ..."]) -> Float[np.ndarray, "batch ..."]:
    """By ONNX Runtime."""
    graph = read_graph(path)
    runtime = needed("onnxruntime", "--to onnx")
    session = runtime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return session.run(["outputs"], {"input": inputs})[0]
