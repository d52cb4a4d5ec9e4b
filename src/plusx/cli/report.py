"""`plusx report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from plusx.cli.output import Json, print_json, say


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="A run's folder; several are compared.")],
    split: Annotated[str, typer.Option(help="train, val or test.", show_default="test, else val")] = "",
    out: Annotated[
        Path | None, typer.Option(help="The page.", show_default="RUN/report.html, or compare.html of several")
    ] = None,
    json: Json = False,
) -> None:
    """Write a run's page again, or one that compares runs on the same examples."""
    from plusx.api.report import report as write

    path = write(runs, out=out, split=split)
    if json:
        print_json({"report": str(path)})
    else:
        say(f"report: {path}")
