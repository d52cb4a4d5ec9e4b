"""Parting a set of examples in two, and writing down who is where."""

import csv
from pathlib import Path

import numpy as np
from jaxtyping import Int64

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
    class of one stays in the rest.

    Raises:
        WrongUse: the fraction is not between 0 and 1.
    """
    if not 0 < fraction < 1:
        raise WrongUse(f"a held-out fraction of {fraction} is not between 0 and 1")
    held = _held_out(samples.targets, fraction, seed)
    return np.flatnonzero(~held), np.flatnonzero(held)


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


def write_splits(dataset: DataSet, path: Path) -> None:
    """A CSV of every example: `split,name,label`, written whole or not at all."""
    with atomic_write(path) as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("split", "name", "label"))
        for split in SPLITS:
            samples: Samples | None = getattr(dataset, split)
            for index in range(len(samples) if samples else 0):
                assert samples is not None
                rows.writerow((split, samples.source.name(index), samples.classes[samples.targets[index]]))
