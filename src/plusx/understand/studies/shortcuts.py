"""Which shortcut, A, B, C or none?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import PositiveInt

from plusx.page.figures import COLOURS
from plusx.understand.studies.pictures import Pictures
from plusx.understand.studies.plots import in_percent
from plusx.understand.studies.spread import Finding, Row, by_seed, compare, means, percents, spread, unique
from plusx.understand.studies.study import Note, Panel, Settings, Study
from plusx.understand.studies.training import errors, fit_net, layers_of

KINDS: dict[str, str | None] = {"none": None, "A": "A", "B": "B", "C": "C"}


class Shortcuts(Settings, frozen=True):
    """`blocks` in each stage of every network."""

    blocks: PositiveInt = 9


def run(settings: Shortcuts, pictures: Pictures, note: Note) -> list[Row]:
    """A row a network: `shortcut`, `layers`, `params`, `seed`, `train_error`, `test_error`."""
    rows: list[Row] = []
    for seed in settings.seeds:
        for name, shortcut in KINDS.items():
            fitted = fit_net(settings, pictures, settings.blocks, seed, {"shortcut": shortcut})
            row = {
                "shortcut": name,
                "layers": layers_of(settings.blocks),
                "params": sum(parameter.numel() for parameter in fitted.net.parameters()),
                "seed": seed,
                **errors(fitted, pictures),
            }
            rows.append(row)
            note(f"seed {seed}, shortcut {name}: test error {percents(row['test_error'])}")
    return rows


def findings(rows: Sequence[Row]) -> list[Finding]:
    """The order of table 3, neighbour by neighbour."""

    def of(name: str) -> tuple[str, dict[int, float]]:
        return name, by_seed(rows, "test_error", shortcut=name)

    return [
        compare("A network without shortcuts has a higher test error than with A.", of("none"), of("A"), percents),
        compare("A, which has no parameters, has a higher test error than B.", of("A"), of("B"), percents),
        compare("B, projections where the shape changes, has a higher test error than C.", of("B"), of("C"), percents),
    ]


def table(rows: Sequence[Row]) -> tuple[list[str], list[list[Any]]]:
    """Parameters and errors by shortcut."""
    lines = [
        [
            name,
            int(next(row["params"] for row in rows if row["shortcut"] == name)),
            *(
                spread(list(by_seed(rows, value, shortcut=name).values()), percents)
                for value in ("train_error", "test_error")
            ),
        ]
        for name in unique(rows, "shortcut")
    ]
    return ["shortcut", "parameters", "training error", "test error"], lines


def _by_shortcut(axes: Any, rows: Sequence[Row]) -> None:
    names = unique(rows, "shortcut")
    for offset, value, words, colour in (
        (-0.2, "train_error", "training", COLOURS[0]),
        (0.2, "test_error", "test", COLOURS[1]),
    ):
        _, middle, deviation = means(rows, value, "shortcut")
        places = [place + offset for place in range(len(names))]
        axes.bar(places, middle, width=0.38, color=colour, alpha=0.75, label=words)
        axes.errorbar(places, middle, yerr=deviation, fmt="none", ecolor=COLOURS[7], capsize=3)
    axes.set(xlabel="shortcut", ylabel="error", xticks=range(len(names)), xticklabels=names)
    in_percent(axes)
    axes.legend(fontsize=8)


SHORTCUTS_STUDY = Study(
    name="shortcuts",
    question="Which shortcut: zeros, projections where needed, projections everywhere, or none?",
    source="He et al., arXiv 1512.03385, table 3",
    claim="On ImageNet all three shortcuts are far better than none (ResNet-34, top-1 error: none 28.54 %, A 25.03 %, "
    "B 24.52 %, C 24.19 %). B is slightly better than A and C marginally better than B; projections are not essential.",
    settings=Shortcuts(),
    quick=Shortcuts(blocks=5, epochs=15, side=14, train=1500, test=1500),
    run=run,
    findings=findings,
    table=table,
    panels=(Panel("Error by shortcut: mean of the seeds and one standard deviation.", _by_shortcut),),
    limits="The paper's table is of a 34-layer network on ImageNet; on CIFAR it used A only.",
)
