"""Several models beside one another, asked about the same examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from plusx.errors import WrongUse
from plusx.page import Block, Figure, Note, Page, Paragraph, Section, Table
from plusx.page.figures import COLOURS, drawn
from plusx.reporting.course import curves
from plusx.reporting.interval import wilson
from plusx.reporting.subject import Subject
from plusx.reporting.worst import losses_of
from plusx.words import percent

RESAMPLES = 2000
SIGNIFICANT = 0.05
CLASSES_SHOWN = 20


class McNemar(NamedTuple):
    """What differs between two models on the same examples.

    Args:
        first: how many only the first is right about.
        second: and only the second.
        p: how probable so uneven a split of these is where both are equally good, by the exact test.
    """

    first: int
    second: int
    p: float


def mcnemar(first: Bool[np.ndarray, " count"], second: Bool[np.ndarray, " count"]) -> McNemar:
    """McNemar's test (1947), exact: of the examples that one alone is right about, each is a coin's throw.

    >>> mcnemar(np.array([True] * 9 + [False]), np.array([False] * 8 + [True, True]))
    McNemar(first=8, second=1, p=0.0390625)
    """
    # Here: it takes a tenth of a second to import.
    from scipy.stats import binomtest

    alone, other = int((first & ~second).sum()), int((second & ~first).sum())
    p = float(binomtest(alone, alone + other).pvalue) if alone + other else 1.0
    return McNemar(alone, other, p)


def compared(subjects: Sequence[Subject], names: Sequence[str]) -> Page:
    """The page: each model's scores, what differs between the first and each other one, by class too, and the curves.

    Raises:
        WrongUse: the models were asked other things, or about other examples.
    """
    _check_alike(subjects, names)
    others = list(zip(subjects[1:], names[1:], strict=True))
    verdicts = [_verdict(subjects[0], names[0], other, name) for other, name in others]
    sections = [
        Section("Scores", [_scores(subjects, names)]),
        Section("What differs", [Note(one) for one in verdicts]),
        *(_by_class(subjects[0], names[0], other, name) for other, name in others if "per_class" in other.scores),
    ]
    if all(subject.course for subject in subjects):
        runs = [subject.course for subject in subjects]
        blocks: list[Block] = [
            Figure(curves(runs, "loss", "loss", names), "Loss an example; training is dashed."),
            Figure(curves(runs, "accuracy", "accuracy, %", names), "What is counted while training."),
        ]
        sections.append(Section("How they learned", blocks))
    return Page(f"{subjects[0].data}: {', '.join(names)}", verdicts[0], sections)


def _check_alike(subjects: Sequence[Subject], names: Sequence[str]) -> None:
    first = subjects[0]
    for subject, name in zip(subjects[1:], names[1:], strict=True):
        if subject.task.name != first.task.name or list(subject.classes) != list(first.classes):
            raise WrongUse(f"report: {names[0]} and {name} were not trained for the same answers; compare others")
        ours, theirs = ([one.prepared.name(place) for place in range(len(one.prepared))] for one in (first, subject))
        if ours != theirs:
            raise WrongUse(
                f"report: {names[0]} and {name} do not have the same {first.split} examples; train them on one set "
                "with one seed, or with a test split"
            )


def _scores(subjects: Sequence[Subject], names: Sequence[str]) -> Table:
    shown = [name for name, value in subjects[0].scores.items() if isinstance(value, int | float)]
    rows = [[name.replace("_", " "), *(subject.scores.get(name) for subject in subjects)] for name in shown]
    caption = f"On the same {len(subjects[0].prepared):,} {subjects[0].many} of the {subjects[0].split} split."
    return Table(["figure", *names], rows, caption, numeric=names)


def _verdict(first: Subject, name: str, second: Subject, other: str) -> str:
    if first.task.name == "classify" and first.outputs is not None and second.outputs is not None:
        truth = first.prepared.targets
        ours, theirs = (one.argmax(1) == truth for one in (first.outputs, second.outputs))
        return _counted(mcnemar(ours, theirs), name, other, len(truth))
    return _by_loss(first, name, second, other)


def _counted(found: McNemar, name: str, other: str, count: int) -> str:
    words = (
        f"{name} alone is right about {found.first:,} of {count:,}, {other} alone about {found.second:,} "
        f"(McNemar's exact test: p = {found.p:.2g})."
    )
    if found.p >= SIGNIFICANT:
        return f"{words} That is no more than chance would give: neither is shown to be better."
    return f"{words} {name if found.first > found.second else other} is better."


def _by_loss(first: Subject, name: str, second: Subject, other: str) -> str:
    if first.task.OPEN:
        ours, theirs = (percent(one.scores["accuracy"]) for one in (first, second))
        return f"The nearest other is alike for {ours} by {name}, for {theirs} by {other}."
    _, ours = losses_of(first)
    _, theirs = losses_of(second)
    mean, low, high = bootstrapped(theirs - ours)
    words = (
        f"The loss of {other} less that of {name} is {mean:.4g} an example (95 % interval: {low:.4g} to {high:.4g})."
    )
    if low <= 0 <= high:
        return f"{words} Neither is shown to be better."
    return f"{words} {name if mean > 0 else other} is better."


def bootstrapped(differences: Float[np.ndarray, " count"]) -> tuple[float, float, float]:
    """The mean, and its 95 % interval by 2,000 resamples of the examples (Efron 1979, percentiles).

    >>> bootstrapped(np.ones(5))
    (1.0, 1.0, 1.0)
    """
    random = np.random.default_rng(0)
    means = [
        float(differences[random.integers(0, len(differences), len(differences))].mean()) for _ in range(RESAMPLES)
    ]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(differences.mean()), float(low), float(high)


def _by_class(first: Subject, name: str, second: Subject, other: str) -> Section:
    """The classes whose last figure differs most, with the interval of shares that are recalls."""
    ours = {row["label"]: row for row in first.scores["per_class"]}
    figure = "recall" if "recall" in first.scores["per_class"][0] else list(first.scores["per_class"][0])[-1]
    rows = [
        (row["label"], row["count"], ours[row["label"]][figure], row[figure], row[figure] - ours[row["label"]][figure])
        for row in second.scores["per_class"]
        if row[figure] is not None and ours[row["label"]][figure] is not None
    ]
    rows = sorted(rows, key=lambda row: -abs(row[4]))[:CLASSES_SHOWN]
    columns = ("class", "count", name, other, "difference")
    caption = f"{figure.replace('_', ' ')} of each class, the largest differences first."
    blocks: list[Block] = [Table(columns, rows, caption, numeric=columns[1:])]
    if figure == "recall":
        blocks.insert(0, Paragraph("Points are recalls with their 95 % intervals (Wilson): few examples say little."))
        blocks.append(
            Figure(_recalls_svg(rows[:12], name, other), f"The classes that {name} and {other} differ on most.")
        )
    return Section(f"By class: {name} and {other}", blocks)


def _recalls_svg(rows: Sequence[tuple[str, int, float, float, float]], name: str, other: str) -> str:
    with drawn(5.0, 0.8 + 0.28 * len(rows)) as (axes, done):
        for shift, place, label, colour in ((-0.14, 2, name, COLOURS[0]), (0.14, 3, other, COLOURS[1])):
            shares = [float(row[place]) for row in rows]
            ends = [
                wilson(share * row[1], row[1]) if row[1] else (0.0, 1.0)
                for share, row in zip(shares, rows, strict=True)
            ]
            heights = np.arange(len(rows)) + shift
            axes.hlines(
                heights, [100 * low for low, _ in ends], [100 * high for _, high in ends], color=colour, alpha=0.5
            )
            axes.plot([100 * share for share in shares], heights, "o", color=colour, markersize=4, label=label)
        axes.set_yticks(range(len(rows)), [row[0] for row in rows])
        axes.invert_yaxis()
        axes.set_xlabel("recall, %")
        axes.legend()
        return done()
