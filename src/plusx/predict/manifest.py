"""A Parquet list of inputs, read piece by piece: its paths are never all in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Int64

from plusx.data.places import filesystem_at, is_address, place_at
from plusx.data.sources import natural
from plusx.errors import PlusxError, WrongUse, nearest

COLUMN = "path"
READERS = 16
PIECE_ROWS = 16_384


@dataclass(frozen=True)
class Manifest:
    """What is known of a list without its paths: a few bytes for each of its row groups.

    Args:
        files: its Parquet files, absolute, in order.
        file_of: each row group's file.
        group_of: each row group's number inside its file.
        ends: how many rows there are up to the end of each row group.
        base: what relative paths are relative to.
    """

    files: tuple[str, ...]
    file_of: Int64[np.ndarray, " groups"]
    group_of: Int64[np.ndarray, " groups"]
    ends: Int64[np.ndarray, " groups"]
    base: str

    @property
    def rows(self) -> int:
        """How many inputs it lists."""
        return int(self.ends[-1]) if len(self.ends) else 0

    def located(self, path: str) -> str:
        """Where an input is: an address or absolute path as it stands, any other from the manifest's folder."""
        if is_address(path) or os.path.isabs(path):
            return path
        return f"{self.base}/{path}" if is_address(self.base) else os.path.join(self.base, path)

    def parts(self, first: int, end: int, part_rows: int) -> Iterator[tuple[int, pa.ChunkedArray]]:
        """Each part from number `first` to before `end`, and its paths. Part k is the rows from k * `part_rows` on.

        Raises:
            PlusxError: a file cannot be read, or has changed.
        """
        number, held, missing = first, [], part_rows
        for piece in self._pieces(first * part_rows, min(end * part_rows, self.rows)):
            while len(piece):
                held.append(piece.slice(0, missing))
                missing -= len(held[-1])
                piece = piece.slice(len(held[-1]))
                if missing == 0:
                    yield number, pa.chunked_array(held)
                    number, held, missing = number + 1, [], part_rows
        if held:
            yield number, pa.chunked_array(held)

    def _pieces(self, start: int, stop: int) -> Iterator[pa.Array]:
        """The paths of rows `start` to before `stop`."""
        group = int(np.searchsorted(self.ends, start, side="right"))
        at = int(self.ends[group - 1]) if group else 0
        while at < stop:
            with _opened(self.files[self.file_of[group]]) as file:
                for batch in file.iter_batches(PIECE_ROWS, [int(self.group_of[group])], [COLUMN], use_threads=False):
                    paths = batch.column(0).cast(pa.large_string())
                    yield paths.slice(max(start - at, 0), max(min(stop, at + len(paths)) - max(start, at), 0))
                    at += len(paths)
            if at != self.ends[group]:
                raise PlusxError(f"{self.files[self.file_of[group]]}: the list has changed since the run began")
            group += 1


def open_manifest(address: str) -> Manifest:
    """The list at a path or address: a Parquet file, or a folder of them in natural order, with a column `path`.

    Raises:
        WrongUse: it is no Parquet list, has no column `path`, or its address cannot be read here.
        PlusxError: it is missing or cannot be read.
    """
    address = address if is_address(address) else os.path.abspath(address)
    single = address.lower().endswith(".parquet") and not os.path.isdir(address)
    files = (address,) if single else _files_in(address)
    with ThreadPoolExecutor(READERS) as readers:
        counted = list(readers.map(_group_rows, files))
    counts = np.array([len(rows) for rows in counted], np.int64)
    groups = [np.arange(count, dtype=np.int64) for count in counts]
    rows = np.concatenate([np.asarray(rows, np.int64) for rows in counted])
    base = address.rstrip("/") if not single else address.rsplit("/", 1)[0]
    return Manifest(files, np.repeat(np.arange(len(files)), counts), np.concatenate(groups), np.cumsum(rows), base)


def _files_in(folder: str) -> tuple[str, ...]:
    names = sorted((name for name in place_at(folder).names() if name.lower().endswith(".parquet")), key=natural)
    if not names:
        raise WrongUse(f"{folder}: no list of inputs; give a .parquet file with a column {COLUMN}, or a folder of them")
    return tuple(f"{folder.rstrip('/')}/{name}" for name in names)


def _group_rows(path: str) -> list[int]:
    with _opened(path) as file:
        names = file.schema_arrow.names
        if COLUMN not in names:
            raise WrongUse(f"{path}: no column {COLUMN}{nearest(COLUMN, names)}; it has {', '.join(names) or 'none'}")
        kind = file.schema_arrow.field(COLUMN).type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            raise WrongUse(f"{path}: its column {COLUMN} is {kind}, not text")
        return [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]


@contextmanager
def _opened(path: str) -> Iterator[pq.ParquetFile]:
    filesystem, inside = filesystem_at(path)
    try:
        with filesystem.open(inside, "rb") as raw, pq.ParquetFile(raw) as file:
            yield file
    except PlusxError:
        raise
    except FileNotFoundError:
        raise PlusxError(f"{path}: there is no such file; check the path") from None
    except pa.ArrowInvalid as error:
        raise WrongUse(f"{path}: no Parquet file that can be read ({' '.join(str(error).split())[:120]})") from error
    except Exception as error:  # every service's client has errors of its own
        words = " ".join(str(error).split()) or type(error).__name__
        raise PlusxError(f"{path}: cannot be read ({words[:120]})") from error
