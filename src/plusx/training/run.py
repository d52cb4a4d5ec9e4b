"""A run's folder: the recipe, what was trained on, the metrics, checkpoints, and at the end the model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from plusx.data.files import PARTIAL, atomic_write, only_owner
from plusx.errors import PlusxError, WrongUse
from plusx.training.watch import Epoch


class RunFolder:
    """The files of one run and their names.

    >>> RunFolder(Path("runs/digits")).model
    PosixPath('runs/digits/model.plusx')
    """

    def __init__(self, path: Path):
        self.path = path
        self.model = path / "model.plusx"
        self.recipe = path / "recipe.json"
        self.about = path / "run.json"
        self.metrics = path / "metrics.jsonl"
        self.skipped = path / "skipped.csv"
        self.splits = path / "splits.csv"
        self.report = path / "report.html"
        self.start = path / "start.safetensors"
        self.teacher = path / "teacher.plusx"
        self.checkpoints = path / "checkpoints"

    def check_free(self) -> None:
        """Refuses a folder that is in use.

        Raises:
            WrongUse: something is in it already; a run is never trained over.
        """
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise WrongUse(f"--out {self.path}: something is there already; give --resume, or a new folder")

    def begun(self) -> bool:
        """Whether the folder holds a run: run.json is the last file that a beginning writes."""
        return self.about.exists()

    def launch(self) -> str | None:
        """Which call of a launcher began the run; None where none did, or there is no run."""
        return self.read_about().get("launch") if self.begun() else None

    def clear_beginning(self) -> None:
        """Deletes what a beginning that was killed left in a folder without a run."""
        for path in (self.recipe, self.splits, self.start, self.teacher, *self.path.glob(f".*{PARTIAL}")):
            path.unlink(missing_ok=True)

    def claim(self) -> None:
        """Makes the folder for a new run.

        Raises:
            WrongUse: something is in it already.
            PlusxError: it cannot be made.
        """
        self.check_free()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PlusxError(f"--out {self.path}: the folder cannot be made: {error.strerror}") from None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keeps the run to this process, and clears away what a killed one left half-written.

        Raises:
            WrongUse: another process trains in it.
        """
        try:
            with only_owner(self.path):
                yield
        except BlockingIOError:
            raise WrongUse(
                f"--out {self.path}: another process trains in it; wait for it, or give another folder"
            ) from None

    def write_about(self, about: Mapping[str, Any]) -> None:
        """Stores what the run was started with, by what a resumed run is held to it."""
        with atomic_write(self.about) as file:
            file.write(json.dumps(dict(about), indent=2) + "\n")

    def read_about(self) -> dict[str, Any]:
        """What `write_about` stored.

        Raises:
            WrongUse: the folder holds no run.
        """
        try:
            return json.loads(self.about.read_text())
        except (OSError, ValueError):
            raise WrongUse(f"--resume: {self.path} holds no run; give the run's folder with --out") from None

    def append_metrics(self, row: Epoch) -> None:
        """Adds a row to metrics.jsonl."""
        with self.metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(row)) + "\n")

    def read_metrics(self) -> list[dict[str, Any]]:
        """All rows of metrics.jsonl; a last one that a kill cut short is left out."""
        if not self.metrics.exists():
            return []
        rows: list[dict[str, Any]] = []
        for line in self.metrics.read_text(encoding="utf-8").splitlines():
            try:
                rows.append(json.loads(line))
            except ValueError:
                break
        return rows

    def keep_metrics(self, up_to_step: int) -> None:
        """Drops the rows after a step: those that a resumed run will write again."""
        rows = [row for row in self.read_metrics() if row["step"] <= up_to_step]
        with atomic_write(self.metrics) as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
