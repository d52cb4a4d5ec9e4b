"""`plusx.cross_validate`: k trainings, each validated on another k-th of the examples, and what all say together."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from plusx.api.examples import fold_rows, outside_test, read_planned
from plusx.api.plan import Plan, as_begun, make_plan
from plusx.api.train import Trained, train
from plusx.archive import Archive, read_archive
from plusx.data.cache import Prepared, default_cache_dir, prepare_samples
from plusx.data.files import atomic_write
from plusx.data.modalities import spec_from_json
from plusx.data.samples import Samples
from plusx.data.sources import Indices
from plusx.engines.torch import TorchEngine
from plusx.errors import PlusxError, WrongUse
from plusx.evaluate.scores import all_outputs
from plusx.tasks import Task, task_for, task_from_json
from plusx.training.launched import leads, restarts
from plusx.training.run import RunFolder
from plusx.training.watch import Silent, Watcher


@dataclass(frozen=True)
class CrossValidated:
    """What k trainings gave.

    Args:
        run: the folder with a run `fold-1`, `fold-2`, ... for each, `folds.json` and `out_of_fold.parquet`.
        folds: each training, in order.
        out_of_fold: the task's scores over all examples, each answered by the network that was not trained on it.
        duration_s: of all trainings together, whenever they were done.
        judged_by: the names of the scores that trainings are compared by.
    """

    run: Path
    folds: tuple[Trained, ...]
    out_of_fold: dict[str, Any]
    duration_s: float
    judged_by: tuple[str, ...] = ("accuracy",)

    @property
    def val(self) -> dict[str, float]:
        """The scores that the task is judged by, over the folds: of accuracy, `accuracy` is the mean and `accuracy_std`
        the sample standard deviation."""
        return _spread(self.judged_by, [fold.val for fold in self.folds])

    @property
    def test(self) -> dict[str, float] | None:
        """The same on the test split, which every fold's model is scored on; None where there is none."""
        return _spread(self.judged_by, [fold.test for fold in self.folds if fold.test]) if self.folds[0].test else None

    def summary(self) -> dict[str, Any]:
        """All of it as JSON: what `folds.json` holds."""
        return {
            "run": str(self.run),
            "val": self.val,
            "test": self.test,
            "folds": [fold.summary() for fold in self.folds],
            "out_of_fold": self.out_of_fold,
            "duration_s": round(self.duration_s, 3),
        }


def cross_validate(
    data: str | Path,
    *,
    folds: int = 5,
    out: str | Path | None = None,
    resume: bool = False,
    watcher: Watcher | None = None,
    **choices: Any,
) -> CrossValidated:
    """Trains `folds` networks, each on all but one of equal parts of the examples, and lets it answer that part.

    The parts hold the same share of every class, and are a function of the seed; a val split is parted with the train
    split, a test split is left as it is.

    Args:
        data: a folder, CSV or Parquet file, or a known name.
        folds: how many, from 2.
        out: the folder of all; by default a new one under `runs/`.
        resume: keep the folds in `out` that are finished, and go on with the one that is not.
        watcher: is told of the progress.
        choices: the other fields of `Plan`, as for `plusx.train`.

    Raises:
        WrongUse: a choice that does not fit, such as more folds than a class has examples.
        PlusxError: the data cannot be used, or a training failed.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     done = cross_validate("digits", folds=2, out=folder, changes={"epochs": "2"})
    ...     done.out_of_fold["count"], [fold.run.name for fold in done.folds], done.val["accuracy"] > 0.6
    (1438, ['fold-1', 'fold-2'], True)
    """
    watcher = watcher if watcher and leads() else Silent()
    resume = resume or bool(restarts())
    plan = make_plan({"data": data, **choices, "fold": f"1/{folds}"})
    run = _folder(plan, out, resume)
    first = RunFolder(run / "fold-1")
    plan = as_begun(first, plan) if resume and first.begun() else plan
    dataset = read_planned(plan)
    whole = outside_test(dataset)
    task = task_for(whole)
    if task.BULKY:
        raise WrongUse(f"--folds {folds}: answers to the task {task.name} are too large to keep for all; leave it out")
    if task.OPEN:
        raise WrongUse(f"--folds {folds}: the networks' answers to the task {task.name} do not compare; leave it out")
    rows = fold_rows(whole, folds, plan.seed)
    done: list[Trained] = []
    for number in range(1, folds + 1):
        watcher.note(f"fold {number} of {folds}")
        # Every fold from what the first began from, whatever has become of it since.
        start = first.start if first.start.exists() and number > 1 else plan.start
        teacher = first.teacher if first.teacher.exists() and number > 1 else plan.teacher
        fold = replace(plan, fold=f"{number}/{folds}", start=start, teacher=teacher)
        try:
            done.append(_train_fold(RunFolder(run / f"fold-{number}"), fold, resume, watcher))
        except KeyboardInterrupt:
            watcher.note(f"--folds {folds} --out {run} --resume goes on with this fold and those after it")
            raise
    archives = [read_archive(fold.model) for fold in done]
    task = task.over([task_from_json(archive.manifest.task) for archive in archives])
    outputs, kept = _answers(archives, task, whole, rows, plan)
    scores = task.scores(outputs[kept], whole.targets[kept], whole.classes)
    result = CrossValidated(run, tuple(done), scores, sum(fold.duration_s for fold in done), task.JUDGED_BY)
    if leads():
        _write_answers(task, outputs, kept, whole, rows, run / "out_of_fold.parquet")
        _write_json(result.summary(), run / "folds.json")
    return result


def _folder(plan: Plan, out: str | Path | None, resume: bool) -> Path:
    if out is None:
        if resume:
            raise WrongUse("--resume: name the folds' folder with --out")
        return Path("runs") / f"{Path(plan.data).stem}-folds-{datetime.now():%Y%m%d-%H%M%S}"
    if not leads():
        return Path(out)
    if not resume:
        RunFolder(Path(out)).check_free()
    elif not (Path(out) / "fold-1").exists():
        raise WrongUse(f"--resume: {out} holds no folds; give the folder that they were begun in with --out")
    return Path(out)


def _train_fold(run: RunFolder, plan: Plan, resume: bool, watcher: Watcher) -> Trained:
    """A fold's training: what is finished is read, what is begun goes on."""
    finished = run.path / "result.json"
    if resume and run.begun():
        plan = as_begun(run, replace(plan, start=None, teacher=None))
    if resume and finished.exists():
        scores = json.loads(finished.read_text(encoding="utf-8"))
        return Trained(run.path, run.model, scores["duration_s"], scores["val"], scores["test"])
    if resume and not run.begun() and leads():
        run.clear_beginning()
    choices = {field.name: getattr(plan, field.name) for field in fields(plan)}
    trained = train(out=run.path, resume=resume and run.begun(), watcher=watcher, **choices)
    if leads():
        _write_json(trained.summary(), finished)
    return trained


def _answers(
    archives: Sequence[Archive], task: Task, whole: Samples, rows: Sequence[Indices], plan: Plan
) -> tuple[np.ndarray, np.ndarray]:
    """(outputs, kept): every example's outputs (count, outputs), and which examples could be read at all (count,)."""
    outputs = np.zeros((len(whole), *archives[0].golden.outputs.shape[1:]), np.float32)
    kept = np.zeros(len(whole), bool)
    prepared: Prepared | None = None
    for number, (archive, held) in enumerate(zip(archives, rows, strict=True), 1):
        spec = spec_from_json(archive.manifest.preprocessing)
        # Mean and std may differ from fold to fold; what is stored of a picture does not.
        if prepared is None or prepared.spec.storage_key != spec.storage_key:
            prepared = prepare_samples(whole, spec, cache=default_cache_dir() if plan.cache else None)
        part = prepared.among(held)
        if len(part) == 0:
            raise PlusxError(f"--folds: not one example of fold {number} can be read")
        answered = all_outputs(TorchEngine(archive), part)
        outputs[part.kept] = task.restated(answered, task_from_json(archive.manifest.task))
        kept[part.kept] = True
    return outputs, kept


def _write_answers(
    task: Task, outputs: np.ndarray, kept: np.ndarray, whole: Samples, rows: Sequence[Indices], path: Path
) -> None:
    """A Parquet file with a row for every example that could be read, in the set's order."""
    fold = np.zeros(len(whole), np.int64)
    for number, held in enumerate(rows, 1):
        fold[held] = number
    places = np.flatnonzero(kept)
    answers = task.answers(outputs[kept], whole.classes, top=1)
    columns: dict[str, Any] = {
        "path": [whole.source.name(int(place)) for place in places],
        "label": [whole.label(int(place)) for place in places],
        "fold": fold[kept],
        "predicted": [answer["label"] for answer in answers],
        "probability": [answer["probability"] for answer in answers],
    }
    columns |= task.columns(outputs[kept], whole.classes)
    with atomic_write(path, "wb") as file:
        pq.write_table(pa.table(columns), file)


def _write_json(value: dict[str, Any], path: Path) -> None:
    with atomic_write(path) as file:
        file.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def _spread(names: Sequence[str], scores: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    figures = {name: [one[name] for one in scores] for name in names if all(name in one for one in scores)}
    spread = {name: {name: mean(values), f"{name}_std": stdev(values)} for name, values in figures.items()}
    return {name: value for both in spread.values() for name, value in both.items()}
