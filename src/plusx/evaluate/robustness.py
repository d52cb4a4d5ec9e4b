"""How a model of pictures fares when they are corrupted: every corruption at every severity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from statistics import fmean
from typing import Any

import numpy as np

from plusx.archive import Archive
from plusx.data.cache import Prepared
from plusx.engines import Engine
from plusx.errors import WrongUse
from plusx.evaluate.corrupt import CORRUPTIONS, SEVERITIES, Corruption
from plusx.evaluate.scores import judge
from plusx.tasks import task_from_json

LIMIT = 1000
"""So many examples are corrupted by default: each is answered 75 times."""
SEED = 0

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Robustness:
    """The task's main score of the same examples, clean and corrupted.

    Args:
        score: its name.
        falls: whether it is the better the lower it is.
        count: of how many examples.
        clean: the score of the clean ones.
        corrupted: by corruption, the score at each severity.

    >>> found = Robustness("accuracy", False, 100, 0.9, {"fog": (0.9, 0.8, 0.7, 0.6, 0.5), "snow": (0.5,) * 5})
    >>> found.mean, found.worst
    (0.6, 'snow')
    """

    score: str
    falls: bool
    count: int
    clean: float
    corrupted: Mapping[str, tuple[float, ...]]

    @property
    def means(self) -> dict[str, float]:
        """Each corruption's, over the severities."""
        return {name: fmean(scores) for name, scores in self.corrupted.items()}

    @property
    def mean(self) -> float:
        """Over all."""
        return fmean(self.means.values())

    @property
    def worst(self) -> str:
        """The corruption with the worst mean."""
        means = self.means
        return (max if self.falls else min)(means, key=lambda name: means[name])

    def as_scores(self) -> dict[str, Any]:
        """As a part of an evaluation's scores; `corruption_relative` is the mean as a share of the clean score."""
        tables = {
            name: {**{str(severity): score for severity, score in zip(SEVERITIES, scores, strict=True)}, "mean": mean}
            for (name, scores), mean in zip(self.corrupted.items(), self.means.values(), strict=True)
        }
        return {
            "corruptions": tables,
            "corruption_mean": self.mean,
            "corruption_worst": self.means[self.worst],
            "corruption_worst_name": self.worst,
            "corruption_clean": self.clean,
            "corruption_relative": self.mean / self.clean if self.clean else None,
            "corruption_score": self.score,
            "corruption_count": self.count,
        }


def check_corruptible(archive: Archive, limit: int | None) -> None:
    """Nothing, if the archive's examples are pictures and the limit is some.

    Raises:
        WrongUse: else.
    """
    modality = archive.manifest.preprocessing["modality"]
    if modality != "image":
        raise WrongUse(f"--corruptions: they are for pictures, this model's examples are {modality}s; leave it out")
    if limit is not None and limit < 1:
        raise WrongUse(f"--limit {limit}: give how many examples are corrupted, 1 or more")


def robustness(
    archive: Archive, engine: Engine, prepared: Prepared, limit: int | None = None, on_progress: Progress | None = None
) -> Robustness:
    """What the archive's task scores on `limit` of the examples, evenly taken, clean and with each corruption.

    The prepared pixels are corrupted, as the network gets them; targets stay.

    Args:
        limit: None: a thousand.
        on_progress: gets (corruption, how many are done, of how many) as each is done.

    Raises:
        WrongUse: the examples are no pictures, or the limit is none.
    """
    check_corruptible(archive, limit)
    task = task_from_json(archive.manifest.task)
    chosen = evenly(prepared, limit or LIMIT)
    clean = judge(archive, engine, chosen).scores
    score = next(name for name in task.JUDGED_BY if name in clean)
    found: dict[str, tuple[float, ...]] = {}
    for name, corruption in CORRUPTIONS.items():
        changes = [partial(_at, corruption, severity) for severity in SEVERITIES]
        found[name] = tuple(float(judge(archive, engine, chosen, change=one).scores[score]) for one in changes)
        if on_progress is not None:
            on_progress(name, len(found), len(CORRUPTIONS))
    return Robustness(score, task.FALLS, len(chosen), float(clean[score]), found)


def evenly(prepared: Prepared, limit: int) -> Prepared:
    """So many of the examples, the first and the last among them; all where they are fewer."""
    if len(prepared) <= limit:
        return prepared
    return prepared.take(np.linspace(0, len(prepared) - 1, limit).round().astype(np.int64))


def _at(corruption: Corruption, severity: int, pictures: np.ndarray, first: int) -> np.ndarray:
    return corruption(pictures, severity, SEED, first)
