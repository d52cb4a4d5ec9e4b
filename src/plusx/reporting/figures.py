"""The numbers behind a verdict, by class or target, and what is particular to a task."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np

from plusx.page import Block, Figure, Section, Table
from plusx.page.figures import COLOURS, INK, drawn
from plusx.reporting.calibration import calibration_section
from plusx.reporting.confusion import confusion_section
from plusx.reporting.subject import Subject
from plusx.tasks.classify import Classify
from plusx.tasks.regress import Regress

POINTS = 1500
KINDS = ("per_class", "per_target")


def own_sections(subject: Subject) -> list[Section]:
    """What is particular to the task; nothing of most."""
    return OWN.get(subject.task.name, _nothing)(subject)


def figures_section(subject: Subject) -> Section:
    """The scores: all of them, and by class or target."""
    return Section("The figures", [_whole(subject), *_parts(subject.scores)])


def _whole(subject: Subject) -> Table:
    shown = [
        (name.replace("_", " "), value) for name, value in subject.scores.items() if isinstance(value, int | float)
    ]
    return Table(("figure", "value"), shown, "Shares are of 1; losses are means an example.", numeric=("value",))


def _parts(scores: Mapping[str, Any]) -> list[Block]:
    tables: list[Block] = []
    for kind in KINDS:
        rows = scores.get(kind, ())
        if len(rows) < 2:
            continue
        columns = list(rows[0])
        last = columns[-1]
        # The worst first: nobody reads a thousand rows to find them.
        order = sorted(rows, key=lambda row: (row[last] is None, row[last]))
        cells = [[row[name] for name in columns] for row in order]
        names = [name.replace("_", " ") for name in columns]
        caption = f"Each {kind.removeprefix('per_')}, the worst by {names[-1]} first."
        tables.append(Table(names, cells, caption, numeric=names[1:]))
    return tables


def _nothing(subject: Subject) -> list[Section]:
    return []


def _classes(subject: Subject) -> list[Section]:
    assert subject.outputs is not None
    confusion = confusion_section(np.array(subject.scores["confusion"]), subject.classes)
    return [confusion, calibration_section(cast(Classify, subject.task), subject.outputs, subject.prepared.targets)]


def _numbers(subject: Subject) -> list[Section]:
    """Each target's answers beside the truth, with their intervals where there are some."""
    assert subject.outputs is not None
    task = cast(Regress, subject.task)
    answers = task.answers(subject.outputs, subject.classes)
    truth = subject.prepared.targets.astype(np.float64)
    values, lows, highs = (
        np.array([np.atleast_1d(np.nan if one[part] is None else one[part]) for one in answers])
        for part in ("value", "low", "high")
    )
    caption = "Answers by what is true; on the line both are equal."
    if "coverage" in subject.scores:
        caption += f" Lines are the intervals that are to hold {100 * task.coverage:g} %."
    blocks = [
        Figure(scatter_svg(truth[:, place], values[:, place], (lows[:, place], highs[:, place]), name), caption)
        for place, name in enumerate(subject.classes)
    ]
    return [Section("Answers beside the truth", blocks)]


def scatter_svg(truth: np.ndarray, values: np.ndarray, ends: Sequence[np.ndarray], name: str) -> str:
    """One target's answers; of many examples some, evenly."""
    chosen = np.unique(np.linspace(0, len(truth) - 1, min(POINTS, len(truth))).astype(int))
    truth, values, low, high = (one[chosen] if one.shape == truth.shape else one for one in (truth, values, *ends))
    with drawn(4.4, 4.0) as (axes, done):
        if np.isfinite(low).all():
            axes.vlines(truth, low, high, color=COLOURS[0], alpha=0.18, linewidth=0.8, rasterized=len(truth) > 300)
        axes.scatter(truth, values, s=6, color=COLOURS[0], alpha=0.6, linewidths=0, rasterized=len(truth) > 300)
        ends_of = [min(truth.min(), values.min()), max(truth.max(), values.max())]
        axes.plot(ends_of, ends_of, color=INK, linewidth=0.8, alpha=0.6)
        axes.set_xlabel(f"{name}, true")
        axes.set_ylabel(f"{name}, answered")
        return done()


OWN: dict[str, Callable[[Subject], list[Section]]] = {"classify": _classes, "regress": _numbers}
"""By task: what is particular to it."""
