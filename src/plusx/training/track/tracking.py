"""A watcher that tells trackers what metrics.jsonl is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from plusx.training.recipe import Recipe
from plusx.training.run import RunFolder
from plusx.training.track.tracker import Parameter, Tracker
from plusx.training.watch import Epoch, Silent


class Tracking(Silent):
    """Tells trackers of a run, and closes them when its block ends.

    A tracker that fails is noted once and left out from then on. What it was not told is made up for from
    metrics.jsonl when the run is resumed, as it is for a tracker that comes new to a resumed run.

    Args:
        run: its folder, in which trackers keep what is theirs.
        recipe: its values are the parameters, by dotted names.
        trackers: as `find_trackers` gives them.
        note: is told of a failure in one line.
    """

    def __init__(
        self, run: RunFolder, recipe: Recipe, trackers: Mapping[str, type[Tracker]], note: Callable[[str], None]
    ) -> None:
        self._run, self._recipe, self._trackers, self._note = run, recipe, trackers, note
        self._open: dict[str, Tracker] = {}
        self._told: dict[str, int] = {}

    def __enter__(self) -> Tracking:
        parameters = dict(flat(self._recipe.model_dump(mode="json", exclude={"reasons"})))
        for name, tracker in self._trackers.items():
            try:
                self._open[name] = tracker(self._run.path, parameters)
            except Exception as error:
                self._failed(name, error)
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self._tell(lambda name, tracker: tracker.close(failed=kind is not None))

    def finished_epoch(self, epoch: Epoch, epochs: float) -> None:
        rows = [row for row in self._run.read_metrics() if row["step"] < epoch.step]
        rows.append(asdict(epoch))
        self._tell(lambda name, tracker: self._tell_rows(name, tracker, rows))

    def scored(self, scores: Mapping[str, Mapping[str, Any] | None]) -> None:
        """The final scores of each split; only those that are one number are told, as `split/name`."""
        rows = self._run.read_metrics()
        figures = {f"{split}/{name}": value for split, part in scores.items() for name, value in numbers(part or {})}

        def finish(name: str, tracker: Tracker) -> None:
            self._tell_rows(name, tracker, rows)
            tracker.finish(rows[-1]["step"], figures)

        self._tell(finish)

    def _tell_rows(self, name: str, tracker: Tracker, rows: list[dict[str, Any]]) -> None:
        if name not in self._told:
            self._told[name] = tracker.resume(rows[-1]["step"])
        for row in rows:
            if row["step"] > self._told[name]:
                tracker.row(row["step"], dict(numbers({key: row[key] for key in row if key != "step"})))
                self._told[name] = row["step"]

    def _tell(self, what: Callable[[str, Tracker], None]) -> None:
        for name, tracker in list(self._open.items()):
            try:
                what(name, tracker)
            except Exception as error:
                del self._open[name]
                self._failed(name, error)
                with suppress(Exception):
                    tracker.close(failed=True)

    def _failed(self, name: str, error: Exception) -> None:
        reason = " ".join(str(error).split()) or type(error).__name__
        self._note(f"--track {name}: it failed ({reason}); the training goes on without it")


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Parameter]]:
    """Nested values by dotted names, as `--set` names them; lists and nulls as JSON.

    >>> dict(flat({"lr": 0.1, "optimizer": {"betas": [0.9, 0.99]}, "patience": None}))
    {'lr': 0.1, 'optimizer.betas': '[0.9, 0.99]', 'patience': 'null'}
    """
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value if isinstance(value, str | int | float) else json.dumps(value)


def numbers(values: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Those values that are one number each.

    >>> dict(numbers({"accuracy": 0.5, "split": "val", "confusion": [[1]], "done": True}))
    {'accuracy': 0.5}
    """
    return ((k, v) for k, v in values.items() if isinstance(v, int | float) and not isinstance(v, bool))
