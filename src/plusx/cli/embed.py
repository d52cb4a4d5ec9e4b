"""`plusx embed`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from plusx.cli.output import Engine, Json, print_json, say
from plusx.errors import PlusxError


def embed(
    model: Annotated[Path, typer.Argument(help="A .plusx file or a run folder, of any task.")],
    inputs: Annotated[list[str], typer.Argument(help="Examples, folders, globs, or - for a list of paths on stdin.")],
    out: Annotated[Path, typer.Option(help="The file for the vectors: .npy or .parquet.")],
    max_errors: Annotated[int, typer.Option(min=0, help="More bad inputs than this make the exit code 1.")] = 0,
    engine: Engine = "auto",
    json: Json = False,
) -> None:
    """Turn examples into vectors: what a model knows of them just before its answer."""
    from plusx.predict.embed import check_vectors_ending, write_vectors

    check_vectors_ending(out)

    from plusx.api.model import load
    from plusx.archive import read_manifest
    from plusx.predict.inputs import expand, many_of

    modality = str(read_manifest(model).preprocessing["modality"])
    many, files = many_of(inputs, expand(inputs, sys.stdin, modality))
    loaded = load(model, engine, measure=many, say=say)
    rows = list(loaded.embedded(files))
    write_vectors(rows, out)
    errors = [row for row in rows if row.error is not None]
    for row in errors:
        say(f"{row.path}: {row.error}")
    width = next(len(row.embedding) for row in rows if row.embedding is not None)
    say(f"{len(rows):,} vectors of {width:,} numbers in {out}, {len(errors):,} of them errors")
    if json:
        print_json({"out": str(out), "count": len(rows), "width": width, "errors": len(errors)})
    if len(errors) > max_errors:
        raise PlusxError(f"{len(errors):,} of {len(rows):,} inputs could not be read; --max-errors allows more")
