"""Several seeds: what a difference between them may be called, by one rule for all studies."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, stdev
from typing import Any, Literal, NamedTuple

Row = dict[str, Any]
"""Plain numbers, words and lists of them, as JSON has them."""

Status = Literal["shown", "not shown", "contrary", "one seed"]
VERDICTS: dict[Status, str] = {
    "shown": "Shown in this run",
    "not shown": "Not shown in this run",
    "contrary": "This run shows the contrary",
    "one seed": "Undecided: one seed says nothing of chance",
}
RULE = (
    "A difference counts as shown where all seeds agree in its sign and its mean over the seeds exceeds twice its "
    "standard error; three seeds agree by chance alone one time in four."
)


class Finding(NamedTuple):
    """A claim, what this run says of it, and the numbers that say so."""

    claim: str
    status: Status
    numbers: str


def by_seed(rows: Sequence[Row], value: str, **where: Any) -> dict[int, float]:
    """A value of the rows that are `where` says, by their seeds; of several rows of a seed the last.

    >>> by_seed([{"kind": "a", "seed": 0, "x": 2.0}, {"kind": "b", "seed": 0, "x": 3.0}], "x", kind="b")
    {0: 3.0}
    """
    return {row["seed"]: row[value] for row in rows if all(row[name] == wanted for name, wanted in where.items())}


def judge(differences: Sequence[float]) -> Status:
    """What differences that should be above 0, a seed each, show.

    >>> judge([0.2, 0.3, 0.25]), judge([-0.1, 0.3, 0.2]), judge([-0.2, -0.3, -0.25]), judge([0.5])
    ('shown', 'not shown', 'contrary', 'one seed')
    """
    if len(differences) < 2:
        return "one seed"
    mean, error = fmean(differences), stdev(differences) / math.sqrt(len(differences))
    if abs(mean) <= 2 * error or min(differences) * max(differences) <= 0:
        return "not shown"
    return "shown" if mean > 0 else "contrary"


def compare(
    claim: str,
    larger: tuple[str, Mapping[int, float]],
    smaller: tuple[str, Mapping[int, float]],
    form: Callable[[float], str],
) -> Finding:
    """Whether the first named numbers are larger than the second ones, seed by seed.

    >>> compare("a is larger", ("a", {0: 0.4, 1: 0.5}), ("b", {0: 0.1, 1: 0.2}), "{:.2f}".format)
    Finding(claim='a is larger', status='shown', numbers='a: 0.45 ± 0.07; b: 0.15 ± 0.07.')
    """
    differences = [value - smaller[1][seed] for seed, value in larger[1].items()]
    words = "; ".join(f"{name}: {spread(list(values.values()), form)}" for name, values in (larger, smaller))
    return Finding(claim, judge(differences), f"{words}.")


def spread(values: Sequence[float], form: Callable[[float], str]) -> str:
    """Mean and standard deviation in words; of one value no deviation.

    >>> spread([1.0, 2.0], "{:.2f}".format), spread([1.0], "{:.2f}".format)
    ('1.50 ± 0.71', '1.00')
    """
    return form(fmean(values)) + (f" ± {form(stdev(values))}" if len(values) > 1 else "")


def percents(share: float) -> str:
    """A share as a person reads it.

    >>> percents(0.0356)
    '3.56 %'
    """
    return f"{100 * share:.2f} %"


def unique(rows: Sequence[Row], name: str) -> list[Any]:
    """The different values of a column, as they come."""
    return list(dict.fromkeys(row[name] for row in rows))


def means(rows: Sequence[Row], value: str, over: str, **where: Any) -> tuple[list[Any], list[float], list[float]]:
    """For each value of the column `over`: mean and standard deviation (0 of one seed) of `value` over the seeds."""
    places = [place for place in unique(rows, over) if by_seed(rows, value, **where, **{over: place})]
    columns = [list(by_seed(rows, value, **where, **{over: place}).values()) for place in places]
    return places, [fmean(column) for column in columns], [stdev(c) if len(c) > 1 else 0.0 for c in columns]
