"""Many inputs -> answers, in input order, in memory that does not grow with their number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any, Protocol

import numpy as np

from plusx.archive import Archive
from plusx.data.image import BadSample
from plusx.data.modalities import spec_from_json
from plusx.data.sources import FileSource
from plusx.engines import Engine
from plusx.predict.dense import segment_stream
from plusx.tasks import task_from_json
from plusx.tasks.decoder import Decoder
from plusx.tasks.transcribe import reading

Input = str | bytes | np.ndarray
BATCH_SIZE = 32
DECODERS = 4


class _Spec(Protocol):
    def prepare(self, source: bytes | np.ndarray) -> np.ndarray: ...


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
    if task.HEADS:
        yield from (answer.row for answer in segment_stream(archive, engine, inputs, top))
        return
    for batch in prepared_batches(spec, inputs):
        good = [example for _, example in batch if isinstance(example, np.ndarray)]
        outputs = engine(np.moveaxis(np.stack(good), -1, 1)) if good else None
        answers = iter(() if outputs is None else task.answers(outputs, archive.manifest.classes, top))
        for source, example in batch:
            path = source if isinstance(source, str) else None
            if isinstance(example, np.ndarray):
                yield {"path": path, **next(answers), "error": None}
            else:
                yield {"path": path, **dict.fromkeys(task.parts), "error": example}


def prepared_batches(spec: _Spec, inputs: Iterable[Input]) -> Iterator[list[tuple[Input, np.ndarray | str]]]:
    """Batches of inputs with what they became, or why not; the next batch is decoded while one is answered."""
    inputs = iter(inputs)
    with ThreadPoolExecutor(DECODERS) as decoders:

        def begin() -> list[tuple[Input, Future[np.ndarray | str]]]:
            return [(source, decoders.submit(_prepare, spec, source)) for source in islice(inputs, BATCH_SIZE)]

        ahead = begin()
        while ahead:
            current, ahead = ahead, begin()
            yield [(source, future.result()) for source, future in current]


def _prepare(spec: _Spec, source: Input) -> np.ndarray | str:
    try:
        return spec.prepare(FileSource([source]).read(0) if isinstance(source, str) else source)
    except BadSample as error:
        return error.reason
