"""`torch.export`: a `.pt2` file, for C++, for AOTInductor, or for whatever takes an exported program of torch."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Shaped

from plusx.archive import Archive
from plusx.data.files import atomic_write
from plusx.engines.convert import answering
from plusx.engines.graph import metadata

ENDING = ".pt2"
WHAT = "torch.export: torch.export.load(...).module()(inputs) gives readable answers, then raw outputs"


def write(archive: Archive, path: Path) -> list[Path]:
    """One file; what a program must know of it are its extra files `labels`, `preprocessing`, ... , in JSON."""
    network, example = answering(archive)
    batch = {0: torch.export.Dim("batch", min=1)}
    program = torch.export.export(network, (example,), dynamic_shapes=(batch,))
    content = BytesIO()
    torch.export.save(program, content, extra_files=metadata(archive))
    with atomic_write(path, "wb") as file:
        file.write(content.getbuffer())
    return [path]


def run(archive: Archive, path: Path, inputs: Shaped[np.ndarray, "batch ..."]) -> Float[np.ndarray, "batch ..."]:
    """By torch on the processor."""
    with torch.no_grad():
        return torch.export.load(os.fspath(path)).module()(torch.from_numpy(inputs))[-1].numpy()
