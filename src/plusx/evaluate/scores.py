"""The scores of an archive, run on any engine, over prepared examples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from plusx.archive import Archive
from plusx.data.cache import Prepared
from plusx.engines import Engine
from plusx.errors import PlusxError
from plusx.tasks import task_from_json
from plusx.tasks.decoder import Decoder
from plusx.tasks.transcribe import reading

BATCH_SIZE = 256


def evaluate(archive: Archive, engine: Engine, prepared: Prepared, decoder: Decoder | None = None) -> dict[str, Any]:
    """What the archive's task scores (see the `scores` of `plusx.tasks`), and `skipped`, how many examples could not be
    read. Transcripts are read by the decoder; None: by the likeliest path.

    Raises:
        WrongUse: there is a decoder, but no transcript to read.
        PlusxError: not one example could be read.
    """
    return judge(archive, engine, prepared, decoder).scores


class Judged(NamedTuple):
    """Scores as `evaluate` gives them, and the outputs that were scored; None where the task's are not kept."""

    scores: dict[str, Any]
    outputs: Float[np.ndarray, "count outputs *space"] | None


def judge(archive: Archive, engine: Engine, prepared: Prepared, decoder: Decoder | None = None) -> Judged:
    """As `evaluate`, with what was scored."""
    if len(prepared) == 0:
        raise PlusxError("nothing to evaluate: not one example could be read; see the reasons above")
    task = reading(task_from_json(archive.manifest.task), None, decoder)
    skipped = {"skipped": len(prepared.skipped)}
    if task.BULKY:
        scores = task.scores_in_batches(batches(engine, prepared, task.AT_ONCE), prepared.classes)
        return Judged({**scores, **skipped}, None)
    outputs = all_outputs(engine, prepared)
    return Judged({**task.scores(outputs, prepared.targets, prepared.classes), **skipped}, outputs)


def batches(engine: Engine, prepared: Prepared, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(outputs, targets) of all examples, in order, at most `size` at once."""
    for start in range(0, len(prepared), size):
        values, targets = prepared.pairs(np.arange(start, min(start + size, len(prepared))))
        yield engine(np.moveaxis(values, -1, 1)), targets


def all_outputs(engine: Engine, prepared: Prepared) -> Float[np.ndarray, "count classes"]:
    """The engine's outputs for all examples, in order; there must be one."""
    return np.concatenate([outputs for outputs, _ in batches(engine, prepared, BATCH_SIZE)])
