"""Vectors into a file as they come: NumPy's `.npy` or Parquet, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from plusx.data.files import atomic_write
from plusx.errors import PlusxError, WrongUse, nearest
from plusx.predict.embed import Embedded
from plusx.predict.write import row_groups

Groups = Iterable[Sequence[Embedded]]


@dataclass
class Seen:
    """Passes vectors on, and counts what went by."""

    count: int = 0
    errors: int = 0
    width: int | None = None
    """Numbers a vector; None until there is one."""
    first_error: str | None = None

    def __call__(self, rows: Iterable[Embedded]) -> Iterator[Embedded]:
        """The same rows."""
        for row in rows:
            self.count += 1
            if row.embedding is None:
                self.errors += 1
                self.first_error = self.first_error or row.error
            else:
                self.width = len(row.embedding)
            yield row


def check_vectors_ending(path: Path) -> None:
    """Refuses a file whose ending names no format, before any work is done.

    Raises:
        WrongUse: another ending than .npy or .parquet.
    """
    if path.suffix.lower() not in WRITERS:
        hint = nearest(path.suffix, list(WRITERS))
        folder = ", or it must end with / for a folder of parts" if not path.suffix else ""
        raise WrongUse(f"--out {path}: the ending must be one of {', '.join(WRITERS)}{folder}{hint}")


def write_vectors(rows: Iterable[Embedded], path: Path) -> Seen:
    """Writes vectors, whole or not at all, and gives what there was. Few of them are in memory at a time.

    `.npy` is float32 `(count, width)`, a row of NaN for an input without a vector; `.parquet` has the columns `path`,
    `embedding` and `error`.

    Raises:
        WrongUse: another ending.
        PlusxError: the file cannot be written, or not one input has a vector.
    """
    check_vectors_ending(path)
    seen = Seen()
    try:
        with atomic_write(path, "wb") as file:
            WRITERS[path.suffix.lower()](row_groups(seen(rows)), file)
            if seen.width is None:
                why = f"not one input could be read; the first: {seen.first_error or 'none'}"
                raise PlusxError(f"--out {path}: {why}")
    except OSError as error:
        raise PlusxError(f"--out {path}: cannot be written: {error.strerror}") from error
    return seen


def write_vector_part(rows: Iterable[Embedded], path: Path) -> None:
    """A part of many, in Parquet; it may be of bad inputs alone.

    Raises:
        PlusxError: the file cannot be written.
    """
    try:
        with atomic_write(path, "wb") as file:
            _parquet(row_groups(rows), file)
    except OSError as error:
        raise PlusxError(f"--out {path}: cannot be written: {error.strerror}") from error


def _npy(groups: Groups, file: IO[bytes]) -> None:
    count, width = 0, None
    for group in groups:
        if width is None:
            width = next((len(row.embedding) for row in group if row.embedding is not None), None)
            if width is not None:
                _header(file, count, width)
                for _ in range(count):
                    file.write(_or_nan(None, width).tobytes())
        if width is not None:
            file.write(np.stack([_or_nan(row.embedding, width) for row in group]).tobytes())
        count += len(group)
    if width is not None:
        # NumPy leaves room in a header for a first dimension that grows.
        file.seek(0)
        _header(file, count, width)


def _header(file: IO[bytes], count: int, width: int) -> None:
    about = {"descr": "<f4", "fortran_order": False, "shape": (count, width)}
    np.lib.format.write_array_header_1_0(file, about)


def _or_nan(vector: np.ndarray | None, width: int) -> np.ndarray:
    return np.full(width, np.nan, "<f4") if vector is None else np.asarray(vector, "<f4")


def _parquet(groups: Groups, file: IO[bytes]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = [("path", pa.string()), ("embedding", pa.list_(pa.float32())), ("error", pa.string())]
    with pq.ParquetWriter(file, pa.schema(types)) as writer:
        for group in groups:
            columns = {name: [getattr(row, name) for row in group] for name, _ in types}
            writer.write_table(pa.table(columns, pa.schema(types)))


WRITERS: dict[str, Callable[[Groups, IO[bytes]], None]] = {".npy": _npy, ".parquet": _parquet}
