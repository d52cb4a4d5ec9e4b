"""A Parquet list of inputs, read piece by piece: its paths are never all in memory."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Int64

from plusx.data.places import filesystem_at, is_address, place_at
from plusx.data.sources import natural
from plusx.errors import PlusxError, WrongUse, nearest

COLUMN = "path"
LISTS = (".parquet", ".pq")
READERS = 16
PIECE_ROWS = 16_384
BUFFER_BYTES = 1 << 20
"""In memory. By pyarrow's default a row group, which may be the whole list, is read at once."""


@dataclass(frozen=True)
class Manifest:
    """What is known of a list without its paths: a few bytes for each of its row groups.

    Args:
        files: its Parquet files, absolute, in order.
        file_of: each row group's file.
        group_of: each row group's number inside its file.
        ends: how many rows there are up to the end of each row group.
        base: the folder that relative paths are of, as the list was named.
        root: the same, absolute.
        footers: SHA-256 in hex of what the files say of their rows.
    """

    files: tuple[str, ...]
    file_of: Int64[np.ndarray, " groups"]
    group_of: Int64[np.ndarray, " groups"]
    ends: Int64[np.ndarray, " groups"]
    base: str
    root: str
    footers: str

    @property
    def rows(self) -> int:
        """How many inputs it lists."""
        return int(self.ends[-1]) if len(self.ends) else 0

    @property
    def largest_group(self) -> int:
        """Rows of the largest row group."""
        return int(np.diff(self.ends, prepend=0).max(initial=0))

    def shown(self, path: str) -> str:
        """What an input is called in answers: its path from where the list was named."""
        return _joined(self.base, path)

    def located(self, path: str) -> str:
        """Where an input is, from anywhere on the machine."""
        return _joined(self.root, path)

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
    named, address = address, address if is_address(address) else os.path.abspath(address)
    single = address.lower().endswith(LISTS) and not os.path.isdir(address)
    files = (address,) if single else _files_in(address)
    with ThreadPoolExecutor(READERS) as readers:
        footers = list(readers.map(_footer, files))
    counts = [len(footer.rows) for footer in footers]
    return Manifest(
        files,
        np.repeat(np.arange(len(files)), counts),
        np.concatenate([np.arange(count, dtype=np.int64) for count in counts]),
        np.cumsum(np.concatenate([footer.rows for footer in footers])),
        os.path.dirname(named) if single else named.rstrip("/"),
        os.path.dirname(address) if single else address.rstrip("/"),
        hashlib.sha256("".join(footer.digest for footer in footers).encode()).hexdigest(),
    )


def _files_in(folder: str) -> tuple[str, ...]:
    names = sorted((name for name in place_at(folder).names() if name.lower().endswith(".parquet")), key=natural)
    if not names:
        raise WrongUse(f"{folder}: no list of inputs; give a .parquet file with a column {COLUMN}, or a folder of them")
    return tuple(f"{folder.rstrip('/')}/{name}" for name in names)


class _Footer(NamedTuple):
    rows: Int64[np.ndarray, " groups"]
    digest: str


def _footer(path: str) -> _Footer:
    with _opened(path) as file:
        names = file.schema_arrow.names
        if COLUMN not in names:
            raise WrongUse(f"{path}: no column {COLUMN}{nearest(COLUMN, names)}; it has {', '.join(names) or 'none'}")
        kind = file.schema_arrow.field(COLUMN).type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            raise WrongUse(f"{path}: its column {COLUMN} is {kind}, not text")
        groups = [file.metadata.row_group(group) for group in range(file.metadata.num_row_groups)]
        place = file.metadata.schema.names.index(COLUMN)
        digest = hashlib.sha256(os.path.basename(path).encode())
        for group in groups:
            digest.update(json.dumps(group.column(place).to_dict(), sort_keys=True, default=str).encode())
        return _Footer(np.array([group.num_rows for group in groups], np.int64), digest.hexdigest())


@contextmanager
def _opened(path: str) -> Iterator[pq.ParquetFile]:
    filesystem, inside = filesystem_at(path)
    try:
        with (
            filesystem.open(inside, "rb") as raw,
            pq.ParquetFile(raw, pre_buffer=False, buffer_size=BUFFER_BYTES) as file,
        ):
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


def _joined(folder: str, path: str) -> str:
    # An empty one stays empty, and its answer an error: joined, it would be the folder.
    if not path or is_address(path) or os.path.isabs(path):
        return path
    return f"{folder}/{path}" if is_address(folder) else os.path.join(folder, path)
