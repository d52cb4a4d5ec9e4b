"""Rows of one size kept on disk while an audit lasts: a million small pictures take no memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import numpy as np
from jaxtyping import Int64, UInt8


class Scratch:
    """A file that rows are appended to and read from; `scratch` makes one.

    >>> with scratch(2) as rows:
    ...     rows.append(np.array([[1, 2], [3, 4], [5, 6]], np.uint8))
    ...     rows.read(np.array([2, 0])).tolist(), len(rows)
    ([[5, 6], [1, 2]], 3)
    """

    def __init__(self, width: int, file: IO[bytes]) -> None:
        self.width = width
        self._count = 0
        self._file = file

    def __len__(self) -> int:
        return self._count

    def append(self, rows: UInt8[np.ndarray, "count width"]) -> None:
        """Puts rows after those there are."""
        self._file.seek(0, 2)
        self._file.write(np.ascontiguousarray(rows).data)
        self._count += len(rows)

    def block(self, start: int, end: int) -> UInt8[np.ndarray, "count width"]:
        """The rows from `start` to before `end`."""
        self._file.seek(start * self.width)
        count = min(end, self._count) - start
        return np.frombuffer(self._file.read(count * self.width), np.uint8).reshape(count, self.width)

    def read(self, indices: Int64[np.ndarray, " some"]) -> UInt8[np.ndarray, "some width"]:
        """The rows at these places, in this order."""
        wanted, back = np.unique(indices, return_inverse=True)
        rows = np.empty((len(wanted), self.width), np.uint8)
        for row, place in zip(rows, wanted.tolist(), strict=True):
            self._file.seek(place * self.width)
            row[:] = np.frombuffer(self._file.read(self.width), np.uint8)
        return rows[back]


@contextmanager
def scratch(width: int) -> Iterator[Scratch]:
    """An empty file without a name for rows of `width` bytes, which is gone when the block ends."""
    # Unbuffered: memory is the system's page cache, which it drops when others need it.
    with tempfile.TemporaryFile(buffering=0) as file:
        yield Scratch(width, file)
