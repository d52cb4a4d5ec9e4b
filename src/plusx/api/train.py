"""`plusx.train`: from a folder of examples to a stored model."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import torch

from plusx.api.examples import Parted, prepare_examples, read_examples
from plusx.api.model import Model, load
from plusx.api.plan import Plan, make_plan, resolve, resume_recipe, shown
from plusx.archive import Archive
from plusx.data.cache import Prepared, write_skipped
from plusx.data.samples import write_splits
from plusx.engines.torch import TorchEngine
from plusx.errors import WrongUse
from plusx.evaluate.scores import evaluate
from plusx.tasks.classify import Classify
from plusx.training.loop import Job, fit
from plusx.training.recipe import Recipe, write_recipe
from plusx.training.run import RunFolder
from plusx.training.store import build_archive, store_archive
from plusx.training.watch import Silent, Watcher


@dataclass(frozen=True)
class Trained:
    """What a training gave: its folder, its model file, how long it took to get there, and its scores."""

    run: Path
    model: Path
    duration_s: float
    val: dict[str, Any]
    test: dict[str, Any] | None

    def load(self) -> Model:
        """The model, ready to answer."""
        return load(self.model)


def train(
    data: str | Path,
    *,
    out: str | Path | None = None,
    resume: bool = False,
    watcher: Watcher | None = None,
    **choices: Any,
) -> Trained:
    """Trains a residual network on labelled pictures and stores it as one file.

    Args:
        data: a folder, CSV or Parquet file, or a known name.
        out: the run's folder; by default a new one under `runs/`.
        resume: continue the run in `out` after its last checkpoint.
        watcher: is told of the progress.
        choices: the other fields of `Plan`, such as `model="resnet18"` or `changes={"epochs": "3"}`.

    Raises:
        WrongUse: a choice that does not fit.
        PlusxError: the data cannot be used, or the training failed.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     trained = train("digits", out=folder, changes={"epochs": "3"})
    ...     trained.model.name, trained.test["count"], trained.test["accuracy"] > 0.8
    ('model.plusx', 359, True)
    """
    began = time.monotonic()
    watcher = watcher or Silent()
    plan = make_plan({"data": data, **choices})
    if resume and out is None:
        raise WrongUse("--resume: name the run's folder with --out")
    run = RunFolder(Path(out) if out else _new_folder(plan))
    if not resume:
        run.check_free()
    parted = read_examples(plan, watcher)
    recipe = resume_recipe(run, plan, parted.fingerprint) if resume else resolve(plan, parted.dataset.split("train"))
    for key, reason in recipe.reasons.items():
        watcher.note(f"{key}: {shown(recipe, key)} ({reason})")
    prepared = prepare_examples(parted, recipe, plan, watcher)
    if not resume:
        _begin(run, plan, recipe, parted)
    with run.held():
        _list_skipped(prepared, run, watcher)
        archive = _fit(run, plan, recipe, parted, prepared, watcher)
    duration_s = time.monotonic() - began
    engine = TorchEngine(archive)
    val = evaluate(archive, engine, prepared["val"])
    test = evaluate(archive, engine, prepared["test"]) if "test" in prepared else None
    return Trained(run.path, run.model, duration_s, val, test)


def _new_folder(plan: Plan) -> Path:
    return Path("runs") / f"{Path(plan.data).stem}-{datetime.now():%Y%m%d-%H%M%S}"


def _begin(run: RunFolder, plan: Plan, recipe: Recipe, parted: Parted) -> None:
    run.claim()
    write_recipe(recipe, run.recipe)
    write_splits(parted.dataset, run.splits)
    # Last, since a folder with it can be resumed.
    run.write_about({"plan": plan.stored(), "data": parted.fingerprint, "command": sys.argv})


def _list_skipped(prepared: Mapping[str, Prepared], run: RunFolder, watcher: Watcher) -> None:
    skipped = [one for part in prepared.values() for one in part.skipped]
    write_skipped(skipped, run.skipped)
    if skipped:
        watcher.note(f"{len(skipped):,} pictures could not be used; {run.skipped} lists them with the reasons")


def _fit(
    run: RunFolder, plan: Plan, recipe: Recipe, parted: Parted, prepared: Mapping[str, Prepared], watcher: Watcher
) -> Archive:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    task = Classify()
    train, val = prepared["train"], prepared["val"]
    classes = parted.dataset.classes
    state = fit(Job(recipe, task, classes, train, val, run, device, watcher, plan.checkpoint_every_s))
    provenance = {
        "data": {"origin": parted.dataset.origin, "train": len(train), "val": len(val)},
        "metrics": run.read_metrics()[-1],
    }
    return store_archive(build_archive(state.net, recipe, task, classes, provenance), run.model)
