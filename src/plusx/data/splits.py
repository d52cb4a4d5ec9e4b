"""Parting a set of examples in two or in folds, each a likeness of the whole, and writing down who is where."""

import csv
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int64, UInt8

from plusx.data.files import atomic_write
from plusx.data.sources import SPLITS, DataSet, Indices, Samples
from plusx.errors import WrongUse


def hold_out(samples: Samples, fraction: float, seed: int) -> tuple[Samples, Samples]:
    """(the rest, the held-out part): `hold_out_rows` as samples."""
    rest, held = hold_out_rows(samples, fraction, seed)
    return samples.take(rest), samples.take(held)


def hold_out_rows(samples: Samples, fraction: float, seed: int) -> tuple[Indices, Indices]:
    """The places of (the rest, the held-out part): about `fraction` of every class is held out, both in order.

    A pure function of seed and targets. A class of two or more examples keeps at least one on each side; a
    class of one stays in the rest. Of examples with several labels, the same is aimed at for every label, as nearly as
    the others allow, and for the examples with none (`_dealt`). Where there are no classes, any examples are taken.

    Raises:
        WrongUse: the fraction is not between 0 and 1.
    """
    if not 0 < fraction < 1:
        raise WrongUse(f"a held-out fraction of {fraction} is not between 0 and 1")
    held = _HELD_OUT.get(samples.task, _held_out_evenly)(samples.targets, fraction, seed)
    return np.flatnonzero(~held), np.flatnonzero(held)


def folds(samples: Samples, k: int, seed: int) -> list[Indices]:
    """The places of each of `k` folds, in order; every example is in exactly one.

    A pure function of seed and targets. Folds' sizes, and their shares of every class, are equal up to one; of examples
    with several labels, the shares of every label as nearly as the others allow, and then the sizes (`_dealt`).

    Raises:
        WrongUse: fewer than two folds, or more than examples.

    >>> from plusx.data.sources import ArraySource
    >>> samples = Samples(ArraySource(np.zeros((6, 1, 1), np.uint8), ""), np.array([0, 0, 0, 0, 1, 1]), ("a", "b"))
    >>> [samples.targets[fold].tolist() for fold in folds(samples, 2, seed=0)]
    [[0, 0, 1], [0, 0, 1]]
    """
    if not 2 <= k <= len(samples):
        raise WrongUse(f"--folds {k}: it must be from 2 to the number of examples, {len(samples):,}")
    if samples.multilabel:
        labels = _with_none(samples.targets)
        fold = _dealt(labels, np.tile(labels.sum(axis=0) / k, (k, 1)), np.full(k, len(labels) / k), seed)
    else:
        shuffled = np.random.default_rng(seed % 2**64).permutation(len(samples))
        classes = samples.targets if samples.targets.ndim == 1 else np.zeros(len(samples), np.int64)
        by_class = shuffled[np.argsort(classes[shuffled], kind="stable")]
        fold = np.empty(len(samples), np.int64)
        fold[by_class] = np.arange(len(samples)) % k
    return [np.flatnonzero(fold == number) for number in range(k)]


def _held_out(targets: Int64[np.ndarray, " count"], fraction: float, seed: int) -> np.ndarray:
    held = np.zeros(len(targets), bool)
    by_class = np.argsort(targets, kind="stable")
    present, starts = np.unique(targets[by_class], return_index=True)
    for target, rows in zip(present, np.split(by_class, starts)[1:], strict=True):
        if len(rows) < 2:
            continue
        count = min(max(round(fraction * len(rows)), 1), len(rows) - 1)
        random = np.random.default_rng((seed % 2**64, int(target)))
        held[random.permutation(rows)[:count]] = True
    return held


def _held_out_evenly(targets: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    held = np.zeros(len(targets), bool)
    count = min(max(round(fraction * len(targets)), 1), len(targets) - 1)
    held[np.random.default_rng(seed % 2**64).permutation(len(targets))[: max(count, 0)]] = True
    return held


def _held_out_labels(targets: UInt8[np.ndarray, "count classes"], fraction: float, seed: int) -> np.ndarray:
    labels = _with_none(targets)
    counts = labels.sum(axis=0, dtype=np.int64)
    held = np.where(counts < 2, 0, np.clip(np.round(fraction * counts), 1, np.maximum(counts - 1, 1)))
    sizes = np.array([1 - fraction, fraction]) * len(labels)
    return _dealt(labels, np.stack([counts - held, held]), sizes, seed) == 1


_HELD_OUT = {"classify": _held_out, "embed": _held_out, "multilabel": _held_out_labels}


def _with_none(targets: UInt8[np.ndarray, "count classes"]) -> UInt8[np.ndarray, "count labels"]:
    """The targets and one label more, for the examples without any."""
    return np.column_stack([targets, ~targets.any(axis=1)]).astype(np.uint8)


def _dealt(
    labels: UInt8[np.ndarray, "count labels"],
    wanted: Float[np.ndarray, "parts labels"],
    sizes: Float[np.ndarray, " parts"],
    seed: int,
) -> Int64[np.ndarray, " count"]:
    """Each example's part: iterative stratification (Sechidis, Tsoumakas and Vlahavas, ECML PKDD 2011, algorithm 1).

    The label that fewest of the examples left have goes first, while there is choice: each of its examples goes to the
    part that still wants most of it, between equals to the one that still wants most examples.
    """
    random = np.random.default_rng(seed % 2**64)
    wanted, sizes = wanted.astype(float), sizes.astype(float)
    part = np.full(len(labels), -1)
    left = labels.sum(axis=0, dtype=np.int64)
    while left.any():
        rarest = np.where(left > 0, left, len(labels) + 1).argmin()
        rows = random.permutation(np.flatnonzero((labels[:, rarest] == 1) & (part < 0)))
        for row in rows:
            best = np.lexsort((sizes, wanted[:, rarest]))[-1]
            part[row] = best
            wanted[best] -= labels[row]
            sizes[best] -= 1
        left -= labels[rows].sum(axis=0, dtype=np.int64)
    return part


def write_splits(dataset: DataSet, path: Path) -> None:
    """A CSV of every example: `split,name,label`, written whole or not at all."""
    with atomic_write(path) as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("split", "name", "label"))
        for split in SPLITS:
            samples: Samples | None = getattr(dataset, split)
            for index in range(len(samples) if samples else 0):
                assert samples is not None
                rows.writerow((split, samples.source.name(index), samples.label(index)))
