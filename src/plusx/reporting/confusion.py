"""Which classes are taken for which: all of them, or groups of those that are confused with one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from plusx.page import Block, Figure, Section, Table
from plusx.page.figures import COLOURS, GROUND, INK, drawn
from plusx.reporting.verdict import confused_pairs
from plusx.words import percent

Confusion = Int[np.ndarray, "classes classes"]
MOST_CLASSES = 24
"""So many fit with their names; of more, groups are shown."""
PAIRS = 15
SHOWN_MEMBERS = 6
FROM_SHARE = 0.005


def confusion_section(confusion: Confusion, classes: Sequence[str]) -> Section:
    """The matrix, or that of groups with their members, and the pairs that are confused most."""
    blocks: list[Block] = []
    if len(classes) <= MOST_CLASSES:
        caption = "Rows are the true classes, columns what was answered; shares of each row in per cent."
        blocks.append(Figure(matrix_svg(confusion, classes), caption))
    else:
        blocks += _grouped(confusion, classes)
    pairs = confused_pairs(confusion.tolist(), classes)[:PAIRS]
    if pairs:
        rows = [(one["true"], one["predicted"], one["count"], percent(one["count"] / one["of"])) for one in pairs]
        columns = ("true", "answered", "times", "of the class")
        blocks.append(Table(columns, rows, "The most frequent mistakes.", numeric=columns[2:]))
    return Section("What is taken for what", blocks)


def _grouped(confusion: Confusion, classes: Sequence[str]) -> list[Block]:
    groups = confused_groups(confusion, MOST_CLASSES)
    names = [str(number) for number in range(1, len(groups) + 1)]
    together = np.array([[confusion[np.ix_(row, column)].sum() for column in groups] for row in groups])
    rows = []
    for name, group, own in zip(names, groups, together, strict=True):
        members = ", ".join(classes[place] for place in group[:SHOWN_MEMBERS])
        more = f" and {len(group) - SHOWN_MEMBERS} more" if len(group) > SHOWN_MEMBERS else ""
        seen = max(1, int(own.sum()))
        right = int(confusion[group, group].sum())
        rows.append((name, members + more, len(group), percent(own[int(name) - 1] / seen), percent(right / seen)))
    columns = ("group", "classes", "how many", "answered within", "right")
    caption = (
        f"{len(classes):,} classes in {len(groups)} groups of such as are confused with one another. Rows are the true "
        "groups, columns the answered ones; shares of each row in per cent."
    )
    return [
        Figure(matrix_svg(together, names), caption),
        Table(columns, rows, "The groups, those alike beside one another.", numeric=columns[2:]),
    ]


def confused_groups(confusion: Confusion, most: int) -> list[list[int]]:
    """At most so many groups of classes that are taken for one another, by average linkage; like groups are neighbours.

    The distance of two classes is 1 less how often one is taken for the other, as a share of the rarer one's answers.

    >>> confused_groups(np.array([[5, 0, 3], [0, 9, 0], [4, 0, 5]]), 2)
    [[1], [0, 2]]
    """
    # Here: whoever has few classes needs no clustering.
    from scipy.cluster.hierarchy import average, fcluster, leaves_list
    from scipy.spatial.distance import squareform

    tree = average(squareform(1 - _alike(confusion), checks=False))
    labels = fcluster(tree, most, criterion="maxclust")
    groups: dict[int, list[int]] = {}
    for place in leaves_list(tree):
        groups.setdefault(int(labels[place]), []).append(int(place))
    return list(groups.values())


def _alike(confusion: Confusion) -> Float[np.ndarray, "classes classes"]:
    shares = confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    alike = np.clip((shares + shares.T) / 2, 0, 1)
    np.fill_diagonal(alike, 1)
    return alike


def matrix_svg(confusion: Confusion, names: Sequence[str]) -> str:
    """Each row's shares as depths of colour, with their per cent where there is something to say."""
    shares = confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    side = max(3.4, 0.24 * len(names) + 1.2)
    with drawn(side * 1.08, side) as (axes, done):
        axes.grid(visible=False)
        # Edges would be left white between cells: each overlaps the next a little.
        for row, own in enumerate(shares):
            for column, share in enumerate(own):
                if share >= FROM_SHARE:
                    _cell(axes, row, column, float(share), right=row == column, size=7 if len(names) <= 12 else 5.5)
        axes.set_xlim(-0.5, len(names) - 0.5)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_xticks(range(len(names)), [_short(name) for name in names], rotation=90 if len(names) > 10 else 0)
        axes.set_yticks(range(len(names)), [_short(name) for name in names])
        axes.set_xlabel("answered")
        axes.set_ylabel("true")
        return done()


def _cell(axes: Any, row: int, column: int, share: float, *, right: bool, size: float) -> None:
    from matplotlib.patches import Rectangle

    colour = COLOURS[0] if right else COLOURS[1]
    axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, color=colour, alpha=0.12 + 0.88 * share, linewidth=0))
    words = f"{100 * share:.0f}" if share >= 0.0995 else f"{100 * share:.1f}"
    ink = GROUND if share > 0.6 else INK
    axes.text(column, row, words, ha="center", va="center", fontsize=size, color=ink)


def _short(name: str) -> str:
    return name if len(name) <= 14 else f"{name[:13]}…"
