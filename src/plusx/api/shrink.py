"""`plusx.shrink`: a trained model to the fastest one that is hardly worse, measured on this machine."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from plusx.api.model import load
from plusx.api.shrink_means import Work, read_set
from plusx.api.shrink_points import Points
from plusx.api.shrink_search import search
from plusx.archive.members import MODEL_FILE
from plusx.data.files import atomic_write
from plusx.errors import PlusxError, WrongUse
from plusx.reporting.interval import wilson
from plusx.shrinking.opened import network_of
from plusx.shrinking.page import shrink_page
from plusx.shrinking.pareto import chosen, front
from plusx.shrinking.points import Point
from plusx.shrinking.wishes import Wishes
from plusx.tasks import Task
from plusx.training.watch import Silent, Watcher

EXAMPLES = 1024
"""Training examples by which channels are judged, and of which int8 is calibrated."""


@dataclass(frozen=True)
class Shrunk:
    """What a shrinking gave.

    Args:
        out: its folder.
        model: the chosen model's file.
        points: all models that were made, their speeds measured in turn at the end.
        chosen: the name of the chosen one; the first is the model that was given.
        scores: of the given and the chosen one on the val split and, where there is one, the test split.
        duration_s: of all of it.
    """

    out: Path
    model: Path
    points: tuple[Point, ...]
    chosen: str
    scores: Mapping[str, Mapping[str, Any]]
    duration_s: float

    @property
    def page(self) -> Path:
        """Its page."""
        return self.out / "shrink.html"

    @property
    def best(self) -> Point:
        """The chosen point."""
        return next(point for point in self.points if point.name == self.chosen)

    @property
    def ratio(self) -> float:
        """Examples a second of the chosen one on its fastest engine, over those of the given one in torch."""
        return self.best.per_second / self.points[0].speeds["torch"].per_second

    def summary(self) -> dict[str, Any]:
        """All of it as JSON."""
        return {
            "out": str(self.out),
            "model": str(self.model),
            "page": str(self.page),
            "chosen": self.chosen,
            "front": [point.name for point in front(self.points)],
            "points": [point.as_json() for point in self.points],
            "scores": self.scores,
            "ratio": self.ratio,
            "duration_s": round(self.duration_s, 3),
        }


def shrink(
    model: str | Path,
    data: str | Path,
    *,
    out: str | Path | None = None,
    resume: bool = False,
    from_point: str | Path | None = None,
    watcher: Watcher | None = None,
    max_drop: float = 0.5,
    target_latency_ms: float | None = None,
    target_size_bytes: int | None = None,
    budget_s: float = 600.0,
    aware: bool = False,
    **choices: Any,
) -> Shrunk:
    """Searches for a smaller and faster form of a trained model, and stores it.

    Blocks are dropped, channels removed, what is left is repaired by training with the given model as teacher, and
    turned into int8; each form's speed is measured on this machine's engines. Everything is chosen by the val split;
    the test split, where there is one, is read once, at the end.

    Args:
        model: a `.plusx` file or a run's folder, in float.
        data: what it was trained on.
        out: a new folder; by default one under `runs/`.
        resume: go on with the search in `out`.
        from_point: a point's `point.json`: its steps are made again, and nothing is searched.
        watcher: is told of the progress.
        max_drop, target_latency_ms, target_size_bytes, budget_s, aware: see `Wishes`.
        choices: where and how the examples are read: `data_dir`, `modality`, `val_fraction`, `max_skipped`, `cache`.

    Raises:
        WrongUse: a choice that does not fit, or an int8 model.
        PlusxError: model or data cannot be used, or the folder is taken.
    """
    began = time.monotonic()
    watcher = watcher or Silent()
    wishes = Wishes(max_drop, target_latency_ms, target_size_bytes, budget_s, aware)
    archive = load(model).archive
    # Found wrong now, and not after the examples are decoded.
    network_of(archive)
    folder = _folder(model, out, resume)
    own = read_set(archive, Path(model), {"data": data, **choices}, EXAMPLES, watcher)
    _make(folder)
    work = Work(archive, own, folder, watcher)
    points = Points(work, folder)
    if resume:
        points.read_back()
    try:
        if from_point is None:
            search(points, work, wishes, began)
        else:
            points.point(())
            points.again(Path(from_point))
    except KeyboardInterrupt:
        if not points.all:
            raise
        watcher.note("interrupted: the best so far is kept; --resume goes on")
    points.measure_together()
    best = points.all[-1] if from_point is not None else _best(points, work.task, wishes)
    shutil.copyfile(points.model(best), folder / MODEL_FILE)
    scores = _scores(points, best, work)
    shrunk = Shrunk(folder, folder / MODEL_FILE, tuple(points.all), best.name, scores, time.monotonic() - began)
    with atomic_write(folder / "shrink.json") as file:
        file.write(json.dumps(shrunk.summary(), indent=1) + "\n")
    least = wishes.least(work.task, points.given.score)
    page = shrink_page(shrunk.points, best, least, work.task, verdict(shrunk, work.task), str(data))
    page.write(shrunk.page)
    return shrunk


def _best(points: Points, task: Task, wishes: Wishes) -> Point:
    least = wishes.least(task, points.given.score)
    return chosen(points.all, least, wishes.target_latency_ms, wishes.target_size_bytes)


def _scores(points: Points, best: Point, work: Work) -> dict[str, dict[str, Any]]:
    """Those of the given model and the chosen one, by split."""
    pair = {"given": points.archive(()), "chosen": points.archive(best.steps)}
    splits = {"val": work.own.prepared["val"], **work.test_split()}
    return {
        which: {split: work.scores(own, prepared) for split, prepared in splits.items()} for which, own in pair.items()
    }


def verdict(shrunk: Shrunk, task: Task) -> list[str]:
    """What came of it, in lines for a person: scores with their 95 % intervals where they are shares of examples."""
    main = task.JUDGED_BY[0]
    lines: list[str] = []
    for split in shrunk.scores["given"]:
        parts = [_shown(main, which, shrunk.scores[which][split]) for which in ("given", "chosen")]
        lines.append(f"{split}: {main} {parts[0]}, {parts[1]}")
    lines.append(
        f"{shrunk.best.per_second:,.0f} examples a second by {shrunk.best.engine}, {shrunk.ratio:.1f} times those of "
        "the given model by torch"
    )
    return lines


def _shown(main: str, which: str, scores: Mapping[str, Any]) -> str:
    value, count = float(scores[main]), int(scores["count"])
    if main != "accuracy":
        return f"{value:.4g} ({which})"
    low, high = wilson(round(value * count), count)
    return f"{100 * value:.2f} % ({which}; 95 % interval {100 * low:.2f} to {100 * high:.2f})"


def _folder(model: str | Path, out: str | Path | None, resume: bool) -> Path:
    if resume:
        if out is None or not (Path(out) / "points").is_dir():
            raise WrongUse("--resume: name the folder of a shrinking with --out")
        return Path(out)
    name = Path(model).parent.name if Path(model).suffix else Path(model).name
    folder = Path(out) if out is not None else Path("runs") / f"shrink-{name}-{datetime.now():%Y%m%d-%H%M%S}"
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise WrongUse(f"--out {folder}: something is there already; give a new folder, or --resume")
    return folder


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PlusxError(f"--out {folder}: the folder cannot be made: {error.strerror}") from None
