"""A folder of answers, part by part: what a killed run has written stays, and the next one answers what is left."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, Generic, TypeVar

from plusx.data.files import PARTIAL, atomic_write, only_owner
from plusx.data.rows import read_table
from plusx.errors import PlusxError, WrongUse
from plusx.predict.ahead import BATCH_SIZE, Input, shown

ABOUT = "_about.json"
"""Programs that read a folder of Parquet files as one table pass over names that begin so."""
PART_ROWS = 4096
COMPARED = {
    "sha256": "the model",
    "task": "the task or its --threshold",
    "options": "an option",
    "format": "--format",
    "part_rows": "--part-rows",
}
"""What must be the same for a run to go on, and how a person calls it."""

Row = TypeVar("Row")


@dataclass(frozen=True)
class Written:
    """What lies in a folder of answers."""

    count: int
    """Inputs that are answered, bad ones included."""
    errors: int
    """Bad ones among them."""
    kept: int
    """How many of them an earlier run had answered."""
    parts: int


@dataclass(frozen=True)
class Answering(Generic[Row]):
    """How a part's inputs become a file.

    Args:
        rows: gives a row an input, in order.
        error: why an input of a row is a bad one; None where it is not.
        write: writes rows into a file, whole or not at all.
    """

    rows: Callable[[Iterable[Input]], Iterator[Row]]
    error: Callable[[Row], str | None]
    write: Callable[[Iterable[Row], Path], None]


def answer_into(
    folder: Path,
    about: dict[str, Any],
    inputs: Iterable[Input],
    answering: Answering[Row],
    *,
    resume: bool,
    on_part: Callable[[int], None] = lambda count: None,
) -> Written:
    """Answers inputs into parts of `about["part_rows"]` rows each, `part-00000000` and so on, each whole or not there.

    With `resume`, parts that are there stay, and their paths are held against the inputs as these come by: each input
    is answered exactly once, however often runs were killed.

    Args:
        about: what the answers are of: `COMPARED`, and what people should know.
        on_part: gets how many inputs are answered as each part is done.

    Raises:
        WrongUse: the folder holds something already, or, with `resume`, the answers of something else.
        PlusxError: it cannot be written, or another run writes into it.
    """
    with _ours(folder, about, resume) as before:
        inputs = iter(inputs)
        kept, errors, parts = _skip_answered(folder, before, inputs)
        count = kept
        rows = answering.rows(inputs)
        while (first := next(rows, None)) is not None:
            counted = _Counted(chain([first], islice(rows, about["part_rows"] - 1)), answering.error)
            answering.write(counted, folder / part_name(parts, about["format"]))
            count, errors, parts = count + counted.rows, errors + counted.errors, parts + 1
            on_part(count)
        _write_about(folder, {**before, "count": count})
    return Written(count, errors, kept, parts)


def begun_with(folder: Path) -> dict[str, Any]:
    """The options by which the answers in a folder were begun; none where there are no answers."""
    with suppress(OSError, WrongUse):
        return dict(_read_about(folder)["options"])
    return {}


def part_name(number: int, format: str) -> str:
    """A part's file.

    >>> part_name(7, "parquet")
    'part-00000007.parquet'
    """
    return f"part-{number:08d}.{format}"


def check_part_rows(rows: int) -> None:
    """Refuses parts that do not end where a batch does: a resumed run would make other batches, whose answers differ in
    their last digits.

    Raises:
        WrongUse: such a number.
    """
    if rows < 1 or rows % BATCH_SIZE:
        raise WrongUse(f"--part-rows {rows}: it must be a multiple of {BATCH_SIZE}, so that parts end where batches do")


class _Counted(Generic[Row]):
    """Passes rows on and counts them."""

    def __init__(self, source: Iterable[Row], error: Callable[[Row], str | None]):
        self._source, self._error = source, error
        self.rows = self.errors = 0

    def __iter__(self) -> Iterator[Row]:
        for row in self._source:
            self.rows += 1
            self.errors += self._error(row) is not None
            yield row


@contextmanager
def _ours(folder: Path, about: dict[str, Any], resume: bool) -> Iterator[dict[str, Any]]:
    """The folder for this process alone, with what `_about.json` says."""
    with held(folder):
        try:
            check_ours(folder, os.listdir(folder), resume)
            begun = (folder / ABOUT).exists()
            before = _read_about(folder) if begun else about
            check_same(folder, before, about)
            if not begun:
                _write_about(folder, about)
        except OSError as error:
            raise PlusxError(f"--out {folder}: cannot be written: {error.strerror}") from error
        yield before


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """A folder, made where it is missing, for this process alone.

    Raises:
        PlusxError: another run has it, or it cannot be written.
    """
    with ExitStack() as own:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            own.enter_context(only_owner(folder))
        except BlockingIOError:
            mend = "wait for it, or give another folder"
            raise PlusxError(f"--out {folder}: another run writes into it; {mend}") from None
        except OSError as error:
            raise PlusxError(f"--out {folder}: cannot be written: {error.strerror}") from error
        yield


def check_ours(folder: object, names: Iterable[str], resume: bool) -> None:
    """Refuses a folder, or an address, that holds these files.

    Raises:
        WrongUse: they are no answers or, without `resume`, answers.
    """
    there = sorted(name for name in names if not name.endswith(PARTIAL))
    if there and ABOUT not in there:
        raise WrongUse(f"--out {folder}: it holds other files, such as {there[0]}; give a new or an empty folder")
    if there and not resume:
        raise WrongUse(f"--out {folder}: it holds answers already; add --resume to go on, or give a new folder")


def _read_about(folder: Path) -> dict[str, Any]:
    return parse_about(folder, (folder / ABOUT).read_bytes())


def parse_about(folder: object, content: bytes) -> dict[str, Any]:
    """What a folder's `_about.json` says.

    Raises:
        WrongUse: it is another program's.
    """
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not {*COMPARED, "count"} <= set(found):
        raise WrongUse(f"--out {folder}: its {ABOUT} is not plusx's; give a new or an empty folder")
    return found


def about_bytes(about: dict[str, Any]) -> bytes:
    """The content of `_about.json`."""
    return (json.dumps(about, ensure_ascii=True, indent=1) + "\n").encode()


def _write_about(folder: Path, about: dict[str, Any]) -> None:
    with atomic_write(folder / ABOUT, "wb") as file:
        file.write(about_bytes(about))


def check_same(folder: object, before: dict[str, Any], about: dict[str, Any]) -> None:
    """Holds what answers were begun with against what they are to go on with.

    Raises:
        WrongUse: something of `COMPARED` is another.
    """
    # As JSON would have it: a tuple is a list there.
    now = json.loads(json.dumps(about))
    for key, called in COMPARED.items():
        if before.get(key) != now[key]:
            raise WrongUse(f"--out {folder}: {called} is not what these answers were begun with; give a new folder")


def _skip_answered(folder: Path, about: dict[str, Any], inputs: Iterator[Input]) -> tuple[int, int, int]:
    """(inputs that are answered, bad ones among them, parts); `inputs` then stands behind them."""
    parts = sorted(folder.glob(f"part-*.{about['format']}"))
    count = errors = 0
    for number, part in enumerate(parts):
        if part.name != part_name(number, about["format"]):
            raise WrongUse(f"--out {folder}: part {number} is missing before {part.name}; give a new folder")
        rows = 0
        for row in read_table(part, {"path", "error"}.__contains__).rows:
            source = next(inputs, None)
            if source is None or (shown(source) or "") != row.values["path"]:
                now = "there is no further input" if source is None else f"the input is now {shown(source)}"
                raise _changed(folder, f"{part.name}, {row.place} is of {row.values['path']}, {now}")
            rows += 1
            errors += bool(row.values["error"])
        count += rows
        whole = rows == about["part_rows"] and count != about.get("count")
        if not whole and number + 1 < len(parts):
            raise WrongUse(f"{part}: it has {rows:,} of {about['part_rows']:,} rows; give a new folder")
        if not whole and (further := next(inputs, None)) is not None:
            raise _changed(folder, f"{shown(further)} comes after the {count:,} that there were")
    return count, errors, len(parts)


def _changed(folder: Path, how: str) -> WrongUse:
    return WrongUse(f"--out {folder}: the inputs have changed: {how}; give a new folder")
