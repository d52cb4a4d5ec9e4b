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
from plusx.cli.parts import (
    PartRows,
    Resume,
    check_errors,
    engine_of,
    folder_given,
    resumable,
    say_written,
    saying,
    shown_written,
)
from plusx.cli.ray import Ray, answer_on_ray, check_ray, engine_at
from plusx.errors import WrongUse

if TYPE_CHECKING:
    from plusx.api.model import Model
    from plusx.predict.ahead import Input
    from plusx.tasks import Task


def predict(
    model: Annotated[Path, typer.Argument(help="A .plusx file or a run folder.")],
    inputs: Annotated[
        list[str] | None,
        typer.Argument(help="Files, folders, globs, Parquet lists of paths, or - for a list of paths on stdin."),
    ] = None,
    text: Text = None,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="Write the answers to a .csv, .jsonl or .parquet file; or, with / at its end, to a folder of parts.",
        ),
    ] = None,
    format: Annotated[
        str | None, typer.Option(help="Of a folder's parts: parquet, csv or jsonl.", show_default="parquet")
    ] = None,
    part_rows: PartRows = 4096,
    resume: Resume = False,
    ray: Ray = None,
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
    from plusx.engines.views import check_views
    from plusx.predict.inputs import expand, many_of
    from plusx.predict.write import check_ending

    if not (inputs or text or ray):
        raise WrongUse("predict: no inputs; give files, folders, globs, or - for a list of paths")
    if ray is not None:
        flags = {"--text": text, "--masks": masks, "--overlays": overlays}
        check_ray(ray, inputs or [], out, [flag for flag, value in flags.items() if value])
    folder = folder_given(out, resume, format) if ray is None else None
    if out is not None and ray is None and folder is None:
        check_ending(Path(out))
    if folder is not None and (masks or overlays):
        raise WrongUse(f"--out {folder}: masks and overlays do not go with a folder of answers; give --out one file")
    manifest = read_manifest(model)
    check_views(manifest, tta)
    modality = str(manifest.preprocessing["modality"])
    inputs = inputs or []
    if ray is None or out is None:
        many, examples = many_of(inputs, chain(texts_given(text, modality), expand(inputs, sys.stdin, modality)))
        engine = engine_of(folder, engine)
    else:
        many, examples, engine = True, iter(()), engine_at(out, engine)
    loaded = load(model, engine, measure=many, say=say)
    if threshold is not None:
        loaded = loaded.at(threshold)
    say_card(loaded.archive.manifest.card)
    if tta != "none":
        say(f"each answer is the mean over views: {tta}")
    choices = {"top": top, "tta": tta, "beam": beam, "lm": lm}
    aside = {**({} if tta == "none" else {"tta": tta}), **shown_card(loaded.archive.manifest.card)}
    how: dict[str, Any] = {"format": format or "parquet", "part_rows": part_rows, "resume": resume}
    if ray is not None and out is not None:
        errors, count = answer_on_ray(loaded, inputs[0], out, ray, {**choices, **how}, aside if json else None)
    elif folder is not None:
        named = [*(text or []), *inputs]
        how = {**choices, **how, "named": named}
        errors, count = _into_folder(loaded, examples, folder, how, aside if json else None)
    else:
        file = None if out is None else Path(out)
        rows = _rows(loaded, examples, choices, masks, overlays)
        errors, count = _into_file(loaded, rows, file, aside if json else None)
    check_errors(errors, count, max_errors)


def _into_folder(
    model: Model, examples: Iterable[Input], folder: Path, choices: dict[str, Any], aside: dict[str, Any] | None
) -> tuple[int, int]:
    """(bad inputs, all); with `aside`, what there is for programs is printed with it."""
    from plusx.api.volume import predict_into

    with resumable(folder):
        written = predict_into(model, examples, folder, **choices, on_part=saying(folder))
    say_written(written, folder, "answers")
    if aside is not None:
        print_json({**shown_written(written, folder), **aside})
    return written.errors, written.count


def _rows(
    model: Model, examples: Iterable[Input], choices: dict[str, Any], masks: Path | None, overlays: Path | None
) -> Iterator[dict[str, Any]]:
    from plusx.engines.views import with_views
    from plusx.predict.draw import painted
    from plusx.predict.stream import predict_stream
    from plusx.tasks.decoder import find_decoder

    decoder = find_decoder(choices["beam"], choices["lm"])
    running = with_views(model.engine, model.archive, choices["tta"])
    if masks is None and overlays is None:
        return predict_stream(model.archive, running, examples, choices["top"], decoder)
    return painted(model.archive, running, examples, choices["top"], masks, overlays)


def _into_file(
    model: Model, rows: Iterable[dict[str, Any]], out: Path | None, aside: dict[str, Any] | None
) -> tuple[int, int]:
    """(bad inputs, all); without a file rows are printed, as JSON with `aside`."""
    from plusx.predict.write import write_rows
    from plusx.tasks import task_from_json

    task = task_from_json(model.archive.manifest.task)
    counted = _Counted(rows)
    if aside is not None:
        found = list(counted)
        if out is not None:
            write_rows(found, out, task.parts)
        print_json({"predictions": found, **aside})
    elif out is not None:
        write_rows(counted, out, task.parts)
        say(f"{counted.rows:,} answers in {out}, {counted.errors:,} of them errors")
    else:
        for row in counted:
            print(_line(task, row))
    return counted.errors, counted.rows


class _Counted:
    """Passes rows on and counts them."""

    def __init__(self, source: Iterable[dict[str, Any]]):
        self._source = source
        self.rows = self.errors = 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for row in self._source:
            self.rows += 1
            self.errors += row["error"] is not None
            yield row


def _line(task: Task, row: dict[str, Any]) -> str:
    said = task.words(row) if row["error"] is None else f"error: {row['error']}"
    return said if row["path"] is None else f"{row['path']}: {said}"
