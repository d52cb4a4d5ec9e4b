"""`plusx embed`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plusx.cli.output import Engine, Json, print_json, say
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

if TYPE_CHECKING:
    from plusx.predict.embed import Embedded


def embed(
    model: Annotated[Path, typer.Argument(help="A .plusx file or a run folder, of any task.")],
    inputs: Annotated[
        list[str],
        typer.Argument(help="Examples, folders, globs, Parquet lists of paths, or - for a list of paths on stdin."),
    ],
    out: Annotated[
        str,
        typer.Option(
            metavar="PATH",
            help="The file for the vectors: .npy or .parquet; or, with / at its end, a folder of Parquet parts.",
        ),
    ],
    part_rows: PartRows = 4096,
    resume: Resume = False,
    max_errors: Annotated[int, typer.Option(min=0, help="More bad inputs than this make the exit code 1.")] = 0,
    engine: Engine = "auto",
    json: Json = False,
) -> None:
    """Turn examples into vectors: what a model knows of them just before its answer."""
    from plusx.predict.vectors import check_vectors_ending, write_vectors

    folder = folder_given(out, resume)
    if folder is None:
        check_vectors_ending(Path(out))

    from plusx.api.model import load
    from plusx.api.volume import embed_into
    from plusx.archive import read_manifest
    from plusx.predict.inputs import expand, many_of

    modality = str(read_manifest(model).preprocessing["modality"])
    many, files = many_of(inputs, expand(inputs, sys.stdin, modality))
    loaded = load(model, engine_of(folder, engine), measure=many, say=say)
    if folder is not None:
        with resumable(folder):
            written = embed_into(
                loaded, files, folder, part_rows=part_rows, resume=resume, named=inputs, on_part=saying(folder)
            )
        say_written(written, folder, "vectors")
        told, errors, count = shown_written(written, folder), written.errors, written.count
    else:
        seen = write_vectors(_saying_errors(loaded.embedded(files)), Path(out))
        say(f"{seen.count:,} vectors of {seen.width:,} numbers in {out}, {seen.errors:,} of them errors")
        told = {"out": out, "count": seen.count, "width": seen.width, "errors": seen.errors}
        errors, count = seen.errors, seen.count
    if json:
        print_json(told)
    check_errors(errors, count, max_errors)


def _saying_errors(rows: Iterable[Embedded]) -> Iterator[Embedded]:
    for row in rows:
        if row.error is not None:
            say(f"{row.path}: {row.error}")
        yield row
