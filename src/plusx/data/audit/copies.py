"""Examples that are the same: which of them to tell of, and what is wrong with them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64, UInt64

from plusx.data.sources import Targets

Rows = Int64[np.ndarray, " some"]


class Pair(NamedTuple):
    """An example and one that it is a copy of, by their places in the set, and what is wrong with that."""

    kind: str
    row: int
    other: int


def label_numbers(targets: Targets, task: str) -> Int64[np.ndarray, " count"]:
    """A number for each example's label that is the same where the label is; of masks, which lie in files, all 0.

    >>> label_numbers(np.array([3, 1]), "classify").tolist()
    [3, 1]
    """
    if task == "segment":
        return np.zeros(len(targets), np.int64)
    if targets.ndim == 1 and targets.dtype.kind in "iu":
        return targets.astype(np.int64)
    digests = (hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in targets)
    return np.array([int.from_bytes(one, "little", signed=True) for one in digests], np.int64)


class Whereabouts(NamedTuple):
    """What makes copies harmful.

    Args:
        split: each example's, as a number: 0 for train.
        label: each example's, as a number that is the same for the same labels.
        name: an example's name.
    """

    split: Int64[np.ndarray, " count"]
    label: Int64[np.ndarray, " count"]
    name: Callable[[int], str]

    def order(self, row: int) -> tuple[int, str, int]:
        """By split, then by name: whatever order the set has, the same example of a group is kept."""
        return int(self.split[row]), self.name(row), int(self.label[row])


def groups(digests: UInt64[np.ndarray, " count"], among: Bool[np.ndarray, " count"]) -> Iterator[Rows]:
    """The places of examples that have one digest, a group each of two or more, of those `among` which to look.

    >>> [rows.tolist() for rows in groups(np.array([7, 5, 7, 5, 5], np.uint64), np.array([1, 1, 1, 1, 0], bool))]
    [[1, 3], [0, 2]]
    """
    rows = np.flatnonzero(among)
    rows = rows[np.argsort(digests[rows], kind="stable")]
    values = digests[rows]
    edges = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1], [True]]))
    for start in np.flatnonzero(np.diff(edges) > 1).tolist():
        yield rows[edges[start] : edges[start + 1]]


def copies(
    digests: UInt64[np.ndarray, " count"], among: Bool[np.ndarray, " count"], where: Whereabouts
) -> Iterator[Pair]:
    """What is wrong with each group: each example but the group's first is told with an earlier one.

    An example with a copy in an earlier split is a leak; one under another label than the group's first is a
    contradiction, and may be both; any other is a copy.
    """
    for rows in groups(digests, among):
        first, *rest = sorted(rows.tolist(), key=where.order)
        for row in rest:
            yield from wrong_with("copy", row, first, where)


def wrong_with(kind: str, row: int, other: int, where: Whereabouts) -> Iterator[Pair]:
    """The findings of two examples that are (near) copies; the later one is told with the earlier.

    >>> where = Whereabouts(np.array([0, 2]), np.array([1, 1]), str)
    >>> list(wrong_with("copy", 0, 1, where))
    [Pair(kind='copy_in_two_splits', row=1, other=0)]
    """
    other, row = sorted((row, other), key=where.order)
    leak, conflict = where.split[row] != where.split[other], where.label[row] != where.label[other]
    if leak:
        yield Pair(f"{kind}_in_two_splits", row, other)
    if conflict:
        yield Pair(f"{kind}_under_two_labels", row, other)
    if not (leak or conflict):
        yield Pair(kind, row, other)
