"""`plusx explain`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer

from plusx.cli.output import Json, Text, print_json, say, texts_given
from plusx.errors import PlusxError, WrongUse


def explain(
    model: Annotated[Path, typer.Argument(help="A .plusx file or a run folder, of any task.")],
    inputs: Annotated[
        list[str] | None, typer.Argument(help="Examples, folders, globs, or - for a list of paths on stdin.")
    ] = None,
    text: Text = None,
    method: Annotated[
        str, typer.Option(help="gradcam, hirescam, integrated or occlusion; auto: the first, for boxes the second.")
    ] = "auto",
    label: Annotated[str | None, typer.Option(help="Explain this label rather than the one that is answered.")] = None,
    layer: Annotated[
        str | None, typer.Option(help="The map that gradcam and hirescam look at: stem, stage1, ...")
    ] = None,
    nearest: Annotated[
        str | None, typer.Option(metavar="DATA", help="Show the examples of this set that are most alike.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="How many of them.")] = 5,
    data_dir: Annotated[Path | None, typer.Option(help="Where a known set's files are.")] = None,
    out: Annotated[Path, typer.Option(help="The folder for the pictures and explain.html.")] = Path("explained"),
    max_errors: Annotated[int, typer.Option(min=0, help="More bad inputs than this make the exit code 1.")] = 0,
    json: Json = False,
) -> None:
    """Show what in each example mattered for the model's answer."""
    from plusx.api.explain import explain as explained
    from plusx.api.model import load
    from plusx.predict.inputs import expand

    if not (inputs or text):
        raise WrongUse("explain: no inputs; give files, folders, globs, or - for a list of paths")
    loaded = load(model)
    modality = str(loaded.archive.manifest.preprocessing["modality"])
    given = chain(texts_given(text, modality), expand(inputs or [], sys.stdin, modality))
    found = explained(
        loaded,
        given,
        method=method,
        layer=layer,
        label=label,
        nearest=nearest,
        count=count,
        data_dir=data_dir,
        out=out,
        keep=False,
    )
    rows = [one.row for one in found]
    errors = sum(row["error"] is not None for row in rows)
    page = out / "explain.html"
    if json:
        print_json({"page": str(page), "explanations": rows})
    else:
        for row in rows:
            print(_words(row) if row["path"] is None else f"{row['path']}: {_words(row)}")
    say(f"{len(rows):,} explanations in {page}, {errors:,} of them errors")
    if errors > max_errors:
        raise PlusxError(f"{errors:,} of {len(rows):,} inputs could not be explained; --max-errors allows more")


def _words(row: Mapping[str, Any]) -> str:
    from plusx.understand.origin import place_words
    from plusx.understand.page import answer_words

    return f"error: {row['error']}" if row["error"] is not None else f"{answer_words(row)}; {place_words(row['place'])}"
