"""What a person should know first, in two sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from plusx.reporting.interval import wilson
from plusx.reporting.subject import Subject
from plusx.words import percent


def verdict(subject: Subject) -> str:
    """How good the model is, with the interval where a share is what counts; and what it does worst."""
    return f"{_how_good(subject)} {_what_fails(subject)}".strip()


def _how_good(subject: Subject) -> str:
    scores, count = subject.scores, subject.scores["count"]
    if subject.task.name not in ("classify", "multilabel"):
        return f"On the {subject.split} split: {subject.task.verdict(scores)}."
    low, high = wilson(scores["accuracy"] * count, count)
    what = "named rightly" if subject.task.name == "classify" else "given exactly the right labels"
    return (
        f"{percent(scores['accuracy'])} of {count:,} {subject.split} {subject.many} are {what} "
        f"(95 % interval: {percent(low)} to {percent(high)})."
    )


def _what_fails(subject: Subject) -> str:
    if "confusion" in subject.scores:
        pairs = confused_pairs(subject.scores["confusion"], subject.classes)
        if not pairs:
            return "Not one of them is confused with another class."
        first = pairs[0]
        times = f"{first['count']:,} of {first['of']:,} times"
        return f"Most often {first['true']} is taken for {first['predicted']}: {times}."
    worst = _worst_class(subject.scores.get("per_class", ()))
    return "" if worst is None else worst


def confused_pairs(confusion: Sequence[Sequence[int]], classes: Sequence[str]) -> list[dict[str, Any]]:
    """Classes that are taken for others, the most frequent mistake first: `true`, `predicted`, `count`, and `of` how
    many examples of the true class.

    >>> confused_pairs([[5, 1], [0, 4]], ["cat", "dog"])
    [{'true': 'cat', 'predicted': 'dog', 'count': 1, 'of': 6}]
    """
    counts = np.array(confusion)
    wrong = counts - np.diag(np.diag(counts))
    true, predicted = np.nonzero(wrong)
    order = np.lexsort((predicted, true, -wrong[true, predicted]))
    totals = counts.sum(1)
    return [
        {
            "true": classes[row],
            "predicted": classes[column],
            "count": int(wrong[row, column]),
            "of": int(totals[row]),
        }
        for row, column in zip(true[order], predicted[order], strict=True)
    ]


def _worst_class(rows: Sequence[Mapping[str, Any]]) -> str | None:
    there = [row for row in rows if row.get("count")]
    if len(there) < 2:
        return None
    figure = [name for name in there[0] if name not in ("label", "count")][-1]
    known = [row for row in there if row[figure] is not None]
    worst = min(known, key=lambda row: row[figure])
    return f"{worst['label']} is done worst: {figure.replace('_', ' ')} {percent(worst[figure])}."
