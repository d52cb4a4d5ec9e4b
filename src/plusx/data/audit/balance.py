"""Classes: those with few examples or very many, and those that a split lacks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from plusx.data.audit.findings import KINDS, Finding
from plusx.data.sources import SPLITS, DataSet, Samples

COUNTED = ("classify", "multilabel", "embed", "detect")
"""The tasks whose examples have classes of their own."""
TINY = 10
FACTOR = 4.0
"""A class with less than a fourth of the mean, or more than four times it, is told."""


def unbalanced(samples: Samples, split: str) -> Iterator[Finding]:
    """What is far from the mean count of the split's classes, and what is tiny; absent classes are not told here.

    >>> from plusx.data.sources import ArraySource
    >>> targets = np.array([0] * 3 + [1] * 60)
    >>> samples = Samples(ArraySource(np.zeros((63, 1, 1), np.uint8), ""), targets, ("cat", "dog"))
    >>> [(one.label, one.finding, one.value) for one in unbalanced(samples, "train")]
    [('cat', 'few_examples', '3 of 63')]
    """
    if samples.task not in COUNTED:
        return
    counts = samples.counts()
    there = counts > 0
    mean = counts.sum() / max(1, int(there.sum()))
    few = there & ((counts < TINY) | (counts * FACTOR < mean))
    for kind, flagged in (("few_examples", few), ("many_examples", counts > FACTOR * mean)):
        for place in np.flatnonzero(flagged).tolist():
            value = f"{counts[place]:,} of {len(samples):,}"
            yield Finding("", split, samples.classes[place], kind, "", value, KINDS[kind].suggestion)


def absent(dataset: DataSet) -> Iterator[Finding]:
    """The classes that some split has and another lacks."""
    there = {split: part for split in SPLITS if (part := getattr(dataset, split)) is not None}
    if dataset.any_split().task not in COUNTED:
        return
    counts = {split: part.counts() for split, part in there.items()}
    known = sum(counts.values()) > 0
    for split, own in counts.items():
        for place in np.flatnonzero((own == 0) & known).tolist():
            kind = "absent_from_split"
            yield Finding("", split, dataset.classes[place], kind, "", "0", KINDS[kind].suggestion)
