"""OpenVINO's own format: `NAME.xml`, the graph, and `NAME.bin`, its weights."""

from __future__ import annotations

import json
import os
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from jaxtyping import Float, Shaped

from plusx.archive import Archive
from plusx.engines.graph import graph_of, metadata
from plusx.engines.installed import needed
from plusx.engines.openvino import SETTINGS

ENDING = ".xml"
WHAT = "OpenVINO: a graph (.xml) and its weights (.bin), labels under model_info"


def write(archive: Archive, path: Path) -> list[Path]:
    """The graph, and its weights beside it; nothing is rounded to half precision."""
    openvino = needed("openvino", "--to openvino")
    model = openvino.Core().read_model(BytesIO(graph_of(archive)))
    about = metadata(archive)
    # What OpenVINO's own model zoo and server look for.
    labels = " ".join(label.replace(" ", "_") for label in json.loads(about["labels"]))
    model.set_rt_info(labels, ["model_info", "labels"])
    for key, value in about.items():
        model.set_rt_info(value, ["model_info", f"plusx_{key}"])
    weights = path.with_suffix(".bin")
    with TemporaryDirectory(dir=path.parent) as folder:
        openvino.serialize(model, Path(folder, path.name), Path(folder, weights.name))
        # The graph last: where it is, its weights are.
        for own in (weights, path):
            os.replace(Path(folder, own.name), own)
    return [path, weights]


def run(archive: Archive, path: Path, inputs: Shaped[np.ndarray, "batch ..."]) -> Float[np.ndarray, "batch ..."]:
    """By OpenVINO on the processor."""
    core = needed("openvino", "--to openvino").Core()
    return core.compile_model(core.read_model(path), "CPU", SETTINGS)({"input": inputs})["outputs"]
