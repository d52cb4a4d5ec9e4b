"""`plusx predict --ray`: its flag, and what it goes together with."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plusx.cli.output import print_json, say
from plusx.cli.parts import resumable, say_written, saying, shown_written
from plusx.errors import WrongUse

if TYPE_CHECKING:
    from plusx.api.model import Model

FLAG = "--ray"
LOCAL = "local"

Ray = Annotated[
    str | None,
    typer.Option(
        FLAG,
        metavar="[ADDRESS]",
        help="Answer a Parquet list on Ray: on this machine, or at an address: auto, or host:port of a cluster.",
    ),
]


def with_address(arguments: Sequence[str]) -> list[str]:
    """A command's arguments, whose `--ray` has a value where none was given.

    >>> with_address(["predict", "m.plusx", "list.parquet", "--ray", "--resume"])
    ['predict', 'm.plusx', 'list.parquet', '--ray', 'local', '--resume']
    """
    given = list(arguments)
    for place, argument in enumerate(given):
        if argument == FLAG and (place + 1 == len(given) or given[place + 1].startswith("-")):
            return [*given[: place + 1], LOCAL, *given[place + 1 :]]
    return given


def check_ray(address: str, inputs: Sequence[str], out: str | None, others: Sequence[str]) -> None:
    """Refuses what does not go with `--ray`, before any work is done.

    Args:
        others: flags that were given, and do not.

    Raises:
        WrongUse: such a flag, no single list, or nowhere to write to.
    """
    if not inputs and address.lower().endswith((".parquet", ".pq")):
        raise WrongUse(f"--ray {address}: it took the list for its address; put --ray behind it")
    if len(inputs) != 1 or inputs[0] == "-":
        raise WrongUse("--ray: give one Parquet list whose column path holds the inputs, or a folder of such lists")
    if others:
        raise WrongUse(f"{others[0]}: it does not go with --ray, which writes rows alone; leave one of them out")
    if out is None:
        raise WrongUse("--ray: give --out, a folder that all machines see or an address such as s3://bucket/answers/")


def engine_at(out: str, engine: str) -> str:
    """The engine to take: for `auto`, the one by which the answers were begun."""
    from plusx.api.ray import begun_engine

    return begun_engine(out) or engine if engine == "auto" else engine


def answer_on_ray(
    model: Model, manifest: str, out: str, address: str, choices: dict[str, Any], aside: dict[str, Any] | None
) -> tuple[int, int]:
    """(bad inputs among those answered now, all); with `aside`, what there is for programs is printed with it."""
    from plusx.api.ray import predict_on_ray

    # Ray tells of machines that died on stdout, where programs expect JSON.
    with resumable(out), redirect_stdout(sys.stderr):
        written = predict_on_ray(model, manifest, out, address=address, **choices, on_part=saying(out))
    if written.kept:
        before = f"{written.kept:,} of them from before, {written.errors:,} of the others errors"
        say(f"{written.count:,} answers in {out}, {before}")
    else:
        say_written(written, out, "answers")
    if aside is not None:
        print_json({**shown_written(written, out), **aside})
    return written.errors, written.count
