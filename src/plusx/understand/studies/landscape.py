"""How does the loss look around a trained network?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor, nn

from plusx.data.cache import Prepared
from plusx.page.figures import COLOURS
from plusx.understand.studies.pictures import Pictures
from plusx.understand.studies.spread import Finding, Row, by_seed, compare, percents, spread
from plusx.understand.studies.study import Note, Panel, Settings, Study
from plusx.understand.studies.training import KINDS, fit_net, layers_of, loss

HIGHEST = 1e6
"""Losses above it, and those that are no number, count as it."""


class Landscape(Settings, frozen=True):
    """`blocks` in each stage; a square grid of `points` a side reaches `reach` filter norms from the weights."""

    blocks: PositiveInt = 9
    points: int = Field(default=21, ge=5, description="rounded down to one more than a multiple of four")
    reach: PositiveFloat = 1.0
    looked_at: PositiveInt = Field(default=1024, description="training pictures that the loss is the mean of")


def direction(network: nn.Module, seed: int) -> dict[str, Tensor]:
    """A random direction, each filter of it as long as the network's own (arXiv 1712.09913, section 4).

    A filter is what gives one output: a row of a convolution's or linear layer's weights. Biases and normalisations
    keep their place, as in the paper's drawings.
    """
    random = torch.Generator().manual_seed(seed)
    found = {}
    for name, weight in network.named_parameters():
        if weight.ndim < 2:
            continue
        drawn = torch.randn(weight.shape, generator=random)
        others = tuple(range(1, weight.ndim))
        lengths = torch.linalg.vector_norm(weight.detach(), dim=others, keepdim=True)
        found[name] = drawn * (lengths / torch.linalg.vector_norm(drawn, dim=others, keepdim=True))
    return found


def surface(
    network: nn.Module,
    prepared: Prepared,
    across: Mapping[str, Tensor],
    along: Mapping[str, Tensor],
    steps: Sequence[float],
) -> list[list[float]]:
    """The mean loss at weights + a * across + b * along, for each b a row and in it each a of `steps`."""
    moved = deepcopy(network)
    own = dict(network.named_parameters())
    found: list[list[float]] = []
    for b in steps:
        row = []
        for a in steps:
            with torch.no_grad():
                for name, weight in moved.named_parameters():
                    if name in across:
                        weight.copy_(own[name] + a * across[name] + b * along[name])
            there = loss(moved, prepared)
            row.append(min(there, HIGHEST) if there == there else HIGHEST)
        found.append(row)
    return found


def bent_down(losses: Sequence[Sequence[float]]) -> float:
    """The share of second differences along both axes that are below 0: none of a convex surface are.

    >>> bent_down([[4, 1, 0, 1, 4]] * 3), bent_down([[0, 1, 0]] * 3)
    (0.0, 0.5)
    """
    grid = np.array(losses, float)
    bends = [np.diff(grid, 2, axis=axis).ravel() for axis in (0, 1)]
    return float((np.concatenate(bends) < -1e-9).mean())


def rise(losses: Sequence[Sequence[float]]) -> float:
    """How much the loss rises from the middle to half of the grid's reach, the mean of four directions.

    >>> rise([[9, 9, 4, 9, 9], [9, 9, 1, 9, 9], [4, 1, 0, 1, 4], [9, 9, 1, 9, 9], [9, 9, 4, 9, 9]])
    1.0
    """
    grid = np.array(losses, float)
    middle, half = len(grid) // 2, max(1, len(grid) // 4)
    there = [
        grid[middle + half, middle],
        grid[middle - half, middle],
        grid[middle, middle + half],
        grid[middle, middle - half],
    ]
    return float(np.mean(there) - grid[middle, middle])


def run(settings: Landscape, pictures: Pictures, note: Note) -> list[Row]:
    """A row a network: `kind`, `layers`, `seed`, `steps`, `losses` of the grid, `middle`, `rise`, `bent_down`."""
    rows: list[Row] = []
    # The network itself and half of the reach must be among the points.
    count = max(5, (settings.points - 1) // 4 * 4 + 1)
    steps = np.linspace(-settings.reach, settings.reach, count).round(6).tolist()
    some = pictures.train.take(np.arange(min(settings.looked_at, len(pictures.train))))
    for seed in settings.seeds:
        for kind, options in KINDS.items():
            fitted = fit_net(settings, pictures, settings.blocks, seed, options)
            across, along = (direction(fitted.network, 2 * seed + axis) for axis in (0, 1))
            losses = surface(fitted.network, some, across, along, steps)
            row = {
                "kind": kind,
                "layers": layers_of(settings.blocks),
                "seed": seed,
                "middle": losses[count // 2][count // 2],
                "rise": rise(losses),
                "bent_down": bent_down(losses),
                "steps": steps,
                "losses": losses,
            }
            rows.append(row)
            note(f"seed {seed}, {kind}: loss {row['middle']:.3f}, {row['rise']:+.3f} at half of the reach")
    return rows


def findings(rows: Sequence[Row]) -> list[Finding]:
    """The middle, the slope and the bends of both surfaces."""

    def of(kind: str, value: str) -> tuple[str, dict[int, float]]:
        return kind, by_seed(rows, value, kind=kind)

    return [
        compare(
            "Without shortcuts training ends at a higher loss.",
            of("plain", "middle"),
            of("residual", "middle"),
            "{:.3f}".format,
        ),
        compare(
            "Without shortcuts the loss rises faster around the trained network (at half of the reach).",
            of("plain", "rise"),
            of("residual", "rise"),
            "{:.3f}".format,
        ),
        compare(
            "Without shortcuts more of the surface bends down, as no convex one does.",
            of("plain", "bent_down"),
            of("residual", "bent_down"),
            percents,
        ),
    ]


def table(rows: Sequence[Row]) -> tuple[list[str], list[list[Any]]]:
    """Middle, rise and bends."""
    forms = {"middle": "{:.3f}".format, "rise": "{:.3f}".format, "bent_down": percents}
    lines = [
        [
            f"{kind}-{rows[0]['layers']}",
            *(spread(list(by_seed(rows, value, kind=kind).values()), form) for value, form in forms.items()),
        ]
        for kind in KINDS
    ]
    return ["network", "loss of the network", "rise at half of the reach", "bends down"], lines


def _contours(axes: Any, rows: Sequence[Row], kind: str) -> None:
    row = next(row for row in rows if row["kind"] == kind)
    # The same levels in both drawings, by factors, since the surfaces' heights differ by orders of magnitude.
    every = np.concatenate([np.ravel(one["losses"]) for one in rows if one["seed"] == row["seed"]])
    levels = np.geomspace(max(1e-3, every.min()), max(2e-3, every.max()), 14)
    heights = np.clip(row["losses"], levels[0], levels[-1])
    filled = axes.contourf(row["steps"], row["steps"], heights, levels, cmap="viridis", norm="log")
    axes.figure.colorbar(filled, ax=axes, label="loss", format="%.2g", shrink=0.8)
    axes.plot(0, 0, "+", color=COLOURS[1], markersize=9)
    axes.set(
        title=f"{kind}-{row['layers']}",
        xlabel="first direction, filter norms",
        ylabel="second direction",
        aspect="equal",
    )


def _cuts(axes: Any, rows: Sequence[Row]) -> None:
    for kind, colour in zip(KINDS, COLOURS[1::-1], strict=True):
        for place, row in enumerate(one for one in rows if one["kind"] == kind):
            cut = row["losses"][len(row["losses"]) // 2]
            axes.plot(
                row["steps"], cut, color=colour, alpha=0.8, label=f"{kind}-{row['layers']}" if place == 0 else None
            )
    axes.set(xlabel="first direction, filter norms", ylabel="loss", yscale="log")
    axes.legend(fontsize=8)


LANDSCAPE = Study(
    name="landscape",
    question="How does the loss look around a trained network, with and without shortcuts?",
    source="Li et al., arXiv 1712.09913, sections 4 and 5",
    claim="Along random directions whose filters are as long as the network's, the loss around deep networks without "
    "shortcuts is chaotic and not convex; shortcuts keep it smooth and nearly convex, at whatever depth.",
    settings=Landscape(),
    quick=Landscape(blocks=5, epochs=12, points=13, looked_at=256, side=14, train=1500, test=1500),
    run=run,
    findings=findings,
    table=table,
    panels=(
        Panel(
            "Lines of equal loss around the plain network of the first seed; each is a fixed factor above the next.",
            lambda axes, rows: _contours(axes, rows, "plain"),
            width=4.2,
            height=4.0,
        ),
        Panel(
            "The same around the residual network, at the same levels.",
            lambda axes, rows: _contours(axes, rows, "residual"),
            width=4.2,
            height=4.0,
        ),
        Panel("The loss along the first direction, a line for each seed.", _cuts),
    ),
    limits="The paper has networks of 20, 56 and 110 layers on CIFAR-10 and grids of 51 x 51 and more. Two random "
    "directions of tens of thousands see little of a surface; a plane without bends proves nothing of the others.",
)
