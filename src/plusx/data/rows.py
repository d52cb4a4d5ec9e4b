"""CSV, Parquet and JSON-lines files as rows of text, each with its place for an error's line."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from plusx.errors import WrongUse

ENDINGS = (".csv", ".parquet", ".pq", ".jsonl")
MAX_FIELD = 1 << 30
"""Characters of one CSV field; Python's own limit is 131,072."""
BUFFER_BYTES, ROWS_AT_ONCE = 1 << 20, 4096
"""Of a Parquet file in memory. By pyarrow's default a row group, which may be the whole file, is read at once."""


class TextRow(NamedTuple):
    """One row: where it is in its file, and the text in each column; an empty text where there is nothing."""

    place: str
    values: dict[str, str]


class Table(NamedTuple):
    """A file's columns, and its rows as they are read."""

    columns: tuple[str, ...]
    rows: Iterator[TextRow]


def read_table(path: Path, wanted: Callable[[str], bool]) -> Table:
    """The columns of a file (.csv in UTF-8, .parquet, .jsonl), and its rows' values in at least those that are
    `wanted`.

    Raises:
        WrongUse: it is not what its ending says; while rows are read, too.
    """
    ending = path.suffix.lower()
    if ending == ".csv":
        return _csv(path)
    return _jsonl(path) if ending == ".jsonl" else _parquet(path, wanted)


def _csv(path: Path) -> Table:
    lines = csv_lines(path)
    header = tuple(name.strip() for name in next(lines, ("", []))[1])
    return Table(header, _csv_rows(path, lines, header))


def csv_lines(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Each record of a CSV file with the place where it ends.

    Raises:
        WrongUse: while it is read: it is no CSV file in UTF-8.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            while True:
                with _fields_of_any_length():
                    values = next(reader, None)
                if values is None:
                    return
                yield f"line {reader.line_num}", values
    except UnicodeDecodeError as error:
        raise WrongUse(f"{path}: not a CSV file in UTF-8 ({_first_wrong(path)}); save it as UTF-8") from error
    except csv.Error as error:
        raise WrongUse(
            f"{path}: not a CSV file in UTF-8 ({error}); close its quotes, and double those inside a text"
        ) from error


@contextmanager
def _fields_of_any_length() -> Iterator[None]:
    # The module's limit is the whole process's, and other readers may count on theirs.
    before = csv.field_size_limit(MAX_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _first_wrong(path: Path) -> str:
    """Where the first byte is that is not UTF-8: its line, and its place in the file, both counted from 1."""
    start = 0
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                place = start + error.start + 1
                return f"line {number}: byte {place:,} of the file is 0x{line[error.start]:02x}"
            start += len(line)
    return "it changes while it is read"


def _csv_rows(path: Path, lines: Iterator[tuple[str, list[str]]], header: Sequence[str]) -> Iterator[TextRow]:
    for place, values in lines:
        if not values:
            continue
        if len(values) != len(header):
            raise WrongUse(
                f"{path}: {place}: {len(values)} values under {len(header)} columns; quote values with commas"
            )
        yield TextRow(place, dict(zip(header, values, strict=True)))


def _jsonl(path: Path) -> Table:
    lines = _jsonl_rows(path)
    first = next(lines, None)
    if first is None:
        return Table((), iter(()))
    return Table(tuple(first.values), chain([first], lines))


def _jsonl_rows(path: Path) -> Iterator[TextRow]:
    try:
        with open(path, encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield TextRow(f"line {number}", _object(path, number, line))
    except UnicodeDecodeError as error:
        raise WrongUse(f"{path}: not JSON lines in UTF-8 ({_first_wrong(path)}); save it as UTF-8") from error


def _object(path: Path, number: int, line: str) -> dict[str, str]:
    try:
        values = json.loads(line)
    except ValueError as error:
        raise WrongUse(f"{path}: line {number}: not JSON ({error})") from None
    if not isinstance(values, dict):
        raise WrongUse(f'{path}: line {number}: not a JSON object such as {{"path": ..., "label": ...}}')
    return {name: _text(value) for name, value in values.items()}


def _parquet(path: Path, wanted: Callable[[str], bool]) -> Table:
    try:
        with pq.ParquetFile(path) as file:
            names = tuple(file.schema_arrow.names)
    except pa.ArrowInvalid as error:
        raise WrongUse(f"{path}: not a Parquet file ({' '.join(str(error).split())[:120]})") from error
    return Table(names, _parquet_rows(path, [name for name in names if wanted(name)]))


def _parquet_rows(path: Path, columns: Sequence[str]) -> Iterator[TextRow]:
    with pq.ParquetFile(path, pre_buffer=False, buffer_size=BUFFER_BYTES) as file:
        batches: Iterable[pa.RecordBatch] = file.iter_batches(ROWS_AT_ONCE, columns=list(columns))
        row = 0
        for batch in batches:
            for values in batch.to_pylist():
                row += 1
                yield TextRow(f"row {row}", {name: _text(values[name]) for name in columns})


def _text(value: object) -> str:
    return "" if value is None else str(value)
