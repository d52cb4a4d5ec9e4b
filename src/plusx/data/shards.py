"""Examples in tar shards, read by number: what `plusx pack` wrote, in a local folder or at an address.

A shard is a plain tar as WebDataset has it (https://github.com/webdataset/webdataset): `000000042.jpg` with the
picture's own bytes, and `000000042.cls` with its class's number, or `000000042.json` with several.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from jaxtyping import Int32

from plusx.data.places import Place, place_at
from plusx.data.shard_index import Index, read_about
from plusx.data.sources import SPLITS, DataSet, Indices, Samples
from plusx.errors import PlusxError


class ShardSource:
    """Some rows of packed shards, in one order. Safe in threads and after a fork; `take` shares the index.

    Args:
        place: where the shards are.
        index: their index, opened.
        digest: SHA-256 in hex of `index.json`, which vouches for the index and so for every example's bytes.
        rows: which of the index's rows, in which order.
    """

    verified = True

    def __init__(self, place: Place, index: Index, digest: str, rows: range | Int32[np.ndarray, " count"]) -> None:
        self._place = place
        self._index = index
        self._digest = digest
        self._rows = rows
        self.remote = place.remote

    def __len__(self) -> int:
        return len(self._rows)

    def name(self, index: int) -> str:
        """The example's path inside the folder that was packed, or what else it was called."""
        return self._index.name(int(self._rows[index]))

    def read(self, index: int) -> bytes:
        """The picture's file as it was packed.

        Raises:
            PlusxError: the shard is missing, or these are not the bytes that were packed. It is no BadSample: an
                example that is skipped here and not there would make another run of the same set.
        """
        row = int(self._rows[index])
        shard, offset, length, digest = self._index.where(row)
        content = self._place.read(shard.name, offset, length)
        if len(content) != length or hashlib.sha256(content).digest() != digest:
            raise PlusxError(
                f"{self._place}/{shard.name}: the shard is damaged at {key(row)} ({self._index.name(row)}); "
                "copy it again, or pack the set again"
            )
        return content

    def fingerprint(self) -> str:
        """Of `index.json` and of which rows these are; no shard is read."""
        digest = hashlib.sha256(f"shards {self._digest} ".encode())
        if isinstance(self._rows, range):
            digest.update(repr(self._rows).encode())
        else:
            digest.update(self._rows.data)
        return digest.hexdigest()

    def take(self, indices: Indices) -> ShardSource:
        """The examples at these places, in this order."""
        indices = np.asarray(indices)
        rows = self._rows.start + indices if isinstance(self._rows, range) else self._rows[indices]
        return ShardSource(self._place, self._index, self._digest, np.ascontiguousarray(rows, np.int32))


def read_shards(data: str | Path) -> DataSet:
    """The examples of packed shards, in the order in which they were packed: that of the set they came from.

    Raises:
        WrongUse: an address that cannot be read here.
        PlusxError: the index is missing or damaged.
    """
    place = place_at(data)
    about, digest = read_about(place)
    index = Index(place, about)
    targets = index.targets()

    def samples(split: str) -> Samples | None:
        if split not in about.splits:
            return None
        first, end = about.splits[split]
        return Samples(ShardSource(place, index, digest, range(first, end)), targets[first:end], about.classes)

    train, val, test = (samples(split) for split in SPLITS)
    left_out = f"{place}: {about.skipped:,} unreadable pictures were left out when it was packed; see its skipped.csv"
    return DataSet(train, val, test, about.classes, str(data), (left_out,) if about.skipped else ())


def key(row: int) -> str:
    """What a row's members in the tar are called, before their endings.

    >>> key(42)
    '000000042'
    """
    return f"{row:09d}"
