"""Several tables of examples as one."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from plusx.data.sources import Indices, Samples, Source


def join_samples(parts: Sequence[Samples]) -> Samples:
    """The examples of all parts, one part after the other; their classes must be the same.

    >>> from plusx.data.sources import ArraySource
    >>> part = Samples(ArraySource(np.zeros((2, 1, 1), np.uint8), "made"), np.array([0, 1]), ("a", "b"))
    >>> join_samples([part, part.take(np.array([1]))]).targets.tolist()
    [0, 1, 1]
    """
    if len(parts) == 1:
        return parts[0]
    source = JoinedSource([part.source for part in parts])
    return replace(parts[0], source=source, targets=np.concatenate([part.targets for part in parts]))


class JoinedSource:
    """The examples of several sources, one source after the other.

    `places` says of each example its source and its place in that, (count, 2); by default they are all of all sources.
    """

    def __init__(self, sources: Sequence[Source], places: np.ndarray | None = None) -> None:
        self.verified = all(source.verified for source in sources)
        self.remote = any(source.remote for source in sources)
        self._sources = tuple(sources)
        if places is None:
            counts = [len(source) for source in sources]
            which = np.repeat(np.arange(len(sources)), counts)
            places = np.column_stack([which, np.concatenate([np.arange(count) for count in counts])])
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    def name(self, index: int) -> str:
        which, place = self._places[index]
        return self._sources[which].name(int(place))

    def read(self, index: int) -> bytes | np.ndarray:
        which, place = self._places[index]
        return self._sources[which].read(int(place))

    def fingerprint(self) -> str:
        """Of the examples that are in it, source by source, and of their order."""
        digest = hashlib.sha256(b"joined" + self._places.astype(np.int64).tobytes())
        for which, source in enumerate(self._sources):
            used = np.unique(self._places[self._places[:, 0] == which, 1])
            digest.update(source.take(used).fingerprint().encode())
        return digest.hexdigest()

    def take(self, indices: Indices) -> "JoinedSource":
        return JoinedSource(self._sources, self._places[indices])
