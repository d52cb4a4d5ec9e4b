"""`plusx audit`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from plusx.cli.output import Json, print_json, say
from plusx.errors import PlusxError


def audit(
    data: Annotated[str, typer.Argument(help="As for train.")],
    out: Annotated[
        Path | None, typer.Option(help="A folder for the page and the list.", show_default="a new one under runs/")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail where an example is in two splits or under two labels.")
    ] = False,
    labels: Annotated[bool, typer.Option(help="Look for wrong labels, too, by quick trainings.")] = True,
    budget: Annotated[str, typer.Option(help="The time for these, such as 60s or 5m.")] = "60s",
    data_dir: Annotated[Path | None, typer.Option(help="Where a known set's files are.")] = None,
    modality: Annotated[
        str, typer.Option(help="Which kind of files to read, where there are several.", show_default=False)
    ] = "auto",
    cache: Annotated[bool, typer.Option(help="Keep decoded examples on disk, or decode at each use.")] = True,
    json: Json = False,
) -> None:
    """Look for copies, leaks, wrong labels and bad examples in a set; nothing in it is changed."""
    from plusx.api.audit import audit as run_audit
    from plusx.cli.progress import watching
    from plusx.data.audit.findings import KINDS
    from plusx.training.budget import seconds_of

    budget_s = seconds_of(budget)
    with watching() as watcher:
        audited = run_audit(
            data,
            out=out,
            data_dir=data_dir,
            modality=modality,
            labels=labels,
            budget_s=budget_s,
            cache=cache,
            watcher=watcher,
        )
    for kind, count in audited.counts.items():
        say(f"{count:>8,} {KINDS[kind].title.lower()}")
    say(f"{len(audited.findings):,} findings in {audited.examples:,} examples, after {audited.duration_s:.1f} s")
    say(f"page: {audited.page}")
    if json:
        print_json(audited.summary())
    if strict and audited.grave:
        told = ", ".join(f"{count:,} of {kind}" for kind, count in audited.grave.items())
        raise PlusxError(f"--strict: {data} has {told}; {audited.page} shows them")
