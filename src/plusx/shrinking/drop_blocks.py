"""Dropping whole blocks: where a shortcut is the identity, a network survives without the branch (arXiv 1605.06431)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from plusx.errors import WrongUse
from plusx.model.resnet import ResNet


def droppable(net: ResNet) -> list[str]:
    """The names of the blocks that can go, one at a time: those past which x goes unchanged, and not alone in a stage
    that is not the first.

    >>> droppable(ResNet([2, 3], 8))
    ['stages.0.0', 'stages.0.1', 'stages.1.1', 'stages.1.2']
    """
    return [
        f"stages.{stage}.{place}"
        for stage, count in enumerate(net.spec["num_layers"])
        if count > 1 or (not stage and _may_be_empty(net))
        for place, block in enumerate(net.stages[stage].children())
        if isinstance(getattr(block, "shortcut", None), nn.Identity) and (place or _begins_alike(net, stage))
    ]


def highest(net: ResNet) -> str | None:
    """The name of the first stage's block where that is its only one and can go; None where there is none.

    It works at the highest resolution, and narrowing leaves it the most of the time: of a resnet8 for 28x28, narrowed
    to 3 % and in int8, two fifths. Without it such a network is chance until it is repaired.

    >>> highest(ResNet([1, 1, 1], 8, stem="small"))
    'stages.0.0'
    """
    return "stages.0.0" if net.spec["num_layers"][0] == 1 and "stages.0.0" in droppable(net) else None


def without(net: ResNet, blocks: Sequence[str]) -> ResNet:
    """The network without these blocks; all others keep their weights.

    Raises:
        WrongUse: one of them cannot go, or no block of a stage would be left.

    >>> without(ResNet([2, 3], 8), ["stages.1.1"]).spec["num_layers"]
    [2, 2]
    """
    able = droppable(net)
    for name in blocks:
        if name not in able:
            raise WrongUse(f"{name} cannot be dropped; of this network {', '.join(able) or 'no block'} can")
    left = [
        [place for place in range(count) if f"stages.{stage}.{place}" not in blocks]
        for stage, count in enumerate(net.spec["num_layers"])
    ]
    if empty := [stage for stage, places in enumerate(left) if not places and (stage or not _may_be_empty(net))]:
        raise WrongUse(f"stages.{empty[0]} would be left without a block")
    spec = {**net.spec, "num_layers": [len(places) for places in left]}
    if net.spec["inner_filters"] is not None:
        widths = iter(net.spec["inner_filters"])
        whole = [[next(widths) for _ in range(count)] for count in net.spec["num_layers"]]
        spec["inner_filters"] = [own[place] for own, places in zip(whole, left, strict=True) for place in places]
    small = ResNet(**spec)
    names = {
        f"stages.{stage}.{new}.": f"stages.{stage}.{old}."
        for stage, places in enumerate(left)
        for new, old in enumerate(places)
    }
    state = net.state_dict()
    with torch.no_grad():
        for name, tensor in small.state_dict().items():
            block = ".".join(name.split(".")[:3]) + "."
            tensor.copy_(state[names.get(block, block) + name[len(block) :]] if block in names else state[name])
    return small.train(net.training)


def _may_be_empty(net: ResNet) -> bool:
    """Whether what the stem gives can go to the second stage as it is."""
    try:
        with torch.device("meta"):
            ResNet(**{**net.spec, "num_layers": [0, *net.spec["num_layers"][1:]], "inner_filters": None})
    except WrongUse:
        return False
    return True


def _begins_alike(net: ResNet, stage: int) -> bool:
    """Whether a stage's first block is like its others, so that one of these can take its place."""
    if stage == 0 and (net.spec["stem"] == "none" or net.spec["block"] == "relu_norm"):
        # What comes in may be negative, which a block's last ReLU would change; the first block has no normalisation.
        return False
    return net.spec["dilations"] is None
