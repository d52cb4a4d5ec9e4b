"""`plusx shrink`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from plusx.cli.output import Json, print_json, say
from plusx.errors import WrongUse

TIMES = {"us": 1e-3, "ms": 1.0, "s": 1e3}
SIZES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9}


def shrink(
    model: Annotated[Path, typer.Argument(help="A .plusx file or a run's folder.")],
    data: Annotated[str, typer.Argument(help="What it was trained on, as for train.")],
    max_drop: Annotated[float, typer.Option(help="How much the main score may fall, in points of per cent.")] = 0.5,
    target_latency: Annotated[
        str | None, typer.Option(metavar="TIME", help="The longest that one example may take, such as 2ms.")
    ] = None,
    target_size: Annotated[
        str | None, typer.Option(metavar="SIZE", help="The largest model file, such as 1MB.")
    ] = None,
    budget: Annotated[str, typer.Option(help="About how long the search may take, such as 30s, 5m or 2h.")] = "10m",
    aware: Annotated[
        bool, typer.Option("--aware", help="Train as int8 what loses too much in int8, before layers stay in float.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="A new folder.", show_default="one under runs/")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the search in --out.")] = False,
    from_point: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Make the point of this point.json again; search nothing.")
    ] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where a known set's files are.")] = None,
    modality: Annotated[
        str, typer.Option(help="Which kind of files to read, where there are several.", show_default=False)
    ] = "auto",
    cache: Annotated[bool, typer.Option(help="Keep decoded examples on disk, or decode at each use.")] = True,
    json: Json = False,
) -> None:
    """Make a trained model smaller and faster on this machine, at a known cost."""
    latency_ms = None if target_latency is None else _measured(target_latency, TIMES, "--target-latency", "2ms")
    size = None if target_size is None else round(_measured(target_size, SIZES, "--target-size", "1MB"))

    from plusx.api.shrink import shrink as run_shrink
    from plusx.api.shrink import verdict
    from plusx.archive import read_manifest
    from plusx.cli.progress import watching
    from plusx.tasks import task_from_json
    from plusx.training.budget import seconds_of

    with watching() as watcher:
        done = run_shrink(
            model,
            data,
            out=out,
            resume=resume,
            from_point=from_point,
            watcher=watcher,
            max_drop=max_drop,
            target_latency_ms=latency_ms,
            target_size_bytes=size,
            budget_s=seconds_of(budget),
            aware=aware,
            data_dir=data_dir,
            modality=modality,
            cache=cache,
        )
    for line in verdict(done, task_from_json(read_manifest(done.model).task)):
        say(line)
    say(f"model: {done.model}, point {done.chosen}, after {done.duration_s:.0f} s")
    say(f"page:  {done.page}")
    if json:
        print_json(done.summary())


def _measured(text: str, units: dict[str, float] | dict[str, int], flag: str, example: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-zA-Z]+)", text.strip())
    if found is None or found[2] not in units or float(found[1]) == 0:
        raise WrongUse(f"{flag} {text}: it must be such as {example}; units are {', '.join(units)}")
    return float(found[1]) * units[found[2]]
