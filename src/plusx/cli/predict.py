"""`plusx predict`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plusx.cli.output import (
    Beam,
    Engine,
    Json,
    Lm,
    Text,
    Threshold,
    Tta,
    print_json,
    say,
    say_card,
    shown_card,
    texts_given,
)
from plusx.errors import PlusxError, WrongUse

if TYPE_CHECKING:
    from plusx.tasks import Task


def predict(
    model: Annotated[Path, typer.Argument(help="A .plusx file or a run folder.")],
    inputs: Annotated[
        list[str] | None, typer.Argument(help="Files, folders, globs, or - for a list of paths on stdin.")
    ] = None,
    text: Text = None,
    out: Annotated[Path | None, typer.Option(help="Write the answers to a .csv, .jsonl or .parquet file.")] = None,
    top: Annotated[int, typer.Option(min=1, help="How many of the likeliest labels to list.")] = 5,
    max_errors: Annotated[int, typer.Option(min=0, help="More bad inputs than this make the exit code 1.")] = 0,
    engine: Engine = "auto",
    tta: Tta = "none",
    masks: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write each picture's mask there, a PNG of its classes' numbers."),
    ] = None,
    overlays: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write each picture there with its classes' colours, or its boxes, over it."),
    ] = None,
    threshold: Threshold = None,
    beam: Beam = None,
    lm: Lm = None,
    json: Json = False,
) -> None:
    """Answer for examples what the model was trained for: what is in them, said in them, or their numbers."""
    from plusx.api.model import load
    from plusx.archive import read_manifest
    from plusx.engines.views import with_views
    from plusx.predict.draw import painted
    from plusx.predict.inputs import expand, many_of
    from plusx.predict.stream import predict_stream
    from plusx.predict.write import check_ending, write_rows
    from plusx.tasks import task_from_json
    from plusx.tasks.decoder import find_decoder

    if not (inputs or text):
        raise WrongUse("predict: no inputs; give files, folders, globs, or - for a list of paths")
    if out is not None:
        check_ending(out)
    decoder = find_decoder(beam, lm)
    modality = str(read_manifest(model).preprocessing["modality"])
    inputs = inputs or []
    many, examples = many_of(inputs, chain(texts_given(text, modality), expand(inputs, sys.stdin, modality)))
    loaded = load(model, engine, measure=many, say=say)
    if threshold is not None:
        loaded = loaded.at(threshold)
    task = task_from_json(loaded.archive.manifest.task)
    running = with_views(loaded.engine, loaded.archive, tta)
    card = loaded.archive.manifest.card
    say_card(card)
    if tta != "none":
        say(f"each answer is the mean over views: {tta}")
    if masks is None and overlays is None:
        rows_found = predict_stream(loaded.archive, running, examples, top, decoder)
    else:
        rows_found = painted(loaded.archive, running, examples, top, masks, overlays)
    counted = _Counted(rows_found)
    if json:
        rows = list(counted)
        if out is not None:
            write_rows(rows, out, task.parts)
        print_json({"predictions": rows, **({} if tta == "none" else {"tta": tta}), **shown_card(card)})
    elif out is not None:
        write_rows(counted, out, task.parts)
        say(f"{counted.rows:,} answers in {out}, {counted.errors:,} of them errors")
    else:
        for row in counted:
            print(_line(task, row))
    if counted.errors > max_errors:
        raise PlusxError(f"{counted.errors:,} of {counted.rows:,} inputs could not be read; --max-errors allows more")


class _Counted:
    """Passes rows on and counts them."""

    def __init__(self, rows: Iterable[dict[str, Any]]):
        self._source = rows
        self.rows = self.errors = 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for row in self._source:
            self.rows += 1
            self.errors += row["error"] is not None
            yield row


def _line(task: Task, row: dict[str, Any]) -> str:
    said = task.words(row) if row["error"] is None else f"error: {row['error']}"
    return said if row["path"] is None else f"{row['path']}: {said}"
