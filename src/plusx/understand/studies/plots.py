"""What the studies' drawings share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from plusx.understand.studies.spread import Row, means


def line(
    axes: Any,
    rows: Sequence[Row],
    value: str,
    over: str,
    *,
    label: str,
    colour: str,
    style: str = "-",
    **where: Any,
) -> None:
    """The mean of `value` over the seeds at each `over`, with a band of one standard deviation."""
    places, middle, deviation = means(rows, value, over, **where)
    axes.plot(places, middle, style, marker="o", markersize=3.5, color=colour, label=label)
    low, high = np.array(middle) - deviation, np.array(middle) + deviation
    axes.fill_between(places, low, high, color=colour, alpha=0.15, linewidth=0)


def mean_list(rows: Sequence[Row], value: str, **where: Any) -> np.ndarray:
    """The mean over the seeds of a column of lists; empty where no row fits."""
    lists = [row[value] for row in rows if all(row[name] == wanted for name, wanted in where.items())]
    shortest = min(map(len, lists), default=0)
    return np.array([one[:shortest] for one in lists], float).mean(axis=0) if lists else np.array([])


def in_percent(axes: Any) -> None:
    """Shares on the y axis in percent."""
    axes.yaxis.set_major_formatter(lambda value, place: f"{100 * value:g} %")
    # A logarithmic axis would name those between in its own words.
    axes.yaxis.set_minor_formatter(lambda value, place: "")
