"""Every example answered by networks that were not trained on it: quick ones, within a given time."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
from jaxtyping import Float, Int64

from plusx.api.folds import CrossValidated, cross_validate
from plusx.archive import read_archive
from plusx.data.cache import default_cache_dir, prepare_samples
from plusx.data.modalities import spec_from_json
from plusx.data.samples import DataSet, Samples
from plusx.engines.torch import TorchEngine
from plusx.evaluate.scores import all_outputs
from plusx.tasks import task_from_json
from plusx.training.watch import Silent, Step, Watcher

FOLDS = 3
CHECKED = ("classify", "multilabel")
"""The tasks whose labels may be compared with probabilities."""
LEAST = 30


class Answered(NamedTuple):
    """Which examples were answered, by their places in train, val and test joined; and their classes' probabilities."""

    rows: Int64[np.ndarray, " some"]
    probabilities: Float[np.ndarray, "some classes"]


class _Bars(Silent):
    """Passes on how far the work is, but none of the trainings' own words."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher

    def preparing(self, what: str, done: int, total: int) -> None:
        self._watcher.preparing(what, done, total)

    def stepped(self, step: Step) -> None:
        self._watcher.stepped(step)


def why_not(dataset: DataSet) -> str | None:
    """Why the set's labels cannot be checked; None where they can."""
    samples = dataset.any_split()
    if samples.task not in CHECKED:
        return f"labels of the task {samples.task} are not checked"
    if dataset.train is None:
        return "labels were not checked: there is no train split to learn from"
    known = dataset.train.counts() + (0 if dataset.val is None else dataset.val.counts())
    if len(dataset.train) < LEAST or (known > 0).sum() < 2:
        return f"labels were not checked: it takes {LEAST} training examples and two classes"
    if samples.task == "classify" and (rare := np.flatnonzero((known > 0) & (known < FOLDS))).size:
        name = samples.classes[rare[0]]
        return f"labels were not checked: the class {name} has {known[rare[0]]} examples; it takes {FOLDS} of each"
    return None


def answer_all(
    dataset: DataSet, data: str | Path, budget_s: float, choices: Mapping[str, Any], watcher: Watcher
) -> Answered:
    """Trains `FOLDS` networks in about `budget_s` together; each answers what it was not trained on, all of them the
    test split.

    Args:
        dataset: what is at `data`.
        data: a folder, CSV or Parquet file, or a known name.
        budget_s: seconds.
        choices: the other fields of a training's `Plan`.
        watcher: is told how far it is.

    Raises:
        PlusxError: a training failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        done = cross_validate(
            data,
            folds=FOLDS,
            out=Path(folder, "folds"),
            watcher=_Bars(watcher),
            budget_s=budget_s / FOLDS,
            max_skipped=1.0,
            **choices,
        )
        known = [part for part in (dataset.train, dataset.val) if part is not None]
        names = [part.source.name(row) for part in known for row in range(len(part))]
        answered = _out_of_fold(done.run / "out_of_fold.parquet", names, dataset.classes)
        if dataset.test is None:
            return answered
        tested = _by_all(done, dataset.test, cache=choices.get("cache", True))
    rows = np.concatenate([answered.rows, len(names) + tested.rows])
    return Answered(rows, np.concatenate([answered.probabilities, tested.probabilities]))


def _out_of_fold(path: Path, names: list[str], classes: tuple[str, ...]) -> Answered:
    """What the file says, whose rows are those of the examples `names` that could be read, in their order."""
    table = pq.read_table(path)
    paths = table.column("path").to_pylist()
    rows: list[int] = []
    for row, name in enumerate(names):
        if len(rows) < len(paths) and paths[len(rows)] == name:
            rows.append(row)
    columns = [table.column(f"probability_{label}").to_numpy() for label in classes]
    return Answered(np.array(rows, np.int64), np.stack(columns, axis=1).astype(np.float64))


def _by_all(done: CrossValidated, samples: Samples, cache: bool) -> Answered:
    """The mean of all networks' probabilities."""
    archives = [read_archive(fold.model) for fold in done.folds]
    where = default_cache_dir() if cache else None
    outputs: list[np.ndarray] = []
    prepared = None
    for archive in archives:
        spec = spec_from_json(archive.manifest.preprocessing)
        if prepared is None or prepared.spec.storage_key != spec.storage_key:
            prepared = prepare_samples(samples, spec, cache=where)
        outputs.append(all_outputs(TorchEngine(archive), prepared))
    assert prepared is not None
    task: Any = task_from_json(archives[0].manifest.task)
    return Answered(prepared.kept.astype(np.int64), task.probabilities(task.averaged(outputs)))
