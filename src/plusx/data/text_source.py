"""Texts that lie inside a list, and not in files of their own."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from plusx.data.sources import Indices


class TextSource:
    """The texts of a list's column, each called by its place there. A million take about their own size in memory.

    Args:
        path: the list.
        texts: in UTF-8.
        places: where each is in the list, such as `line 12`.

    >>> source = TextSource(Path("list.csv"), [b"good", b"bad"], ["line 2", "line 3"])
    >>> source.take(np.array([1])).name(0), source.read(0)
    ('list.csv:line 3', b'good')
    """

    verified = False
    remote = False

    def __init__(self, path: Path, texts: Sequence[bytes] | Any, places: Sequence[str] | Any) -> None:
        self._path = path
        self._texts: Any = texts if isinstance(texts, pa.Array) else pa.array(texts, pa.large_binary())
        self._places: Any = places if isinstance(places, pa.Array) else pa.array(places, pa.large_string())

    def __len__(self) -> int:
        return len(self._texts)

    def name(self, index: int) -> str:
        return f"{self._path}:{self._places[int(index)].as_py()}"

    def read(self, index: int) -> bytes:
        return self._texts[int(index)].as_py()

    def fingerprint(self) -> str:
        """Of the texts themselves."""
        digest = hashlib.sha256(b"texts")
        for text in self._texts:
            content = text.as_py()
            # With its length, so that no two lists of texts run together into the same bytes.
            digest.update(f"{len(content)}\0".encode() + content)
        return digest.hexdigest()

    def take(self, indices: Indices) -> TextSource:
        rows = pa.array(np.asarray(indices, np.int64))
        return TextSource(self._path, self._texts.take(rows), self._places.take(rows))
