"""Many inputs -> answers, in input order, in memory that does not grow with their number."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from plusx.archive import Archive
from plusx.data.modalities import spec_from_json
from plusx.engines import Engine
from plusx.predict.ahead import Input, answered_batches, shown
from plusx.predict.boxes import detect_stream
from plusx.predict.dense import segment_stream
from plusx.tasks import task_from_json
from plusx.tasks.decoder import Decoder
from plusx.tasks.transcribe import reading

STREAMS: dict[str, Callable[..., Iterator[Any]]] = {"segment": segment_stream, "detect": detect_stream}
"""By task, where answers are about places in a picture of any size: they give something whose `row` is what is said."""


def predict_stream(
    archive: Archive, engine: Engine, inputs: Iterable[Input], top: int = 5, decoder: Decoder | None = None
) -> Iterator[dict[str, Any]]:
    """One row an input, in order: `path`, `label`, `probability`, `top` (label and probability, best first), `error`.
    Where an input may have several labels, `labels` lists them and `label` joins them by `|`.

    Args:
        archive: the model.
        engine: runs its network.
        inputs: paths, files' bytes, or uint8 pixels `(height, width[, channels])`; `path` is None for the last two.
        top: how many of the likeliest labels to list.
        decoder: how transcripts are read; None: by the likeliest path.

    A bad input gives a row whose `error` says why and whose other values are None; it never fails the others.
    """
    spec = spec_from_json(archive.manifest.preprocessing)
    task = reading(task_from_json(archive.manifest.task), spec, decoder)
    if task.name in STREAMS:
        yield from (answer.row for answer in STREAMS[task.name](archive, engine, inputs, top))
        return
    for batch, outputs in answered_batches(spec, engine, inputs):
        answers = iter(() if outputs is None else task.answers(outputs, archive.manifest.classes, top))
        for source, example in batch:
            if isinstance(example, str):
                yield {"path": shown(source), **dict.fromkeys(task.parts), "error": example}
            else:
                yield {"path": shown(source), **next(answers), "error": None}
