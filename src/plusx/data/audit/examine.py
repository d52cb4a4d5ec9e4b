"""A set looked at once, and everything that is wrong with its examples, copies and classes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from plusx.data.audit.alike import near_copies
from plusx.data.audit.balance import absent, unbalanced
from plusx.data.audit.boxed import wrong_boxes
from plusx.data.audit.checks import FLAT, checked
from plusx.data.audit.copies import Pair, Whereabouts, copies, wrong_with
from plusx.data.audit.findings import KINDS, Finding, in_order
from plusx.data.audit.looks import LOOKS
from plusx.data.audit.near import candidates
from plusx.data.audit.sketch import Progress, Sketch, sketched
from plusx.data.cache import available_cores
from plusx.data.joined import join_samples
from plusx.data.sources import SPLITS, DataSet, Samples


@dataclass(frozen=True)
class Examined:
    """What was found.

    Args:
        findings: the gravest kinds first.
        whole: all splits' examples, one split after the other.
        split: the split of each, as its place in `SPLITS`.
        rows: of each finding, the places in `whole` of its example and of the other; -1 where there is none.
    """

    findings: list[Finding]
    whole: Samples
    split: Int64[np.ndarray, " count"]
    rows: dict[Finding, tuple[int, int]]


def examine(dataset: DataSet, *, threads: int | None = None, on_progress: Progress | None = None) -> Examined:
    """Looks at every example once. What is found does not depend on the order of the examples.

    `on_progress` gets (done, count) from time to time, from the calling thread.
    """
    parts = [(number, part) for number, split in enumerate(SPLITS) if (part := getattr(dataset, split)) is not None]
    whole = join_samples([part for _, part in parts])
    split = np.repeat([number for number, _ in parts], [len(part) for _, part in parts])
    rows: dict[Finding, tuple[int, int]] = {}
    for kind, row, other, value in _singles_and_copies(whole, split, threads, on_progress):
        name = whole.source.name(other) if other >= 0 else ""
        place = SPLITS[split[row]]
        found = Finding(whole.source.name(row), place, whole.label(row), kind, name, value, KINDS[kind].suggestion)
        rows[found] = row, other
    about_classes = [*absent(dataset), *(one for number, part in parts for one in unbalanced(part, SPLITS[number]))]
    return Examined(in_order([*rows, *about_classes]), whole, split, rows)


Told = tuple[str, int, int, str]
"""(kind, place, the other's place or -1, value)"""


def _singles_and_copies(
    whole: Samples, split: Int64[np.ndarray, " count"], threads: int | None, on_progress: Progress | None
) -> Iterator[Told]:
    for kind, row, value in wrong_boxes(whole):
        yield kind, row, -1, value
    if whole.modality not in LOOKS:
        return
    with sketched(whole, threads=threads or available_cores(), on_progress=on_progress) as sketch:
        for row, reason in sketch.problems.items():
            yield "unreadable", row, -1, reason
        for kind, row, value in checked(whole.modality, sketch.figures):
            yield kind, row, -1, value
        where = Whereabouts(split, label_numbers(whole), whole.source.name)
        for pair in copies(sketch.content, sketch.readable, where):
            same = sketch.file[pair.row] == sketch.file[pair.other]
            yield pair.kind, pair.row, pair.other, "the same bytes" if same else "the same content"
        for pair, likeness in _near(sketch, where):
            yield pair.kind, pair.row, pair.other, f"correlation {likeness:.4f}"


def _near(sketch: Sketch, where: Whereabouts) -> Iterator[tuple[Pair, float]]:
    """Near copies that are no copies: one example of each content, split and label is compared."""
    if sketch.small is None:
        return
    rows = np.flatnonzero(sketch.readable & (sketch.figures["range"] > FLAT))
    triples = np.stack([sketch.content[rows], where.split[rows].astype(np.uint64), where.label[rows].astype(np.uint64)])
    _, first = np.unique(triples, axis=1, return_index=True)
    pairs = candidates(sketch.small, sketch.side, rows[first])
    apart = sketch.content[pairs.first] != sketch.content[pairs.second]
    found = near_copies(sketch.small, sketch.side, pairs.first[apart], pairs.second[apart])
    for row, other, likeness in zip(*(column.tolist() for column in found), strict=True):
        for pair in wrong_with("near_copy", row, other, where):
            yield pair, likeness


def label_numbers(samples: Samples) -> Int64[np.ndarray, " count"]:
    """A number for each example's label that is the same where the label is; of masks, which lie in files, all 0."""
    if samples.task == "segment":
        return np.zeros(len(samples), np.int64)
    if samples.targets.ndim == 1 and samples.targets.dtype.kind in "iu":
        return samples.targets.astype(np.int64)
    digests = (hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in samples.targets)
    return np.array([int.from_bytes(one, "little", signed=True) for one in digests], np.int64)
