"""The scores of an archive, run on any engine, over prepared examples."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from plusx.archive import Archive
from plusx.data.cache import Prepared
from plusx.engines import Engine
from plusx.errors import PlusxError
from plusx.tasks import task_from_json

BATCH_SIZE = 256


def evaluate(archive: Archive, engine: Engine, prepared: Prepared) -> dict[str, Any]:
    """What the archive's task scores (see the `scores` of `plusx.tasks`), and `skipped`, how many examples could not be
    read.

    Raises:
        PlusxError: not one example could be read.
    """
    if len(prepared) == 0:
        raise PlusxError("nothing to evaluate: not one example could be read; see the reasons above")
    task = task_from_json(archive.manifest.task)
    scores = task.scores(all_outputs(engine, prepared), prepared.targets, archive.manifest.classes)
    return {**scores, "skipped": len(prepared.skipped)}


def all_outputs(engine: Engine, prepared: Prepared) -> Float[np.ndarray, "count classes"]:
    """The engine's outputs for all examples, in order; there must be one."""
    outputs = [
        engine(np.moveaxis(prepared.gather(np.arange(start, min(start + BATCH_SIZE, len(prepared)))), -1, 1))
        for start in range(0, len(prepared), BATCH_SIZE)
    ]
    return np.concatenate(outputs)
