"""plusx's own file with its ONNX graph inside: a machine that has a runtime then answers without torch at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Shaped

from plusx.archive import Archive, read_archive, write_archive
from plusx.engines import ENGINES
from plusx.engines.graph import MEMBER, graph_of
from plusx.engines.installed import installed
from plusx.engines.targets import Options

ENDING = ".plusx"
WHAT = "a plusx model that carries its ONNX graph: the engines onnx and openvino start from it without torch"
OF_WEIGHTS, MAPS = False, False


def write(archive: Archive, path: Path, options: Options) -> list[Path]:
    """One model file, with the weights that it had, and the graph."""
    return [write_archive(replace(archive, engines={**archive.engines, MEMBER: graph_of(archive)}), path)]


def run(archive: Archive, path: Path, inputs: Shaped[np.ndarray, "batch ..."]) -> Float[np.ndarray, "batch ..."]:
    """By whichever runtime of the graph is installed."""
    engine = next((name for name in ("onnx", "openvino") if name in installed()), "onnx")
    return ENGINES[engine](read_archive(path))(inputs)
