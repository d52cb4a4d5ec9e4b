"""Answers into a file: CSV, JSON lines or Parquet, whole or not at all."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from plusx.data.files import atomic_write
from plusx.errors import PlusxError, WrongUse, nearest
from plusx.tasks.base import AnswerType

Rows = Iterable[dict[str, Any]]
Answer = Mapping[str, AnswerType]
ROWS_A_GROUP = 4096

Row = TypeVar("Row")


def write_rows(rows: Rows, path: Path, answer: Answer) -> None:
    """Writes rows of `predict_stream` as they come, in the format that the ending names: .csv, .jsonl or .parquet.

    `answer` is the task's `ANSWER`, whose parts are the columns between `path` and `error`. In CSV, lists are columns
    that hold JSON. Several labels are in `label`, joined by `|`; `labels` lists them in JSON lines only.

    Raises:
        WrongUse: another ending.
        PlusxError: the file cannot be written; what was there stays.
    """
    check_ending(path)
    try:
        WRITERS[path.suffix.lower()](rows, path, answer)
    except OSError as error:
        raise PlusxError(f"--out {path}: cannot be written: {error.strerror}") from error


def check_ending(path: Path) -> None:
    """Refuses a file whose ending names no format, before any work is done.

    Raises:
        WrongUse: another ending than .csv, .jsonl or .parquet.
    """
    if path.suffix.lower() not in WRITERS:
        hint = nearest(path.suffix, list(WRITERS))
        folder = ", or it must end with / for a folder of parts" if not path.suffix else ""
        raise WrongUse(f"--out {path}: the ending must be one of {', '.join(WRITERS)}{folder}{hint}")


def _columns(answer: Answer) -> list[str]:
    return ["path", *(name for name, kind in answer.items() if kind != "texts"), "error"]


def _csv(rows: Rows, path: Path, answer: Answer) -> None:
    columns = _columns(answer)
    with atomic_write(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow(_cell(row[name]) for name in columns)


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


def _jsonl(rows: Rows, path: Path, answer: Answer) -> None:
    with atomic_write(path) as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _parquet(rows: Rows, path: Path, answer: Answer) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {
        "text": pa.string(),
        "number": pa.float64(),
        "numbers": pa.list_(pa.float64()),
        "ranked": pa.list_(pa.struct([("label", pa.string()), ("probability", pa.float64())])),
        "boxes": pa.list_(
            pa.struct([("label", pa.string()), ("probability", pa.float64()), ("box", pa.list_(pa.float64()))])
        ),
        "shares": pa.list_(pa.struct([("label", pa.string()), ("share", pa.float64())])),
    }
    schema = pa.schema([(name, types[answer.get(name, "text")]) for name in _columns(answer)])
    with atomic_write(path, "wb") as file, pq.ParquetWriter(file, schema) as writer:
        for group in row_groups(rows):
            writer.write_table(pa.Table.from_pylist(group, schema))


def row_groups(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Lists of a few thousand rows, which are all that need be in memory."""
    rows = iter(rows)
    while group := list(islice(rows, ROWS_A_GROUP)):
        yield group


WRITERS: dict[str, Callable[[Rows, Path, Answer], None]] = {".csv": _csv, ".jsonl": _jsonl, ".parquet": _parquet}
