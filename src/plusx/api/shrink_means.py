"""What the steps of a shrinking need of a set and of the training: examples, losses, repairs, scores."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from plusx.api.examples import Parted, prepare_examples, read_examples
from plusx.api.plan import Plan, make_plan
from plusx.api.resolve import resolve
from plusx.api.start import find_start
from plusx.api.train import train
from plusx.archive import Archive, read_archive, write_archive
from plusx.data.cache import Prepared, default_cache_dir, prepare_samples
from plusx.data.loader import in_order
from plusx.data.samples import read_dataset
from plusx.engines.choose import passing
from plusx.engines.installed import installed
from plusx.engines.torch import build_network
from plusx.errors import PlusxError
from plusx.evaluate.scores import judge
from plusx.shrinking.importance import Loss
from plusx.shrinking.points import Point
from plusx.shrinking.steps import Means, Quantize, Repair, Steps
from plusx.tasks import task_for, task_from_json
from plusx.training.recipe import Recipe
from plusx.training.speed import measure_speed
from plusx.training.teacher import Teacher
from plusx.training.watch import Silent, Watcher

CHANGES: Mapping[str, str] = {"rate_decay": "1.0", "label_smoothing": "0.0", "distill.weight": "0.7"}
"""Of the fine-tuning's recipe: all stages have changed alike, and what the teacher says is soft enough."""
AWARE_RATE = 0.1
"""A repair as int8 begins from weights that are good in float: it has only to move them a little."""
MEASURED_S = 1.5
FASTEST_FIRST = ("openvino", "onnx", "torch")
BATCH = 32


@dataclass(frozen=True)
class Set:
    """The examples of a shrinking, as the model was trained on them.

    Args:
        plan: as for `train`.
        recipe: of the model's own fine-tuning: how its examples are prepared.
        parted: which examples are in which split.
        prepared: these decoded; without the test split.
        some: training examples as the engines take them, without any augmentation.
    """

    plan: Plan
    recipe: Recipe
    parted: Parted
    prepared: Mapping[str, Prepared]
    some: Prepared


def read_set(archive: Archive, path: Path, choices: Mapping[str, Any], count: int, watcher: Watcher) -> Set:
    """The examples, held out as they were when the model was trained.

    Raises:
        WrongUse: there are no such examples, or the model cannot go on from them.
        PlusxError: they cannot be read.
    """
    trained = archive.manifest.provenance.get("recipe")
    seed = trained.get("seed", 0) if isinstance(trained, dict) else 0
    changes = {"seed": str(seed)}
    asked = {"task": archive.manifest.task["name"], **choices}
    plan = make_plan({**asked, "start": path, "changes": changes, "report": False, "score_test": False})
    parted = read_examples(plan, watcher)
    samples = parted.dataset.split("train")
    recipe = resolve(plan, samples, find_start(path, plan.model))
    prepared = prepare_examples(parted, recipe, plan, watcher)
    rows = np.sort(np.random.default_rng(0).permutation(len(samples))[:count])
    some = prepare_samples(samples.take(rows), recipe.preprocessing, cache=None)
    return Set(plan, recipe, parted, prepared, some)


class HasModels(Protocol):
    """Points, and where their models lie."""

    def point(self, steps: Steps) -> Point: ...

    def model(self, point: Point) -> Path: ...


class Work:
    """A shrinking's means.

    Args:
        archive: the model that is shrunk.
        own: its examples.
        folder: where repairs may work.
        watcher: is told of the training.
    """

    def __init__(self, archive: Archive, own: Set, folder: Path, watcher: Watcher):
        self.archive, self.own, self.folder, self.watcher = archive, own, folder, watcher
        self.teacher_name: str | None = None
        self._teacher: Path | None = None
        self.task = task_from_json(archive.manifest.task)
        trained = task_for(own.parted.dataset.split("train"), own.recipe.task)
        classes = archive.manifest.classes
        # The head of some tasks is there for training alone: then no loss is that of the stored network.
        self._whole = trained.stored_options(classes) == trained.network_options(classes)

    @property
    def means(self) -> Means:
        """For the steps."""
        return Means(
            features=self.own.recipe.preprocessing.features,
            batches=self._batches if self._whole else None,
            examples=self._examples,
            repair=self._repair,
            score=self.score,
        )

    def teach(self, points: HasModels, name: str | None) -> None:
        """From now on the point of this name teaches; None: nobody does."""
        self.teacher_name = name
        steps = {"00": (), "01": (Quantize(),)}
        self._teacher = None if name is None else points.model(points.point(steps[name]))

    def score(self, archive: Archive) -> float:
        """The main score on the validation examples, the higher the better."""
        return self.signed(self.scores(archive, self.own.prepared["val"]))

    def test_split(self) -> dict[str, Prepared]:
        """The test split by its name, where there is one; read when all is chosen."""
        plan, classes = self.own.plan, self.archive.manifest.classes
        dataset = read_dataset(
            plan.data,
            data_dir=None if plan.data_dir is None else Path(plan.data_dir),
            classes=None if self.task.OPEN else classes,
            task=self.task.name,
            modality=plan.modality,
        )
        if dataset.test is None:
            return {}
        cache = default_cache_dir() if plan.cache else None
        return {"test": prepare_samples(dataset.split("test"), self.own.recipe.preprocessing, cache=cache)}

    def scores(self, archive: Archive, prepared: Prepared) -> dict[str, Any]:
        """All scores, by the first engine of `FASTEST_FIRST` that answers the archive right."""
        there = [name for name in FASTEST_FIRST if name in installed()]
        engine = next((engine for _, engine in passing(archive, there)), None)
        if engine is None:
            raise PlusxError(f"{archive.path or 'the model'}: no engine that is installed here answers as it should")
        return judge(archive, engine, prepared).scores

    def signed(self, scores: Mapping[str, Any]) -> float:
        """The main one of a task's scores, the higher the better."""
        main = float(scores[self.task.JUDGED_BY[0]])
        return -main if self.task.FALLS else main

    def repair_in(self, archive: Archive, seconds: float, *, aware: bool = False) -> Repair:
        """The repair of a network that takes so long on this machine; `aware`: one that computes as int8 would."""
        recipe = self._recipe(archive).model_copy(update={"fake_int8": aware})
        count = len(self.own.prepared["train"])
        best: tuple[float, Literal["float32", "bfloat16"]] | None = None
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        names: tuple[Literal["float32", "bfloat16"], ...] = (
            ("float32",) if recipe.precision == "float32" else ("float32", "bfloat16")
        )
        classes = archive.manifest.classes
        trained = task_for(self.own.parted.dataset.split("train"), recipe.task)
        for name in names:
            own = recipe.model_copy(update={"precision": name, "distill": None})
            example_s = measure_speed(own, trained, classes, device, MEASURED_S).train_s
            if best is None or example_s < best[0]:
                best = (example_s, name)
        assert best is not None
        teacher_s = self._teacher_s()
        # A teacher that takes longer than the network itself costs more epochs than it is worth.
        taught = self._teacher is not None and teacher_s <= best[0]
        epochs = seconds / (count * (best[0] + (teacher_s if taught else 0.0)))
        epochs = max(float(f"{epochs:.3g}"), recipe.batch_size / count)
        rate = AWARE_RATE if aware else 1.0
        return Repair(epochs=epochs, precision=best[1], taught=taught, aware=aware, rate=rate)

    def _teacher_s(self) -> float:
        """What the teacher needs for an example."""
        if self._teacher is None:
            return 0.0
        teacher = Teacher(read_archive(self._teacher), self.archive.manifest.classes, torch.device("cpu"))
        batch = next(in_order(self.own.some, 128)).inputs
        teacher(batch)
        began = time.perf_counter()
        teacher(batch)
        return (time.perf_counter() - began) / len(batch)

    def _recipe(self, archive: Archive) -> Recipe:
        with TemporaryDirectory(dir=self.folder) as folder:
            start = _written(archive, Path(folder))
            plan = replace(self.own.plan, start=start)
            return resolve(plan, self.own.parted.dataset.split("train"), find_start(start, plan.model))

    def _repair(self, archive: Archive, step: Repair) -> Archive:
        plan = self.own.plan
        changes = {**CHANGES, **plan.changes, "epochs": str(step.epochs), "precision": step.precision}
        changes["seed"] = str(step.seed or plan.seed)
        if step.rate < 1:
            own = self._recipe(archive).optimizer.model_dump()
            rates = {name: own[name] for name in ("lr", "other_lr") if name in own}
            changes |= {f"optimizer.{name}": repr(step.rate * rate) for name, rate in rates.items()}
        if step.aware:
            changes["fake_int8"] = "true"
        teacher = self._teacher if step.taught else None
        if teacher is None:
            del changes["distill.weight"]
        with TemporaryDirectory(dir=self.folder) as folder:
            choices = {
                **{
                    name: getattr(plan, name)
                    for name in ("data_dir", "modality", "task", "val_fraction", "max_skipped")
                },
                "start": _written(archive, Path(folder)),
                "teacher": teacher,
                "changes": changes,
                "report": False,
                "score_test": False,
                "cache": plan.cache,
            }
            done = train(plan.data, out=Path(folder, "run"), watcher=Epochs(self.watcher), **choices)
            repaired = read_archive(done.model)
        return replace(repaired, path=None)

    def _batches(self, count: int) -> Iterator[tuple[Tensor, Loss]]:
        front = build_network(self.archive).get_submodule("front")
        for batch in in_order(self.own.some.take(np.arange(min(count, len(self.own.some)))), BATCH):

            def loss(outputs: Tensor, targets: Tensor = batch.targets) -> Tensor:
                return self.task.losses(outputs, targets).mean()

            yield front(batch.inputs), loss

    def _examples(self, count: int) -> np.ndarray:
        values = self.own.some.gather(np.arange(min(count, len(self.own.some))))
        return np.ascontiguousarray(np.moveaxis(values, -1, 1))


class Epochs(Silent):
    """Tells a watcher of a repair's steps and epochs, and not of its recipe, which is always alike."""

    def __init__(self, watcher: Watcher):
        self.stepped = watcher.stepped
        self.finished_epoch = watcher.finished_epoch


def _written(archive: Archive, folder: Path) -> Path:
    path = folder / "start.plusx"
    write_archive(archive, path)
    return path
