"""A set looked at once, and everything that is wrong with its examples, copies and classes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64

from plusx.data.audit.alike import near_copies
from plusx.data.audit.balance import absent, unbalanced
from plusx.data.audit.boxed import wrong_boxes
from plusx.data.audit.checks import EMPTY, faults
from plusx.data.audit.copies import Pair, Whereabouts, copies, label_numbers, wrong_with
from plusx.data.audit.findings import KINDS, Finding, place_of
from plusx.data.audit.looks import LOOKS
from plusx.data.audit.near import candidates
from plusx.data.audit.sketch import Progress, Sketch, sketched
from plusx.data.cache import REMOTE_THREADS, available_cores
from plusx.data.joined import join_samples
from plusx.data.sources import SPLITS, DataSet, Samples


class Found(NamedTuple):
    """A finding, the places of its example and of the other, -1 where there is none; the lower `order`, the worse."""

    finding: Finding
    row: int = -1
    other: int = -1
    order: float = 0.0


@dataclass(frozen=True)
class Examined:
    """What was found.

    Args:
        found: the gravest kinds first.
        whole: all splits' examples, one split after the other.
        split: the split of each, as its place in `SPLITS`.
    """

    found: list[Found]
    whole: Samples
    split: Int64[np.ndarray, " count"]

    def about(self, kind: str, row: int, value: str, order: float, other: int = -1, suggestion: str = "") -> Found:
        """A finding of the example at place `row`."""
        source = self.whole.source
        named = source.name(other) if other >= 0 else ""
        where = SPLITS[self.split[row]]
        said = suggestion or KINDS[kind].suggestion
        return Found(
            Finding(source.name(row), where, self.whole.label(row), kind, named, value, said), row, other, order
        )


def examine(dataset: DataSet, *, threads: int | None = None, on_progress: Progress | None = None) -> Examined:
    """Looks at every example once. What is found does not depend on the order of the examples.

    `on_progress` gets (done, count) from time to time, from the calling thread.
    """
    parts = [(number, part) for number, split in enumerate(SPLITS) if (part := getattr(dataset, split)) is not None]
    whole = join_samples([part for _, part in parts])
    split = np.repeat([number for number, _ in parts], [len(part) for _, part in parts])
    examined = Examined([], whole, split)
    examined.found.extend(_boxes(examined))
    if whole.modality in LOOKS:
        threads = threads or (REMOTE_THREADS if whole.source.remote else available_cores())
        with sketched(whole, threads=threads, on_progress=on_progress) as sketch:
            examined.found.extend(_singles(examined, sketch))
            examined.found.extend(_copies(examined, sketch))
    examined.found.extend(Found(one) for one in absent(dataset))
    examined.found.extend(Found(one) for number, part in parts for one in unbalanced(part, SPLITS[number]))
    examined.found.sort(key=lambda one: place_of(one.finding))
    return examined


def _boxes(examined: Examined) -> Iterator[Found]:
    for kind, row, value in wrong_boxes(examined.whole):
        yield examined.about(kind, row, value, 0.0)


def _singles(examined: Examined, sketch: Sketch) -> Iterator[Found]:
    for row, reason in sketch.problems.items():
        yield examined.about("unreadable", row, reason, 0.0)
    for fault in faults(examined.whole.modality, sketch.figures):
        yield examined.about(*fault)


def _copies(examined: Examined, sketch: Sketch) -> Iterator[Found]:
    whole = examined.whole
    where = Whereabouts(examined.split, label_numbers(whole.targets, whole.task), whole.source.name)
    # What shows nothing is told as such, and not as the copy of another one that shows nothing.
    shown = sketch.readable
    shown[[one.row for one in examined.found if one.finding.finding in EMPTY]] = False
    for pair in copies(sketch.content, shown, where):
        same = sketch.file[pair.row] == sketch.file[pair.other]
        yield examined.about(pair.kind, pair.row, "the same bytes" if same else "the same content", 0.0, pair.other)
    for pair, likeness in _near(sketch, shown, where):
        yield examined.about(pair.kind, pair.row, f"correlation {likeness:.4f}", -likeness, pair.other)


def _near(sketch: Sketch, shown: Bool[np.ndarray, " count"], where: Whereabouts) -> Iterator[tuple[Pair, float]]:
    """Near copies that are no copies: one example of each content, split and label is compared."""
    if sketch.small is None:
        return
    rows = np.flatnonzero(shown)
    rows = rows[np.lexsort([where.label[rows], where.split[rows], sketch.content[rows]])]
    new = np.ones(len(rows), bool)
    for values in (sketch.content, where.split, where.label):
        new[1:] &= values[rows[1:]] == values[rows[:-1]]
    new[1:] = ~new[1:]
    pairs = candidates(sketch.small, sketch.side, rows[new])
    apart = sketch.content[pairs.first] != sketch.content[pairs.second]
    found = near_copies(sketch.small, sketch.side, pairs.first[apart], pairs.second[apart])
    for row, other, likeness in zip(*(column.tolist() for column in found), strict=True):
        for pair in wrong_with("near_copy", row, other, where):
            yield pair, likeness
