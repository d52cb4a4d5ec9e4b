"""Does a deeper plain network learn its own training set worse, and a residual one not?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field, PositiveInt

from plusx.page.figures import COLOURS
from plusx.understand.studies.pictures import Pictures
from plusx.understand.studies.plots import in_percent, line, mean_list
from plusx.understand.studies.spread import Finding, Row, by_seed, compare, percents, spread, unique
from plusx.understand.studies.study import Note, Panel, Settings, Study
from plusx.understand.studies.training import KINDS, errors, fit_net, layers_of


class Degradation(Settings, frozen=True):
    """`blocks` of each network's stages, from shallow to deep."""

    blocks: tuple[PositiveInt, ...] = Field(default=(1, 3, 5, 9, 18), min_length=2)


def run(settings: Degradation, pictures: Pictures, note: Note) -> list[Row]:
    """A row a network: `kind`, `layers`, `seed`, `train_error`, `test_error`, and `curve`, the error by epoch."""
    rows: list[Row] = []
    for seed in settings.seeds:
        for blocks in settings.blocks:
            for kind, options in KINDS.items():
                fitted = fit_net(settings, pictures, blocks, seed, options)
                found = errors(fitted, pictures)
                rows.append({"kind": kind, "layers": layers_of(blocks), "seed": seed, **found, "curve": fitted.curve})
                note(
                    f"seed {seed}, {kind}, {layers_of(blocks)} layers: training error {percents(found['train_error'])}"
                )
    return rows


def findings(rows: Sequence[Row]) -> list[Finding]:
    """The claims of figures 1 and 6, the shallowest network against the deepest."""
    shallow, *_, deep = unique(rows, "layers")

    def of(kind: str, layers: int, value: str) -> tuple[str, dict[int, float]]:
        return f"{kind}-{layers}", by_seed(rows, value, kind=kind, layers=layers)

    return [
        compare(
            f"A plain network of {deep} layers has a higher training error than one of {shallow}.",
            of("plain", deep, "train_error"),
            of("plain", shallow, "train_error"),
            percents,
        ),
        compare(
            f"At {deep} layers the training error with shortcuts is lower than without.",
            of("plain", deep, "train_error"),
            of("residual", deep, "train_error"),
            percents,
        ),
        compare(
            f"With shortcuts {deep} layers have a lower test error than {shallow}.",
            of("residual", shallow, "test_error"),
            of("residual", deep, "test_error"),
            percents,
        ),
        compare(
            f"At {deep} layers the test error with shortcuts is lower than without.",
            of("plain", deep, "test_error"),
            of("residual", deep, "test_error"),
            percents,
        ),
    ]


def table(rows: Sequence[Row]) -> tuple[list[str], list[list[Any]]]:
    """Training and test error by depth."""
    lines = [
        [
            f"{kind}-{layers}",
            *(
                spread(list(by_seed(rows, value, kind=kind, layers=layers).values()), percents)
                for value in ("train_error", "test_error")
            ),
        ]
        for kind in KINDS
        for layers in unique(rows, "layers")
    ]
    return ["network", "training error", "test error"], lines


def _by_depth(axes: Any, rows: Sequence[Row]) -> None:
    for kind, colour in zip(KINDS, COLOURS[1::-1], strict=True):
        for value, words, style in (("train_error", "training", "-"), ("test_error", "test", "--")):
            line(axes, rows, value, "layers", label=f"{kind}, {words}", colour=colour, style=style, kind=kind)
    axes.set(xlabel="layers", ylabel="error", xticks=unique(rows, "layers"))
    in_percent(axes)
    axes.legend(fontsize=8)


def _by_epoch(axes: Any, rows: Sequence[Row]) -> None:
    depths = unique(rows, "layers")
    for kind, colour in zip(KINDS, COLOURS[1::-1], strict=True):
        for layers, style in ((depths[0], ":"), (depths[-1], "-")):
            curve = mean_list(rows, "curve", kind=kind, layers=layers)
            axes.plot(range(1, len(curve) + 1), curve, style, color=colour, label=f"{kind}-{layers}")
    axes.set(xlabel="epoch", ylabel="training error", yscale="log")
    in_percent(axes)
    axes.legend(fontsize=8)


DEGRADATION = Study(
    name="degradation",
    question="Do deeper networks learn worse, and do shortcuts mend it?",
    source="He et al., arXiv 1512.03385, figures 1 and 6",
    claim="Of plain networks the deeper one has the higher training error, so it is not overfitting, although every "
    "network has batch normalisation and a solution as good as the shallower one's exists by construction. With "
    "shortcuts the deeper network has the lower error, in training and on the test set.",
    settings=Degradation(),
    quick=Degradation(blocks=(1, 3, 9), epochs=15, side=14, train=1500, test=1500),
    run=run,
    findings=findings,
    table=table,
    panels=(
        Panel("Error after training by depth: mean of the seeds, with a band of one standard deviation.", _by_depth),
        Panel(
            "Training error by epoch of the shallowest and the deepest networks, counted while they learn.", _by_epoch
        ),
    ),
    limits="The paper trains for 64,000 steps on 45,000 colour pictures of 32 x 32, shifted and mirrored, with 16 "
    "filters in the first stage. Here networks are narrower, trainings shorter and pictures are not changed.",
)
