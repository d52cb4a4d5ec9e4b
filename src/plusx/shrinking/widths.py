"""How wide each part of a smaller network should be: by how important its channels are and what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from plusx.errors import WrongUse
from plusx.model.blocks import BLOCKS
from plusx.model.cost import cost
from plusx.model.resnet import ResNet
from plusx.shrinking.channels import Channels, trace
from plusx.shrinking.narrow import Scores

UNEVEN = 1.6
"""A part's share of its channels is at most so many times larger, or smaller, than all parts' together."""
STEPS = 12


@dataclass(frozen=True)
class Knob:
    """A width of the spec.

    Args:
        field: `stem_filters`, `num_filters` or `inner_filters`.
        place: in that field.
        size: now.
        scores: importance of each of its units, the largest first, as a share of the mean.
    """

    field: str
    place: int
    size: int
    scores: Tensor


def narrower(net: ResNet, scores: Scores, share: float, features: Sequence[int]) -> dict[str, Any]:
    """Widths of a network of about `share` of the multiply-accumulates: `num_filters`, `stem_filters`, `inner_filters`.

    Every part keeps the same share of its channels, but for what their importance says: one threshold over all parts.
    Widths are multiples of 8 from 16 on, which engines compute fastest, and of 4 below.

    Args:
        net: the trained network.
        scores: see `plusx.shrinking.importance`.
        share: between 0 and 1.
        features: what the network reads, `(channels, *space)`.

    Raises:
        WrongUse: no such widths keep the network's layers.
    """
    knobs = _knobs(net, scores)
    whole = cost(net, features).macs
    low, high = 0.0, 1.0
    for _ in range(STEPS):
        kept = (low + high) / 2
        spec = {**net.spec, **_widths(net, knobs, kept)}
        with torch.device("meta"):
            macs = cost(ResNet(**spec), features).macs
        low, high = (kept, high) if macs < share * whole else (low, kept)
    return _same_layers(net, _widths(net, knobs, high))


def _knobs(net: ResNet, scores: Scores) -> list[Knob]:
    traced, spec = trace(net), net.spec
    stages: list[int] = (
        list(spec["num_filters"])
        if isinstance(spec["num_filters"], list)
        else [spec["num_filters"] * 2**stage for stage in range(len(spec["num_layers"]))]
    )
    expansion = BLOCKS[spec["block"]].expansion
    knobs = [
        Knob("num_filters", place, size, _unit_scores(outs, size, expansion, scores))
        for place, (size, outs) in enumerate(zip(stages, traced.stages, strict=True))
    ]
    assert traced.stem is not None
    if spec["stem"] != "none" and traced.stem.root not in {out.root for out in traced.stages[0]}:
        stem = spec["stem_filters"] or stages[0]
        knobs.append(Knob("stem_filters", 0, stem, _unit_scores([traced.stem], stem, 1, scores)))
    if not BLOCKS[spec["block"]].repeated:
        for place, inside in enumerate(traced.inner):
            knobs.append(Knob("inner_filters", place, inside[0].size, _unit_scores(inside, inside[0].size, 1, scores)))
    return knobs


def _unit_scores(sets: Sequence[Channels], size: int, expansion: int, scores: Scores) -> Tensor:
    """The importance of each unit of a width, which is `expansion` channels in each of the sets, the largest first."""
    roots = dict.fromkeys(one.root for one in sets)
    total = torch.zeros(size)
    for root in roots:
        own = scores[root.name].sort(descending=True).values
        if own.numel() == size * expansion:
            total += own.reshape(size, expansion).sum(1)
    return total / total.mean().clamp(min=1e-12)


def _widths(net: ResNet, knobs: Sequence[Knob], kept: float) -> dict[str, Any]:
    everything = torch.cat([knob.scores for knob in knobs])
    threshold = everything.quantile(1 - kept)
    found: dict[str, dict[int, int]] = {}
    for knob in knobs:
        wanted = float((knob.scores >= threshold).sum()) / knob.size
        wanted = min(max(wanted, kept / UNEVEN), kept * UNEVEN, 1.0)
        groups = net.spec["cardinality"] if knob.field == "inner_filters" else 1
        found.setdefault(knob.field, {})[knob.place] = _rounded(wanted * knob.size, knob.size, groups)
    made: dict[str, Any] = {
        "num_filters": [found["num_filters"][place] for place in range(len(net.spec["num_layers"]))],
    }
    if net.spec["shortcut"] == "A":
        # It only adds channels.
        widths = made["num_filters"]
        made["num_filters"] = [max(widths[: place + 1]) for place in range(len(widths))]
    if "stem_filters" in found:
        made["stem_filters"] = found["stem_filters"][0]
    elif net.spec["stem_filters"] is not None:
        made["stem_filters"] = made["num_filters"][0] * BLOCKS[net.spec["block"]].expansion
    if "inner_filters" in found:
        made["inner_filters"] = [width for _, width in sorted(found["inner_filters"].items())]
    return made


def _rounded(width: float, size: int, groups: int) -> int:
    each = groups if groups > 1 else 8 if width >= 16 else 4
    return min(size, max(each, round(width / each) * each))


def _same_layers(net: ResNet, widths: dict[str, Any]) -> dict[str, Any]:
    """The widths, a stage's raised where a projection would become an identity."""
    names = list(net.state_dict())
    for _ in range(len(net.spec["num_layers"]) + 1):
        with torch.device("meta"):
            small = ResNet(**{**net.spec, **widths})
        if list(small.state_dict()) == names:
            return widths
        missing = next(name for name in names if name not in small.state_dict())
        stage = int(missing.split(".")[1])
        filters = list(widths["num_filters"])
        filters[stage] += 4
        widths = {**widths, "num_filters": filters}
    raise WrongUse("no narrower widths keep this network's layers")
