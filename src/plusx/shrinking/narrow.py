"""Narrowing: a network with fewer channels that keeps the most important ones, wherever they are read or written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from plusx.errors import WrongUse
from plusx.model.resnet import ResNet
from plusx.shrinking.channels import Axis, Channels, trace

Scores = Mapping[str, Tensor]
"""How important each channel is, by the name of the channels' root."""


def narrowed(net: ResNet, widths: Mapping[str, Any], scores: Scores) -> ResNet:
    """The network with these widths and the most important of the weights of `net`.

    Args:
        net: a trained one.
        widths: `num_filters`, `stem_filters`, `inner_filters` of the new one.
        scores: see `plusx.shrinking.importance`.

    Raises:
        WrongUse: the widths change more than the widths: a shortcut would appear or vanish, or a layer grow.

    >>> net = ResNet([1, 1], 16, num_classes=3)
    >>> small = narrowed(net, {"num_filters": [8, 16], "inner_filters": [4, 4]}, even_scores(net))
    >>> small(torch.zeros(1, 3, 8, 8)).shape, small.spec["inner_filters"]
    (torch.Size([1, 3]), [4, 4])
    """
    spec = {**net.spec, **widths}
    small = ResNet(**spec)
    before, after = trace(net), trace(small)
    if list(before.axes) != list(after.axes):
        other = sorted(set(before.axes) ^ set(after.axes))
        raise WrongUse(f"these widths would change the network's layers ({other[0]}); take others")
    kept: dict[str, Tensor] = {}
    for name, axes in before.axes.items():
        for ours, theirs in zip(axes, after.axes[name], strict=True):
            if ours is None or theirs is None:
                continue
            for part, fewer in zip(ours.parts, theirs.parts, strict=True):
                _keep(part.root, fewer.root.size, scores, kept)
    state = net.state_dict()
    smaller = small.state_dict()
    for name, axes in before.axes.items():
        smaller[name].copy_(_cut(state[name], axes, kept, smaller[name].shape))
    return small.train(net.training)


def even_scores(net: ResNet) -> dict[str, Tensor]:
    """All channels alike: of equal ones the first are kept."""
    return {channels.name: torch.ones(channels.size) for channels in trace(net).channels()}


def _keep(channels: Channels, size: int, scores: Scores, kept: dict[str, Tensor]) -> Tensor:
    """The places of the `size` channels that stay, in their new order."""
    if channels.name in kept:
        return kept[channels.name]
    if size > channels.size:
        raise WrongUse(f"{channels.name} has {channels.size} channels, {size} cannot be kept of them")
    own = scores.get(channels.name, torch.ones(channels.size))
    first = torch.tensor([], dtype=torch.long)
    if channels.begins_with is not None:
        # Shortcut A adds what comes in to the first channels of what goes out.
        first = kept[channels.begins_with.root.name]
        own = own.clone()
        own[first] = -torch.inf
    groups = own.reshape(channels.groups, -1)
    each = (size - len(first)) // channels.groups
    # Stable, so that of equal channels the first are kept whatever the machine.
    best = groups.argsort(dim=1, descending=True, stable=True)[:, :each].sort(dim=1).values
    best = best + torch.arange(channels.groups)[:, None] * groups.shape[1]
    kept[channels.name] = torch.cat([first, best.flatten()])
    return kept[channels.name]


def _cut(tensor: Tensor, axes: tuple[Axis | None, ...], kept: Mapping[str, Tensor], shape: torch.Size) -> Tensor:
    for dimension, axis in enumerate(axes):
        if axis is None:
            continue
        if axis.in_groups > 1:
            tensor = _cut_in_groups(tensor, axis, kept)
        else:
            tensor = tensor.index_select(dimension, _places(axis, kept))
    if tensor.ndim and tensor.shape[-1] > shape[-1]:
        # ECA's kernel shrinks with its channels, on both sides.
        aside = (tensor.shape[-1] - shape[-1]) // 2
        tensor = tensor[..., aside : aside + shape[-1]]
    return tensor


def _places(axis: Axis, kept: Mapping[str, Tensor]) -> Tensor:
    places: list[Tensor] = []
    begin = 0
    for part in axis.parts:
        own = kept[part.root.name] + begin
        places.append((own[:, None] * axis.each + torch.arange(axis.each)).flatten())
        begin += part.root.size
    return torch.cat(places)


def _cut_in_groups(tensor: Tensor, axis: Axis, kept: Mapping[str, Tensor]) -> Tensor:
    """A grouped convolution's inputs; its rows are cut already."""
    places = kept[axis.parts[0].root.name].reshape(axis.in_groups, -1)
    width = tensor.shape[1]
    rows = tensor.chunk(axis.in_groups)
    return torch.cat([own.index_select(1, columns % width) for own, columns in zip(rows, places, strict=True)])
