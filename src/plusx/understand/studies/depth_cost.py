"""Depth or width, at the same cost?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field, PositiveInt

from plusx.model.cost import cost
from plusx.page.figures import COLOURS
from plusx.understand.studies.pictures import Pictures
from plusx.understand.studies.plots import in_percent, line
from plusx.understand.studies.spread import Finding, Row, by_seed, compare, percents, spread, unique
from plusx.understand.studies.study import Note, Panel, Settings, Study
from plusx.understand.studies.training import RESIDUAL, errors, fit_net, layers_of


class DepthCost(Settings, frozen=True):
    """Steps of both axes: f times as deep and f ** 0.5 times as wide cost about the same."""

    blocks: PositiveInt = Field(default=1, description="in each stage of the smallest network")
    factors: tuple[PositiveInt, ...] = Field(default=(2, 3, 4), min_length=1, description="width's; depth's squared")


def networks(settings: DepthCost) -> list[tuple[str, int, int]]:
    """(axis, blocks, width) of each network: the smallest on both axes, then pairs of about the same MACs.

    >>> networks(DepthCost(factors=(2,)))
    [('depth', 1, 8), ('width', 1, 8), ('depth', 4, 8), ('width', 1, 16)]
    """
    steps = [1, *settings.factors]
    return [
        network
        for factor in steps
        for network in (
            ("depth", settings.blocks * factor**2, settings.width),
            ("width", settings.blocks, settings.width * factor),
        )
    ]


def run(settings: DepthCost, pictures: Pictures, note: Note) -> list[Row]:
    """A row a network: `axis`, `step`, `layers`, `width`, `macs`, `params`, `seed`, `train_error`, `test_error`."""
    rows: list[Row] = []
    for seed in settings.seeds:
        trained: dict[tuple[int, int], Row] = {}
        for place, (axis, blocks, width) in enumerate(networks(settings)):
            if (blocks, width) not in trained:
                trained[blocks, width] = _measured(settings, pictures, blocks, width, seed)
                found = trained[blocks, width]
                note(
                    f"seed {seed}, {found['layers']} layers, width {width}: test error {percents(found['test_error'])}"
                )
            rows.append({"axis": axis, "step": place // 2, **trained[blocks, width]})
    return rows


def _measured(settings: DepthCost, pictures: Pictures, blocks: int, width: int, seed: int) -> Row:
    fitted = fit_net(settings, pictures, blocks, seed, {**RESIDUAL, "num_filters": width})
    costs = cost(fitted.net, pictures.spec.features)
    return {
        "layers": layers_of(blocks),
        "width": width,
        "macs": costs.macs,
        "params": costs.params,
        "seed": seed,
        **errors(fitted, pictures),
    }


def findings(rows: Sequence[Row]) -> list[Finding]:
    """Whether either axis helps, and which one more at the highest cost."""
    last = max(row["step"] for row in rows)

    def of(axis: str, step: int) -> tuple[str, dict[int, float]]:
        one = next(row for row in rows if row["axis"] == axis and row["step"] == step)
        name = f"{one['layers']} layers of {one['width']}, {one['macs'] / 1e6:.1f} M MACs"
        return name, by_seed(rows, "test_error", axis=axis, step=step)

    return [
        compare("More layers lower the test error.", of("depth", 0), of("depth", last), percents),
        compare("More filters lower the test error.", of("width", 0), of("width", last), percents),
        compare(
            "At about the same cost the wide, shallow network has the lower test error.",
            of("depth", last),
            of("width", last),
            percents,
        ),
    ]


def table(rows: Sequence[Row]) -> tuple[list[str], list[list[Any]]]:
    """Cost and errors of each network."""
    lines: list[list[Any]] = []
    for axis in ("depth", "width"):
        for step in unique(rows, "step"):
            own = [row for row in rows if row["axis"] == axis and row["step"] == step]
            found = (spread(list(by_seed(own, value).values()), percents) for value in ("train_error", "test_error"))
            one = own[0]
            lines.append([axis, one["layers"], one["width"], one["params"], one["macs"] / 1e6, *found])
    return ["axis", "layers", "width", "parameters", "MACs, M", "training error", "test error"], lines


def _by_cost(axes: Any, rows: Sequence[Row]) -> None:
    for axis, colour in (("depth", COLOURS[0]), ("width", COLOURS[1])):
        mega = [{**row, "mega": row["macs"] / 1e6} for row in rows]
        line(axes, mega, "test_error", "mega", label=f"more {axis}", colour=colour, axis=axis)
    costs = sorted(unique(rows, "macs"))
    axes.set(xlabel="multiply-accumulates a picture, millions", ylabel="test error", xscale="log")
    axes.set_xticks([macs / 1e6 for macs in costs], [f"{macs / 1e6:.2g}" for macs in costs])
    axes.xaxis.set_minor_formatter(lambda value, place: "")
    in_percent(axes)
    axes.legend(fontsize=8)


DEPTH_COST = Study(
    name="depth-cost",
    question="Depth or width, at the same cost?",
    source="He et al., arXiv 1512.03385, table 6; Zagoruyko and Komodakis, arXiv 1605.07146, section 3",
    claim="Both papers report lower errors from larger networks: the first from more layers, up to 110 on CIFAR; the "
    "second holds that width does as well as depth or better at the same cost, and computes faster.",
    settings=DepthCost(),
    quick=DepthCost(factors=(2, 3), epochs=12, side=14, train=1500, test=1500),
    run=run,
    findings=findings,
    table=table,
    panels=(Panel("Test error by cost: mean of the seeds, with a band of one standard deviation.", _by_cost),),
    limits="Cost is counted in multiply-accumulates; what a processor takes for them differs, and favours width.",
)
