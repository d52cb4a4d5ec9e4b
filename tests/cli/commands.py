"""Commands as `plusx` runs them, in this process: a new one would spend most of its time on importing torch."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

from plusx.cli.main import main


class Done(NamedTuple):
    """What a command left: its exit code, and all that it printed."""

    returncode: int
    stdout: str
    stderr: str


def plusx(*arguments: str | Path, stdin: str = "", cwd: Path | None = None) -> Done:
    """Runs a command where nobody watches: none of its streams is a terminal."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), _reading(stdin), _within(cwd):
        code = _code(list(map(str, arguments)))
    return Done(code, out.getvalue(), err.getvalue())


def _code(arguments: list[str]) -> int:
    try:
        main(arguments)
    except SystemExit as leaving:
        return int(leaving.code or 0)
    except Exception:
        # As the interpreter does.
        traceback.print_exc()
        return 1
    return 0


@contextmanager
def _reading(text: str) -> Iterator[None]:
    before, sys.stdin = sys.stdin, io.StringIO(text)
    try:
        yield
    finally:
        sys.stdin = before


@contextmanager
def _within(folder: Path | None) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder or before)
    try:
        yield
    finally:
        os.chdir(before)
