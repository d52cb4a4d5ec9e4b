"""ONNX: one file for ONNX Runtime, OpenVINO, TensorRT and whatever else reads it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float, Shaped

from plusx.archive import Archive
from plusx.engines.graph import graph_of, read_graph
from plusx.engines.installed import needed
from plusx.engines.targets import Options

ENDING = ".onnx"
WHAT = "ONNX, opset 18: raw input in, readable answers and raw outputs out, labels in its metadata"
OF_WEIGHTS, MAPS = False, True


def write(archive: Archive, path: Path, options: Options) -> list[Path]:
    """One file, which needs no other."""
    path.write_bytes(graph_of(archive, maps=options.maps))
    return [path]


def run(archive: Archive, path: Path, inputs: Shaped[np.ndarray, "batch ..."]) -> Float[np.ndarray, "batch ..."]:
    """By ONNX Runtime."""
    graph = read_graph(path)
    runtime = needed("onnxruntime", "--to onnx")
    session = runtime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return session.run(["outputs"], {"input": inputs})[0]
