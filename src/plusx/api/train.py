"""`plusx.train`: from a folder of examples to a stored model, in one process or in many."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import torch

from plusx.api.budget import Deadline, resolve_in_time
from plusx.api.examples import Parted, prepare_together, read_examples, words
from plusx.api.model import Model, load
from plusx.api.plan import Plan, as_begun, make_plan
from plusx.api.resolve import resolve, resolve_ladder, resume_recipe, shown
from plusx.api.start import find_start, note_differences
from plusx.api.teacher import find_teacher, note_other_preparation
from plusx.archive import Archive
from plusx.data.cache import Prepared, write_skipped
from plusx.data.samples import write_splits
from plusx.engines.torch import TorchEngine
from plusx.errors import WrongUse
from plusx.evaluate.scores import batches, judge
from plusx.reporting.document import report
from plusx.reporting.subject import Subject
from plusx.tasks import task_for, task_from_json
from plusx.training.busy import busy_note
from plusx.training.distributed import World, joined
from plusx.training.launched import launch, may_restart, restarts
from plusx.training.loop import Job, fit
from plusx.training.range_test import with_found_lr
from plusx.training.recipe import Recipe, write_recipe
from plusx.training.run import RunFolder
from plusx.training.start import Start, write_start
from plusx.training.state import State
from plusx.training.store import build_archive, store_archive
from plusx.training.teacher import write_teacher
from plusx.training.track import find_trackers
from plusx.training.track.tracker import Tracker
from plusx.training.track.tracking import Tracking
from plusx.training.watch import Both, Silent, Watcher


@dataclass(frozen=True)
class Trained:
    """What a training gave: its folder, its model file, how long it took to get there, and its scores.

    All of its processes get the same.
    """

    run: Path
    model: Path
    duration_s: float
    val: dict[str, Any]
    test: dict[str, Any] | None

    def summary(self) -> dict[str, Any]:
        """All of it as JSON."""
        duration_s = round(self.duration_s, 3)
        return {**asdict(self), "run": str(self.run), "model": str(self.model), "duration_s": duration_s}

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
        data: a folder, CSV or Parquet file, shards, or a known name.
        out: the run's folder; by default a new one under `runs/`.
        resume: continue the run in `out` after its last checkpoint. Under torchrun it begins one where there is none,
            and what torchrun restarts is continued in any case.
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
    with joined() as world:
        watcher = watcher if watcher and world.leads else Silent()
        plan = make_plan({"data": data, **choices})
        trackers = find_trackers(plan.track)
        run = RunFolder(Path(world.told(lambda: str(_folder(plan, out, resume)))))
        resume = world.told(lambda: str(_continues(run, resume))) == str(True)
        plan = as_begun(run, plan) if resume else plan
        parted = read_examples(plan, watcher)
        given = _given(plan) if world.leads and not resume else Given()
        recipe, prepared = _resolved(run, resume, plan, parted, given, began, watcher, world)
        _note_choices(recipe, given, plan, watcher)
        if world.leads and not resume:
            _begin(run, plan, recipe, parted, given)
        job = Job(
            recipe=recipe,
            task=task_for(parted.dataset.split("train"), recipe.task),
            classes=parted.dataset.classes,
            train=prepared["train"],
            val=prepared["val"],
            run=run,
            device=world.device,
            watcher=watcher,
            checkpoint_every_s=plan.checkpoint_every_s,
            world=world,
        )
        with run.held() if world.leads else nullcontext():
            if world.leads:
                _list_skipped(prepared, run, watcher)
            with _tracked(job, trackers) as (job, scored):
                state = fit(job)
                result = world.told(lambda: json.dumps(_store(job, state, parted, prepared, began, plan)))
                scored(json.loads(result))
    return Trained(run.path, run.model, **json.loads(result))


def _note_choices(recipe: Recipe, given: Given, plan: Plan, watcher: Watcher) -> None:
    for key, reason in recipe.reasons.items():
        watcher.note(f"{key}: {shown(recipe, key)} ({reason})")
    note_differences(given.start, recipe, watcher)
    note_other_preparation(given.teacher, plan.teacher, recipe, watcher)
    if (busy := busy_note(torch.get_num_threads())) is not None:
        watcher.note(busy)


class Given(NamedTuple):
    """Trained networks that a new run uses, as its leader read them."""

    start: Start | None = None
    teacher: Archive | None = None


def _given(plan: Plan) -> Given:
    return Given(
        start=find_start(plan.start, plan.model) if plan.start else None,
        teacher=find_teacher(plan.teacher) if plan.teacher else None,
    )


def _folder(plan: Plan, out: str | Path | None, resume: bool) -> Path:
    if out is not None:
        return Path(out)
    if resume:
        raise WrongUse("--resume: name the run's folder with --out")
    if may_restart():
        raise WrongUse("--max-restarts: name the run's folder with --out, so that a restarted process finds it")
    # A colon, as in http://host:8000, is in no folder's name on Windows.
    name = Path(plan.data).stem.replace(":", "-")
    return Path("runs") / f"{name}-{datetime.now():%Y%m%d-%H%M%S}"


def _continues(run: RunFolder, resume: bool) -> bool:
    """Whether the run goes on; else its folder is free.

    A launcher repeats the command it was given, whether or not the process that it replaces came to begin the run.
    """
    restarted = bool(restarts()) or (launch() is not None and run.launch() == launch())
    if restarted or (resume and restarts() is not None):
        resume = run.begun()
        if not resume:
            run.clear_beginning()
    if not resume:
        run.check_free()
    return resume


def _resolved(
    run: RunFolder,
    resume: bool,
    plan: Plan,
    parted: Parted,
    given: Given,
    began: float,
    watcher: Watcher,
    world: World,
) -> tuple[Recipe, Mapping[str, Prepared]]:
    """The run's recipe, the same in all processes, and its prepared examples."""
    train_samples = parted.dataset.split("train")
    if plan.budget_s is not None and not resume:
        if world.size > 1:
            raise WrongUse("--budget: it is measured in one process; in many, give --epochs")
        ladder = resolve_ladder(plan, train_samples, given.start)
        recipe, prepared = resolve_in_time(plan, parted, ladder, Deadline(began, plan.budget_s), world.device, watcher)
    else:
        recipe = _agreed(
            world,
            lambda: resume_recipe(run, plan, parted.fingerprint) if resume else resolve(plan, train_samples, *given),
        )
        prepared = prepare_together(parted, recipe, plan, watcher, world)
    if plan.find_lr and not resume:
        task = task_for(train_samples, recipe.task)
        recipe = _agreed(world, lambda: with_found_lr(recipe, task, prepared["train"], world.device))
    return recipe, prepared


def _agreed(world: World, decide: Callable[[], Recipe]) -> Recipe:
    return Recipe.model_validate_json(world.told(lambda: decide().model_dump_json()))


def _begin(run: RunFolder, plan: Plan, recipe: Recipe, parted: Parted, given: Given) -> None:
    run.claim()
    write_recipe(recipe, run.recipe)
    write_splits(parted.dataset, run.splits)
    kept = {} if given.start is None else {"start": write_start(given.start, run.start).sha256}
    if given.teacher is not None:
        kept["teacher"] = write_teacher(given.teacher, run.teacher)
    # Last, since a folder with it can be resumed.
    about = {"plan": plan.stored(), "data": parted.fingerprint, "command": sys.argv, "launch": launch()}
    run.write_about({**about, **kept})


@contextmanager
def _tracked(
    job: Job, trackers: Mapping[str, type[Tracker]]
) -> Iterator[tuple[Job, Callable[[Mapping[str, Any]], None]]]:
    """The job with a watcher that tells trackers too, and what takes the final scores for them."""
    if not trackers or not job.world.leads:
        yield job, lambda result: None
        return
    with Tracking(job.run, job.recipe, trackers, job.watcher.note) as tracking:
        watched = replace(job, watcher=Both(job.watcher, tracking))
        yield watched, lambda result: tracking.scored({split: result[split] for split in ("val", "test")})


def _list_skipped(prepared: Mapping[str, Prepared], run: RunFolder, watcher: Watcher) -> None:
    skipped = [one for part in prepared.values() for one in part.skipped]
    write_skipped(skipped, run.skipped)
    if skipped:
        many = words(prepared["train"].samples)
        watcher.note(f"{len(skipped):,} {many} could not be used; {run.skipped} lists them with the reasons")


def _store(
    job: Job, state: State, parted: Parted, prepared: Mapping[str, Prepared], began: float, plan: Plan
) -> dict[str, Any]:
    """Writes the model file; gives the scores of what was written, and how long it took until then."""
    provenance = {
        "data": {"origin": parted.dataset.origin, "train": len(job.train), "val": len(job.val)},
        "metrics": job.run.read_metrics()[-1],
    }
    built = build_archive(state.net, job.recipe, job.task, job.classes, provenance, plan.card)
    archive = store_archive(_calibrated(built, job.val), job.run.model)
    duration_s = time.monotonic() - began
    engine = TorchEngine(archive)
    judged = {split: judge(archive, engine, prepared[split]) for split in ("val", "test") if split in prepared}
    if plan.report:
        split = list(judged)[-1]
        about = Subject(archive, engine, prepared[split], split, *judged[split], parted.dataset.origin)
        report(replace(about, course=job.run.read_metrics(), command=sys.argv)).write(job.run.report)
    return {"duration_s": duration_s, "test": None, **{split: own.scores for split, own in judged.items()}}


def _calibrated(archive: Archive, val: Prepared) -> Archive:
    """The archive with what its task learns from the trained network's outputs for the validation examples."""
    task = task_from_json(archive.manifest.task)
    if not task.CALIBRATES:
        return archive
    calibrated = task.calibrated(batches(TorchEngine(archive), val, task.AT_ONCE))
    manifest = archive.manifest.model_copy(update={"task": calibrated.model_dump(mode="json")})
    return replace(archive, manifest=manifest)
