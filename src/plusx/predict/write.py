"""Answers into a file: CSV, JSON lines or Parquet, whole or not at all."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from plusx.data.files import atomic_write
from plusx.errors import PlusxError, WrongUse, nearest

Rows = Iterable[dict[str, Any]]
ROWS_A_GROUP = 4096


def write_rows(rows: Rows, path: Path) -> None:
    """Writes rows of `predict_stream` as they come, in the format that the ending names: .csv, .jsonl or .parquet.

    In CSV, `top` is one column that holds JSON. Several labels are in `label`, joined by `|`; `labels` lists them in
    JSON lines only.

    Raises:
        WrongUse: another ending.
        PlusxError: the file cannot be written; what was there stays.
    """
    check_ending(path)
    try:
        WRITERS[path.suffix.lower()](rows, path)
    except OSError as error:
        raise PlusxError(f"--out {path}: cannot be written: {error.strerror}") from error


def check_ending(path: Path) -> None:
    """Refuses a file whose ending names no format, before any work is done.

    Raises:
        WrongUse: another ending than .csv, .jsonl or .parquet.
    """
    if path.suffix.lower() not in WRITERS:
        hint = nearest(path.suffix, list(WRITERS))
        raise WrongUse(f"--out {path}: the ending must be one of {', '.join(WRITERS)}{hint}")


def _csv(rows: Rows, path: Path) -> None:
    with atomic_write(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("path", "label", "probability", "top", "error"))
        for row in rows:
            top = None if row["top"] is None else json.dumps(row["top"], ensure_ascii=False)
            writer.writerow((row["path"], row["label"], row["probability"], top, row["error"]))


def _jsonl(rows: Rows, path: Path) -> None:
    with atomic_write(path) as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _parquet(rows: Rows, path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    ranked = pa.list_(pa.struct([("label", pa.string()), ("probability", pa.float64())]))
    schema = pa.schema(
        [
            ("path", pa.string()),
            ("label", pa.string()),
            ("probability", pa.float64()),
            ("top", ranked),
            ("error", pa.string()),
        ]
    )
    with atomic_write(path, "wb") as file, pq.ParquetWriter(file, schema) as writer:
        for group in _groups(rows):
            writer.write_table(pa.Table.from_pylist(group, schema))


def _groups(rows: Rows) -> Iterator[list[dict[str, Any]]]:
    group: list[dict[str, Any]] = []
    for row in rows:
        group.append(row)
        if len(group) == ROWS_A_GROUP:
            yield group
            group = []
    if group:
        yield group


WRITERS: dict[str, Callable[[Rows, Path], None]] = {".csv": _csv, ".jsonl": _jsonl, ".parquet": _parquet}
