"""The folder of a shrinking: each point's model and how it is made, measured when it is stored."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from plusx.api.shrink_means import Work
from plusx.archive import Archive, read_archive, write_archive
from plusx.archive.members import MODEL_FILE
from plusx.data.files import atomic_write
from plusx.errors import PlusxError, WrongUse
from plusx.shrinking.points import Point
from plusx.shrinking.speed import engines_of, speeds
from plusx.shrinking.steps import Steps, in_words, made, steps_from_json

TOGETHER_S = 0.4
"""For each engine of each point, where all are measured in turn."""


class Points:
    """The points of a shrinking, from the given model on.

    Args:
        work: the means of its steps.
        folder: theirs; each point lies in `points/NN`.
    """

    def __init__(self, work: Work, folder: Path):
        self._work, self._folder, self._of = work, folder, digest(work.archive)
        self._archives: dict[Steps, Archive] = {(): work.archive}
        self.all: list[Point] = []

    @property
    def given(self) -> Point:
        """The model that was given."""
        return self.all[0]

    def model(self, point: Point) -> Path:
        """A point's model file."""
        return self._folder / "points" / point.name / MODEL_FILE

    def archive(self, steps: Steps) -> Archive:
        """The archive after these steps, made from the longest beginning that there is."""
        if steps not in self._archives:
            done = max(count for count in range(len(steps)) if steps[:count] in self._archives)
            self._archives[steps] = made(self._archives[steps[:done]], steps[done:], self._work.means)
        return self._archives[steps]

    def point(self, steps: Steps) -> Point:
        """The point of these steps: made, measured and stored, unless it is there."""
        there = next((point for point in self.all if point.steps == steps), None)
        return there or self._store(steps, self.archive(steps))

    def _store(self, steps: Steps, archive: Archive) -> Point:
        name = f"{len(self.all):02d}"
        path = self._folder / "points" / name / MODEL_FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        own = {"of": self._of, "steps": [step.model_dump(mode="json") for step in steps]}
        provenance = {**archive.manifest.provenance, "shrink": own}
        manifest = archive.manifest.model_copy(update={"provenance": provenance})
        write_archive(replace(archive, manifest=manifest, path=None), path)
        point = Point(
            name=name,
            made=in_words(steps),
            score=self._work.score(archive),
            speeds=speeds(engines_of(archive), example_of(archive)),
            size_bytes=path.stat().st_size,
            steps=steps,
        )
        with atomic_write(path.parent / "point.json") as file:
            file.write(
                json.dumps({**point.as_json(), "of": self._of, "teacher": self._work.teacher_name}, indent=1) + "\n"
            )
        self.all.append(point)
        self._work.watcher.note(
            f"point {name}: {point.made}: {self._work.task.JUDGED_BY[0]} {abs(point.score):.4f}, "
            f"{point.latency_ms:.3g} ms, {point.per_second:,.0f} a second ({point.engine}), "
            f"{point.size_bytes / 1e6:.3g} MB"
        )
        return point

    def measure_together(self) -> None:
        """Measures all points in turn: what was measured when each was made may have met a busier machine."""
        running = {
            f"{place} {name}": engine
            for place, point in enumerate(self.all)
            for name, engine in engines_of(self.archive(point.steps)).items()
        }
        found = speeds(running, example_of(self._work.archive), seconds=TOGETHER_S)
        for place, point in enumerate(self.all):
            own = {name.split()[1]: speed for name, speed in found.items() if name.split()[0] == str(place)}
            self.all[place] = replace(point, speeds=own)

    def read_back(self) -> None:
        """Takes up the points that lie in the folder.

        Raises:
            WrongUse: they are of another model.
            PlusxError: one cannot be read.
        """
        for path in sorted((self._folder / "points").glob("*/point.json")):
            steps, stored = read_steps(path, "--resume")
            if stored["of"] != self._of:
                raise WrongUse(f"--resume: {self._folder} shrinks another model; give a new folder")
            self.all.append(Point.of_json(stored))
            self._archives[steps] = replace(read_archive(path.parent / MODEL_FILE), path=None)

    def again(self, path: Path) -> Point:
        """The point of a `point.json`, made anew from the given model.

        Raises:
            WrongUse: it is of another model.
            PlusxError: it cannot be read.
        """
        steps, stored = read_steps(path, "--from-point")
        if stored["of"] != self._of:
            raise WrongUse(f"--from-point {path}: it was made of another model; give that one as MODEL")
        self._work.teach(self, stored["teacher"])
        return self.point(steps)


def read_steps(path: Path, flag: str) -> tuple[Steps, dict]:
    """A stored point's steps, and all that is stored.

    Raises:
        PlusxError: the file cannot be read, or is no point's.
    """
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        # All that is used later is asked for now.
        _ = Point.of_json(stored), stored["of"], stored["teacher"]
        return steps_from_json(stored["steps"]), stored
    except OSError as error:
        raise PlusxError(f"{flag} {path}: it cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, ValidationError):
        raise PlusxError(f"{flag} {path}: it is no point.json of a shrinking") from None


def digest(archive: Archive) -> str:
    """SHA-256 in hex of a network's form and weights."""
    found = hashlib.sha256(json.dumps(archive.manifest.network, sort_keys=True).encode())
    for name in sorted(archive.weights):
        found.update(name.encode() + np.ascontiguousarray(archive.weights[name]).tobytes())
    return found.hexdigest()


def example_of(archive: Archive) -> np.ndarray:
    """An input to measure with, `(1, ...)`."""
    return archive.golden.inputs[-1:]
