"""How strong are the layers' responses?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from plusx.data.cache import Prepared
from plusx.data.loader import in_order
from plusx.model.resnet import ResNet
from plusx.page.figures import COLOURS
from plusx.understand.studies.pictures import Pictures
from plusx.understand.studies.plots import mean_list
from plusx.understand.studies.spread import Finding, Row, by_seed, compare, spread, unique
from plusx.understand.studies.study import Note, Panel, Settings, Study
from plusx.understand.studies.training import KINDS, fit_net, layers_of

AT_ONCE = 128


class Responses(Settings, frozen=True):
    """`blocks` of each network's stages, from shallow to deep."""

    blocks: tuple[PositiveInt, ...] = Field(default=(3, 9, 18), min_length=2)


def layer_deviations(network: nn.Module, net: ResNet, prepared: Prepared) -> list[float]:
    """The standard deviation of each 3x3 layer's response in `net`, from input to output.

    A response is a layer's output after batch normalisation, before the ReLU and the addition. The network is in
    evaluation mode; all values of all pictures count alike.
    """
    sums: dict[nn.Module, list[float]] = {}

    def count(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        values = output.double()
        kept = sums.setdefault(layer, [0.0, 0.0, 0.0])
        for place, amount in enumerate((values.numel(), values.sum().item(), values.square().sum().item())):
            kept[place] += amount

    handles = [layer.register_forward_hook(count) for layer in responding(net)]
    with torch.inference_mode():
        for batch in in_order(prepared, AT_ONCE):
            network(batch.inputs)
    for handle in handles:
        handle.remove()
    return [(squares / n - (total / n) ** 2) ** 0.5 for n, total, squares in (sums[layer] for layer in responding(net))]


def responding(net: ResNet) -> list[nn.Module]:
    """The normalisations after 3x3 convolutions: the stem's and those of the branches.

    >>> len(responding(ResNet([3, 3, 3], 8, shortcut="B")))
    19
    """
    branches = [block.branch for _, block in net.residuals()]
    return [layer for part in (net.stem, *branches) for layer in part.modules() if isinstance(layer, nn.BatchNorm2d)]


def run(settings: Responses, pictures: Pictures, note: Note) -> list[Row]:
    """A row a network: `kind`, `layers`, `seed`, `deviations` by layer, and their mean, `typical`."""
    rows: list[Row] = []
    for seed in settings.seeds:
        for blocks in settings.blocks:
            for kind, options in KINDS.items():
                fitted = fit_net(settings, pictures, blocks, seed, options)
                found = layer_deviations(fitted.network, fitted.net, pictures.test)
                typical = sum(found) / len(found)
                rows.append(
                    {"kind": kind, "layers": layers_of(blocks), "seed": seed, "typical": typical, "deviations": found}
                )
                note(f"seed {seed}, {kind}, {layers_of(blocks)} layers: mean deviation {typical:.3f}")
    return rows


def findings(rows: Sequence[Row]) -> list[Finding]:
    """Both claims of figure 7."""
    shallow, *_, deep = unique(rows, "layers")

    def of(kind: str, layers: int) -> tuple[str, dict[int, float]]:
        return f"{kind}-{layers}", by_seed(rows, "typical", kind=kind, layers=layers)

    smaller = [
        compare(
            f"At {layers} layers responses are smaller with shortcuts than without (mean over the layers).",
            of("plain", layers),
            of("residual", layers),
            "{:.3f}".format,
        )
        for layers in (shallow, deep)
    ]
    deeper = compare(
        "The deeper residual network changes its signal less in each layer than the shallower one.",
        of("residual", shallow),
        of("residual", deep),
        "{:.3f}".format,
    )
    return [*smaller, deeper]


def table(rows: Sequence[Row]) -> tuple[list[str], list[list[Any]]]:
    """The layers' mean deviation."""
    lines = [
        [f"{kind}-{layers}", spread(list(by_seed(rows, "typical", kind=kind, layers=layers).values()), "{:.3f}".format)]
        for kind in KINDS
        for layers in unique(rows, "layers")
    ]
    return ["network", "standard deviation, mean of the layers"], lines


def _draw(axes: Any, rows: Sequence[Row], *, by_size: bool) -> None:
    depths = unique(rows, "layers")
    for kind, colour in zip(KINDS, COLOURS[1::-1], strict=True):
        for layers, style in ((depths[0], ":"), (depths[-1], "-")):
            found = mean_list(rows, "deviations", kind=kind, layers=layers)
            found = sorted(found, reverse=True) if by_size else found
            places = [place / (len(found) - 1) for place in range(len(found))]
            axes.plot(places, found, style, color=colour, label=f"{kind}-{layers}")
    where = "rank of the layer, largest first" if by_size else "layer"
    axes.set(xlabel=f"{where} (0: first, 1: last)", ylabel="standard deviation", ylim=(0, None))
    axes.legend(fontsize=8)


RESPONSES = Study(
    name="responses",
    question="How strong are the layers' responses, with and without shortcuts?",
    source="He et al., arXiv 1512.03385, figure 7",
    claim="Responses of residual networks are generally smaller than those of plain ones, as if branches were nearer "
    "to zero than layers without shortcuts; and the deeper the residual network, the less a single layer changes its "
    "signal.",
    settings=Responses(),
    quick=Responses(blocks=(1, 3, 9), epochs=12, side=14, train=1500, test=1500),
    run=run,
    findings=findings,
    table=table,
    panels=(
        Panel(
            "Standard deviation of each 3x3 layer's response after batch normalisation, from input to output. Mean of "
            "the seeds.",
            lambda axes, rows: _draw(axes, rows, by_size=False),
        ),
        Panel("The same, layers in the order of their size.", lambda axes, rows: _draw(axes, rows, by_size=True)),
    ),
    limits="The paper has 20, 56 and 110 layers on CIFAR-10. After a short training weights are still near their first "
    "values, where a normalised layer's deviation is 1.",
)
