"""`plusx study`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from plusx.cli.output import Json, print_json, say


def study(
    name: Annotated[
        str,
        typer.Argument(help="degradation, gradients, lesion, shortcuts, responses, landscape or depth-cost."),
    ],
    data: Annotated[str, typer.Option(help="Pictures with a class each: digits, mnist, cifar10, a folder.")] = "digits",
    data_dir: Annotated[Path | None, typer.Option(help="Where a known set's files are.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Smaller networks, shorter trainings: minutes.")] = False,
    seeds: Annotated[int | None, typer.Option(help="Trainings of each network.", show_default="3")] = None,
    out: Annotated[Path | None, typer.Option(help="The study's folder.", show_default="studies/NAME")] = None,
    json: Json = False,
) -> None:
    """Test a claim of the residual networks' papers by an experiment."""
    from plusx.api.study import study as run_study
    from plusx.cli.progress import watching
    from plusx.understand.studies.spread import VERDICTS

    folder = out or Path("studies") / name
    with watching() as watcher:
        outcome = run_study(name, data=data, data_dir=data_dir, quick=quick, seeds=seeds, out=folder, watcher=watcher)
    for finding in outcome.findings:
        say(f"{VERDICTS[finding.status]}: {finding.claim} Measured: {finding.numbers}")
    say(f"page: {folder / 'study.html'}, after {outcome.duration_s:.0f} s")
    if json:
        print_json({**outcome.summary(), "page": str(folder / "study.html")})
