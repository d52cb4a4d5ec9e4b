"""`torch.export`: a `.pt2` file, for C++, for AOTInductor, or for whatever takes an exported program of torch."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch.export import ExportedProgram

from plusx.archive import Archive
from plusx.engines.convert import answering, batch_of
from plusx.engines.graph import metadata
from plusx.engines.targets import Options

ENDING = ".pt2"
WHAT = "torch.export: torch.export.load(...).module()(inputs) gives readable answers, then raw outputs"
OF_WEIGHTS, MAPS = True, True


def write(archive: Archive, path: Path, options: Options) -> list[Path]:
    """One file; what a program must know of it are its extra files: `outputs`, the names of what it gives, and
    `labels`, `preprocessing`, ... , each in JSON."""
    network, example = answering(archive, maps=options.maps)
    program = torch.export.export(network, (example,), dynamic_shapes=batch_of())
    _forget_places(program)
    torch.export.save(program, path, extra_files=metadata(archive, network.names))
    return [path]


def run(archive: Archive, path: Path, inputs: Shaped[np.ndarray, "batch ..."]) -> Float[np.ndarray, "batch ..."]:
    """By torch on the processor."""
    with torch.no_grad():
        return torch.export.load(os.fspath(path)).module()(torch.from_numpy(inputs))[-1].numpy()


def _forget_places(program: ExportedProgram) -> None:
    """Takes out what the tracer notes of where the code lay."""
    for module in program.graph_module.modules():
        if isinstance(module, torch.fx.GraphModule):
            for node in module.graph.nodes:
                node.meta.pop("stack_trace", None)
