"""How a training went: its curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from plusx.page import Block, Figure, Section
from plusx.page.figures import COLOURS, drawn

Rows = Sequence[Mapping[str, Any]]


def course_section(rows: Rows) -> list[Section]:
    """Loss and what was counted beside it, for training and validation, and the learning rate; nothing of no rows."""
    if not rows:
        return []
    measure = rows[-1].get("measure", "accuracy")
    last = rows[-1]
    blocks: list[Block] = [
        Figure(curves([rows], "loss", "loss"), "Loss an example, in training (augmented) and on the validation split."),
        Figure(
            curves([rows], "accuracy", f"{measure}, %"),
            f"Share of {'boxes found' if measure == 'found' else 'right answers'}; at the end "
            f"{100 * last['val_accuracy']:.2f} % on the validation split after {last['elapsed_s']:,.0f} s.",
        ),
    ]
    return [Section("How it learned", blocks)]


def curves(runs: Sequence[Rows], what: str, label: str, names: Sequence[str] = ("",)) -> str:
    """A line for training, dashed, and one for validation, of each run over one another.

    Args:
        runs: each one's rows of metrics.jsonl.
        what: `loss` or `accuracy`, which is drawn in per cent.
        label: of the axis.
        names: of the runs.
    """
    factor = 100 if what == "accuracy" else 1
    with drawn() as (axes, done):
        for rows, name, colour in zip(runs, names, COLOURS, strict=False):
            epochs = [row["epoch"] for row in rows]
            # A run of one epoch has one point, which a line does not show.
            marker = "o" if len(rows) < 12 else None
            for part, dash in (("train", "--"), ("val", "-")):
                values = [factor * row[f"{part}_{what}"] for row in rows]
                title = f"{name} {'training' if part == 'train' else 'validation'}".strip()
                axes.plot(epochs, values, dash, color=colour, marker=marker, markersize=3.5, label=title)
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
        axes.legend()
        return done()
