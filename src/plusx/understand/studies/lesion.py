"""What happens when single blocks of a trained network are deleted or swapped?"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from itertools import combinations
from statistics import fmean, median
from typing import Any

from pydantic import PositiveInt
from torch import Tensor, nn

from plusx.model.resnet import ResNet
from plusx.page.figures import COLOURS
from plusx.residual import Residual
from plusx.understand.studies.pictures import Pictures
from plusx.understand.studies.plots import in_percent, mean_list
from plusx.understand.studies.spread import Finding, Row, by_seed, compare, percents, spread, unique
from plusx.understand.studies.study import Note, Panel, Settings, Study
from plusx.understand.studies.training import KINDS, error, fit_net, layers_of


class Lesion(Settings, frozen=True):
    """`blocks` in each stage of both networks."""

    blocks: PositiveInt = 9


class Nothing(nn.Module):
    """A branch that adds nothing, whatever shape its shortcut gives.

    >>> import torch
    >>> Residual(Nothing(), nn.Identity())(torch.ones(1, 2)).tolist()
    [[1.0, 1.0]]
    """

    def forward(self, x: Tensor) -> Tensor:
        return x.new_zeros(())


def same_shape(net: ResNet) -> list[str]:
    """The names of the blocks that give what comes in its shape: all but the first of each stage that changes it.

    >>> same_shape(ResNet([2, 2], 8))
    ['stages.0.0', 'stages.0.1', 'stages.1.1']
    """
    widths, strides = net.spec["num_filters"], net.spec["strides"]
    assert isinstance(widths, int)
    assert strides is None
    firsts = {f"stages.{stage}.0" for stage in range(1, len(net.spec["num_layers"]))}
    return [name for name, _ in net.residuals() if name not in firsts]


def without(network: nn.Module, name: str) -> nn.Module:
    """A copy in which the block of this name only passes on what its shortcut brings; a plain block passes its input.

    A plain block that changes the shape cannot be left out.
    """
    copy = deepcopy(network)
    block = copy.get_submodule(name)
    assert isinstance(block, Residual)
    if block.shortcut is None:
        copy.set_submodule(name, nn.Identity())
    else:
        block.branch = Nothing()
    return copy


def swapped(network: nn.Module, one: str, other: str) -> nn.Module:
    """A copy in which two blocks stand in one another's places."""
    copy = deepcopy(network)
    first, second = copy.get_submodule(one), copy.get_submodule(other)
    copy.set_submodule(one, second)
    copy.set_submodule(other, first)
    return copy


def pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    """All pairs of blocks of the same stage.

    >>> pairs(["stages.0.1", "stages.0.2", "stages.1.1"])
    [('stages.0.1', 'stages.0.2')]
    """
    return [(one, other) for one, other in combinations(names, 2) if one.rsplit(".", 1)[0] == other.rsplit(".", 1)[0]]


def run(settings: Lesion, pictures: Pictures, note: Note) -> list[Row]:
    """A row a network: `kind`, `layers`, `seed` and test errors.

    They are `whole`, `deleted` (for each of `blocks`) and `swapped` (for each pair, `apart` from one another); their
    medians are `typical_deleted` and `typical_swapped`; `guessing` is the error of a guess.
    """
    rows: list[Row] = []
    for seed in settings.seeds:
        for kind, options in KINDS.items():
            fitted = fit_net(settings, pictures, settings.blocks, seed, options)
            names = same_shape(fitted.net)
            both = pairs(names)
            deleted = [error(without(fitted.network, f"net.{name}"), pictures.test) for name in names]
            changed = [error(swapped(fitted.network, f"net.{a}", f"net.{b}"), pictures.test) for a, b in both]
            row = {
                "kind": kind,
                "layers": layers_of(settings.blocks),
                "seed": seed,
                "guessing": 1 - 1 / len(pictures.train.classes),
                "whole": error(fitted.network, pictures.test),
                "typical_deleted": median(deleted),
                "typical_swapped": median(changed),
                "blocks": names,
                "deleted": deleted,
                "apart": [_position(b) - _position(a) for a, b in both],
                "swapped": changed,
            }
            rows.append(row)
            note(f"seed {seed}, {kind}: whole {percents(row['whole'])}, a block less {percents(median(deleted))}")
    return rows


def _position(name: str) -> int:
    return int(name.rsplit(".", 1)[1])


def findings(rows: Sequence[Row]) -> list[Finding]:
    """Which kind of network a lesion harms more; harm is the rise of the test error over the whole network's."""
    harmed = [
        {**row, **{name: row[f"typical_{name}"] - row["whole"] for name in ("deleted", "swapped")}} for row in rows
    ]

    def harm(kind: str, lesion: str) -> tuple[str, dict[int, float]]:
        return f"{kind}, rise", by_seed(harmed, lesion, kind=kind)

    return [
        compare(
            "A block less harms a plain network more than a residual one (median over the blocks).",
            harm("plain", "deleted"),
            harm("residual", "deleted"),
            points,
        ),
        compare(
            "Two blocks in one another's places harm a plain network more than a residual one (median over the pairs).",
            harm("plain", "swapped"),
            harm("residual", "swapped"),
            points,
        ),
        compare(
            "A residual network without a block is nearer to the whole one than to guessing.",
            ("guessing", by_seed(rows, "guessing", kind="residual")),
            ("twice the error without a block, less the whole one's", _twice(rows)),
            percents,
        ),
    ]


def _twice(rows: Sequence[Row]) -> dict[int, float]:
    # d - w < g - d, which is g > 2 d - w.
    return {row["seed"]: 2 * row["typical_deleted"] - row["whole"] for row in rows if row["kind"] == "residual"}


def points(share: float) -> str:
    """A difference of shares.

    >>> points(0.0356)
    '3.56 points'
    """
    return f"{100 * share:.2f} points"


def table(rows: Sequence[Row]) -> tuple[list[str], list[list[Any]]]:
    """Test error of the whole network and after lesions."""
    worst = [{**row, "worst": max(row["deleted"])} for row in rows]
    lines = [
        [
            f"{kind}-{rows[0]['layers']}",
            *(
                spread(list(by_seed(worst, value, kind=kind).values()), percents)
                for value in ("whole", "typical_deleted", "worst", "typical_swapped")
            ),
        ]
        for kind in KINDS
    ]
    return ["network", "whole", "a block less, median", "a block less, worst", "two swapped, median"], lines


def _deleted(axes: Any, rows: Sequence[Row]) -> None:
    names = [".".join(str(int(n) + 1) for n in name.split(".")[1:]) for name in rows[0]["blocks"]]
    for kind, colour in zip(KINDS, COLOURS[1::-1], strict=True):
        middle = mean_list(rows, "deleted", kind=kind)
        axes.plot(range(len(middle)), middle, "o-", markersize=3.5, color=colour, label=f"{kind}, a block less")
        whole = by_seed(rows, "whole", kind=kind).values()
        axes.axhline(fmean(whole), color=colour, linestyle=":", label=f"{kind}, whole")
    axes.set(xlabel="block that is deleted (stage.block)", ylabel="test error", xticks=range(len(names)))
    axes.set_xticklabels(names, rotation=90, fontsize=7)
    in_percent(axes)
    axes.legend(fontsize=8)


def _swapped(axes: Any, rows: Sequence[Row]) -> None:
    for shift, (kind, colour) in zip((-0.12, 0.12), zip(KINDS, COLOURS[1::-1], strict=True), strict=True):
        own = [row for row in rows if row["kind"] == kind]
        places = [apart + shift for row in own for apart in row["apart"]]
        changed = [value for row in own for value in row["swapped"]]
        axes.plot(places, changed, "o", markersize=3.5, alpha=0.4, markeredgewidth=0, color=colour, label=kind)
    axes.set(
        xlabel="how many blocks apart the two stand",
        ylabel="test error",
        xticks=unique([{"a": a} for a in rows[0]["apart"]], "a"),
    )
    in_percent(axes)
    axes.legend(fontsize=8)


LESION = Study(
    name="lesion",
    question="What happens when single blocks of a trained network are deleted or swapped?",
    source="Veit et al., arXiv 1605.06431, sections 4.1 and 4.3",
    claim="Deleting any single block of a residual network hardly changes its error, but where a stage begins; "
    "deleting a layer of a plain network (VGG) brings it to the error of guessing. Swapped blocks harm a residual "
    "network little. So it behaves like an ensemble of many paths, of which a lesion cuts some.",
    settings=Lesion(),
    quick=Lesion(blocks=5, epochs=15, side=14, train=1500, test=1500),
    run=run,
    findings=findings,
    table=table,
    panels=(
        Panel("Test error without each block; dotted: the whole network. Mean of the seeds.", _deleted),
        Panel("Test error after two blocks of a stage were swapped: a dot for each pair and seed.", _swapped),
    ),
    limits="The paper lesions a ResNet-110 and a VGG on CIFAR-10 and ImageNet; here the plain network is the residual "
    "one without its shortcuts, so that nothing else differs. Blocks that change the shape are left in both.",
)
