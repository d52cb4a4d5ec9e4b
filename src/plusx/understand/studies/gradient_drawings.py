"""What the gradients' study draws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from plusx.page.figures import COLOURS
from plusx.understand.studies.gradient_norms import CASES
from plusx.understand.studies.plots import mean_list
from plusx.understand.studies.spread import Row, unique
from plusx.understand.studies.study import Panel

TREATMENTS: dict[str, str] = {"batch norm": COLOURS[0], "no norm": COLOURS[1], "no norm, unit gain": COLOURS[5]}
STROKES = {"plain": "--", "residual": "-", "residual v2": ":"}
VANISHED = 1e-3
"""A gradient vanishes on its way where less than this share of it arrives at the first block."""


def _look(case: str) -> dict[str, str]:
    """A colour a treatment, a stroke a kind of network."""
    kind, treatment = case.split(", ", 1)
    return {"color": TREATMENTS[treatment], "linestyle": STROKES[kind]}


def _by_block(axes: Any, rows: Sequence[Row]) -> None:
    start = [row for row in rows if row["moment"] == "start"]
    deep = max(row["layers"] for row in start)
    for case in CASES:
        norms = mean_list(start, "maps", case=case, layers=deep)
        axes.plot(range(1, len(norms) + 1), norms, label=case, **_look(case))
    axes.set(xlabel="block", ylabel="gradient at its output", yscale="log")
    axes.legend(fontsize=7)


def _by_depth(axes: Any, rows: Sequence[Row]) -> None:
    start = [row for row in rows if row["moment"] == "start"]
    _ratios(axes, start, "layers")
    axes.axhline(VANISHED, color=COLOURS[7], linestyle=":")
    axes.set(xlabel="layers", ylabel="share that arrives at the first block", xticks=unique(start, "layers"))


def _by_epoch(axes: Any, rows: Sequence[Row]) -> None:
    _ratios(axes, [row for row in rows if row["moment"] == "training"], "epoch")
    axes.set(xlabel="epoch", ylabel="share that arrives at the first block")
    axes.xaxis.get_major_locator().set_params(integer=True)


def _ratios(axes: Any, rows: Sequence[Row], over: str) -> None:
    """Geometric means over the seeds, since the shares differ by factors."""
    for case in CASES:
        own = [row for row in rows if row["case"] == case and row["arrives"]]
        places = unique(own, over)
        logs = [[math.log(row["arrives"]) for row in own if row[over] == place] for place in places]
        axes.plot(
            places, [math.exp(sum(log) / len(log)) for log in logs], marker="o", markersize=3, label=case, **_look(case)
        )
    axes.set(yscale="log")


def _by_layer(axes: Any, rows: Sequence[Row]) -> None:
    during = [row for row in rows if row["moment"] == "training"]
    for case, colour in zip(list(CASES)[:3], COLOURS, strict=False):
        for epoch, style in ((0, ":"), (max(row["epoch"] for row in during), "-")):
            norms = mean_list(during, "weights", case=case, epoch=epoch)
            axes.plot(range(1, len(norms) + 1), norms, style, color=colour, label=f"{case}, epoch {epoch}")
    axes.set(xlabel="3x3 layer", ylabel="gradient of its weights", yscale="log")
    axes.legend(fontsize=7)


PANELS = (
    Panel(
        "Gradient at the output of each block of the deepest networks before training; mean of the seeds.",
        _by_block,
    ),
    Panel(
        "How much of the last block's gradient arrives at the first, before training, by depth. Dotted: what "
        "counts as vanished; colours and strokes are the first drawing's.",
        _by_depth,
    ),
    Panel(
        "The same during training, of the networks that are trained; where training broke a network down, "
        "its gradient says nothing more.",
        _by_epoch,
    ),
    Panel("Gradient of each 3x3 layer's weights, dotted before training and in full after it.", _by_layer),
)
