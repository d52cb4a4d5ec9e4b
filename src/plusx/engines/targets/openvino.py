"""OpenVINO's own format: `NAME.xml`, the graph, and `NAME.bin`, its weights."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import numpy as np
from jaxtyping import Float, Shaped

from plusx.archive import Archive
from plusx.engines.graph import graph_of, metadata
from plusx.engines.installed import needed
from plusx.engines.openvino import SETTINGS
from plusx.engines.targets import Options

ENDING = ".xml"
WHAT = "OpenVINO: a graph (.xml) and its weights (.bin), labels under model_info"
OF_WEIGHTS, MAPS = False, True


def write(archive: Archive, path: Path, options: Options) -> list[Path]:
    """The graph, and its weights beside it; nothing is rounded to half precision."""
    openvino = needed("openvino", "--to openvino")
    model = openvino.Core().read_model(BytesIO(graph_of(archive, maps=options.maps)))
    about = metadata(archive)
    # What OpenVINO's own model zoo and server look for.
    labels = " ".join(label.replace(" ", "_") for label in json.loads(about["labels"]))
    model.set_rt_info(labels, ["model_info", "labels"])
    for key, value in about.items():
        model.set_rt_info(value, ["model_info", f"plusx_{key}"])
    weights = path.with_suffix(".bin")
    openvino.serialize(model, path, weights)
    return [path, weights]


def run(archive: Archive, path: Path, inputs: Shaped[np.ndarray, "batch ..."]) -> Float[np.ndarray, "batch ..."]:
    """By OpenVINO on the processor."""
    core = needed("openvino", "--to openvino").Core()
    return core.compile_model(core.read_model(path), "CPU", SETTINGS)({"input": inputs})["outputs"]
