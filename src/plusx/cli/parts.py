"""A folder as `--out`: its flags, and what is said while it is filled."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plusx.cli.output import say
from plusx.errors import PlusxError, WrongUse

if TYPE_CHECKING:
    from plusx.predict.parts import Written

SAY_EVERY_S = 10.0

PartRows = Annotated[int, typer.Option("--part-rows", metavar="ROWS", help="Inputs a part, in a folder.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with a folder of answers that was stopped or killed.")]


def folder_given(out: str | None, resume: bool, format: str | None = None) -> Path | None:
    """The folder that is to be filled; None where `--out` is a file, or nothing.

    Raises:
        WrongUse: flags of a folder without one.
    """
    if out is not None and (out.endswith(("/", os.sep)) or os.path.isdir(out)):
        return Path(out)
    flag = "--resume" if resume else "--format"
    if resume or format is not None:
        what = "the answers are printed" if out is None else f"--out {out} is one file, written whole or not at all"
        raise WrongUse(f"{flag}: {what}; give a folder, such as --out answers/")
    return None


def engine_of(folder: Path | None, engine: str) -> str:
    """The engine to take: for `auto`, the one by which the folder was begun; another's answers differ a little."""
    from plusx.predict.parts import begun_with

    return begun_with(folder).get("engine", engine) if folder is not None and engine == "auto" else engine


@contextmanager
def resumable(folder: Path | str) -> Iterator[None]:
    """Says of what Ctrl-C stops that it can go on.

    Raises:
        PlusxError: Ctrl-C was pressed.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise PlusxError(f"stopped; {folder} keeps its whole parts, the same command with --resume goes on") from None


def saying(folder: Path | str) -> Callable[[int], None]:
    """Tells a person now and then how many inputs are answered."""
    began = said = time.monotonic()

    def say_now(count: int) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said >= SAY_EVERY_S:
            said = now
            say(f"{count:,} answers in {folder}, {now - began:.0f} s")

    return say_now


def say_written(written: Written, folder: Path | str, what: str) -> None:
    """How many of what there are, on stderr."""
    kept = f", {written.kept:,} of them from before" if written.kept else ""
    say(f"{written.count:,} {what} in {folder}{kept}, {written.errors:,} of them errors")


def shown_written(written: Written, folder: Path | str) -> dict[str, Any]:
    """The same for programs."""
    return {
        "out": str(folder),
        "count": written.count,
        "errors": written.errors,
        "kept": written.kept,
        "parts": written.parts,
    }


def check_errors(errors: int, count: int, most: int) -> None:
    """Ends a command whose inputs were too often bad.

    Raises:
        PlusxError: more of them than `most` were.
    """
    if errors > most:
        raise PlusxError(f"{errors:,} of {count:,} inputs could not be read; --max-errors allows more")
