"""The short form, before every training: copies in two splits or under two labels, from what is decoded already.

Each example's middle bytes become a number; those whose numbers agree are compared whole. That takes a hundredth of a
second for ten thousand small pictures, and no longer for large ones.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, UInt8, UInt64

from plusx.data.audit.balance import unbalanced
from plusx.data.audit.copies import groups, label_numbers
from plusx.data.cache import Prepared
from plusx.data.modalities import MODALITIES

LOOKED_AT_BYTES = 4096
AT_ONCE = 1024
MOST_COMPARED = 4096
"""Examples: a set with more copies than that needs no exact count."""


class Member(NamedTuple):
    """An example of one of several prepared splits, and its label as a number."""

    split: str
    place: int
    label: int


def quick_notes(prepared: Mapping[str, Prepared]) -> list[str]:
    """What people should know before they train on these splits: a few lines, none where there is nothing to say."""
    if not prepared:
        return []
    many = MODALITIES[next(iter(prepared.values())).samples.modality].many
    both: Counter[tuple[str, str]] = Counter()
    conflicts = 0
    for members in same_examples(prepared):
        splits = sorted({one.split for one in members}, key=list(prepared).index)
        for split in splits[1:]:
            both[splits[0], split] += sum(one.split == split for one in members)
        conflicts += len({one.label for one in members}) > 1
    notes = [f"{count:,} {many} are in both {first} and {second}" for (first, second), count in both.items()]
    if conflicts:
        notes.append(f"{conflicts:,} {many} are there under two labels")
    return [*notes, *_classes(prepared)]


def _classes(prepared: Mapping[str, Prepared]) -> Iterator[str]:
    train = prepared.get("train")
    found = [] if train is None else list(unbalanced(train.samples.take(train.kept), "train"))
    for kind, words in (("few_examples", "few"), ("many_examples", "very many")):
        own = [one for one in found if one.finding == kind]
        if own:
            more = f" and {len(own) - 1:,} more" if len(own) > 1 else ""
            yield f"{words} examples of the class {own[0].label} ({own[0].value}){more}"


def same_examples(prepared: Mapping[str, Prepared]) -> Iterator[list[Member]]:
    """Groups of examples that are the same to the byte as they are stored, and stored in the same way."""
    alike: dict[str, dict[str, Prepared]] = defaultdict(dict)
    for split, part in prepared.items():
        alike[part.spec.storage_key][split] = part
    for parts in alike.values():
        yield from _same_among(parts)


def _same_among(parts: Mapping[str, Prepared]) -> Iterator[list[Member]]:
    seen = [numbers(part) for part in parts.values()]
    names, starts = list(parts), np.cumsum([0, *(len(own) for own in seen)])
    every = np.concatenate(seen)
    compared = 0
    for rows in groups(every, np.ones(len(every), bool)):
        compared += len(rows)
        if compared > MOST_COMPARED:
            return
        same: dict[bytes, list[Member]] = defaultdict(list)
        for which, place in _places(rows, starts):
            part = parts[names[which]]
            row = part.kept[place : place + 1]
            label = int(label_numbers(part.samples.targets[row], part.samples.task)[0])
            content = hashlib.blake2b(part.gather(np.array([place])).tobytes(), digest_size=16).digest()
            same[content].append(Member(names[which], place, label))
        yield from (members for members in same.values() if len(members) > 1)


def _places(rows: Int64[np.ndarray, " some"], starts: Int64[np.ndarray, " splits"]) -> Iterator[tuple[int, int]]:
    """(which split, the place in it) of rows of all splits joined."""
    for row in rows.tolist():
        which = int(np.searchsorted(starts, row, side="right")) - 1
        yield which, row - int(starts[which])


def numbers(part: Prepared) -> UInt64[np.ndarray, " count"]:
    """A number of each example that is the same for the same example; none where nothing is stored."""
    found = [numbers_of(glimpse) for glimpse in part.glimpses(LOOKED_AT_BYTES, AT_ONCE)]
    return np.concatenate(found) if found else np.empty(0, np.uint64)


def numbers_of(rows: UInt8[np.ndarray, "some bytes"]) -> UInt64[np.ndarray, " some"]:
    """A sum of each row's words, mixed and times random odd weights, modulo 2**64.

    >>> len(set(numbers_of(np.array([[1, 2], [1, 2], [2, 1]], np.uint8)).tolist()))
    2
    """
    missing = -rows.shape[1] % 8
    words = np.pad(rows, ((0, 0), (0, missing))) if missing else np.ascontiguousarray(rows)
    words = words.view(np.uint64)
    # A difference in high bytes alone would vanish in the product's upper end.
    mixed = words ^ (words >> np.uint64(29))
    weights = np.random.default_rng(0).integers(0, 2**63, words.shape[1], np.uint64) * np.uint64(2) + np.uint64(1)
    return np.einsum("ij,j->i", mixed, weights)
