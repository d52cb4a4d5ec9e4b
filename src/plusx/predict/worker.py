"""One of many processes that answer parts of a list: it has its own engine and writes whole parts. It knows no Ray."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from plusx.archive import Archive, read_archive, write_archive
from plusx.data.places import place_at
from plusx.engines import ENGINES, Engine
from plusx.engines.golden import check_golden
from plusx.engines.graph import MEMBER, graph_of
from plusx.engines.views import with_views
from plusx.predict.fetch import fetched_rows, readers_for
from plusx.predict.manifest import Manifest
from plusx.predict.parts import part_name
from plusx.predict.stream import predict_stream
from plusx.predict.write import write_rows
from plusx.tasks import task_from_json
from plusx.tasks.decoder import Decoder

Rows = Iterable[dict[str, Any]]


@dataclass(frozen=True)
class Order:
    """What every worker is told.

    Args:
        model: the bytes of the model's file.
        task: what is asked of it, which a threshold may have changed.
        engine: the name of what runs it.
        manifest: the list of inputs.
        out: the folder or address of the parts.
        format: the parts' ending.
        top, tta, decoder: as for `predict_stream` and `with_views`.
        threads: how many the engine may use.
    """

    model: bytes
    task: dict[str, Any]
    engine: str
    manifest: Manifest
    out: str
    format: str
    top: int
    tta: str
    decoder: Decoder | None
    threads: int = 1


class Outcome(NamedTuple):
    """What became of a part: its number, how many inputs it has, how many are bad, and what failed, or None."""

    part: int
    rows: int
    errors: int
    failure: str | None


class Worker:
    """Answers parts, each into a file that is whole or not there; the same part gives the same file again."""

    def __init__(self, order: Order):
        # Before a runtime is imported: it would take all cores of a machine that it shares with other workers.
        os.environ["OMP_NUM_THREADS"] = str(order.threads)
        self._order = order
        self._out = place_at(order.out)
        archive = unpacked(order.model)
        self._archive = replace(archive, manifest=archive.manifest.model_copy(update={"task": order.task}))
        engine = ENGINES[order.engine](self._archive)
        # Here too: another machine may have another processor.
        check_golden(engine, self._archive)
        self._engine = with_views(engine, self._archive, order.tta)
        self._parts = task_from_json(order.task).parts
        self._readers = readers_for(str(self._archive.manifest.preprocessing["modality"]))

    def answer(self, part: int, paths: Sequence[str | None]) -> Outcome:
        """Answers the inputs of a part into its file.

        Raises:
            PlusxError: the file cannot be written, or a package is missing that is needed to read an address.
        """
        manifest = self._order.manifest
        inputs = ((manifest.shown(path or ""), manifest.located(path or "")) for path in paths)
        answering = partial(_answering, self._archive, self._engine, self._order.top, self._order.decoder)
        rows = list(fetched_rows(answering, inputs, self._parts, self._readers))
        self._out.write(part_name(part, self._order.format), _file_of(rows, self._order.format, self._parts))
        return Outcome(part, len(rows), sum(row["error"] is not None for row in rows), None)


def _answering(
    archive: Archive, engine: Engine, top: int, decoder: Decoder | None, inputs: Iterable[bytes]
) -> Iterator[dict[str, Any]]:
    return predict_stream(archive, engine, inputs, top, decoder)


def packed(archive: Archive, engine: str) -> bytes:
    """A model's file as bytes for workers, with the graph that their engine runs, so that only one exports it."""
    if engine != "torch" and MEMBER not in archive.engines:
        archive = replace(archive, engines={**archive.engines, MEMBER: graph_of(archive)})
    return _through_a_file(lambda path: write_archive(archive, path))


def unpacked(model: bytes) -> Archive:
    """The model of such bytes.

    Raises:
        BadArchive: as `read_archive`.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.plusx")
        path.write_bytes(model)
        return replace(read_archive(path), path=None)


def _file_of(rows: Rows, format: str, answer: Any) -> bytes:
    return _through_a_file(lambda path: write_rows(rows, path, answer), f".{format}")


def _through_a_file(write: Callable[[Path], object], ending: str = ".plusx") -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"whole{ending}")
        write(path)
        return path.read_bytes()
