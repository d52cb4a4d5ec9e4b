"""How important each channel is: by what the loss would lose without it, or by its normalisations' scales."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor

from plusx.model.resnet import ResNet
from plusx.shrinking.channels import Traced, trace

Loss = Callable[[Tensor], Tensor]
"""From a batch's outputs to its mean loss."""


def by_taylor(net: ResNet, batches: Iterable[tuple[Tensor, Loss]]) -> dict[str, Tensor]:
    """The squared first-order change of the loss without each channel (Molchanov et al., arXiv 1906.10771, equation 8).

    A channel's gates are its normalisations (section 3.3); where it has none, the rows that write it. Squares are
    added over the layers that share the channel, and averaged over the batches.

    Args:
        net: in evaluation mode, so that normalisations are what they are when it answers.
        batches: what the network reads (after its front), and the loss of its outputs.
    """
    traced = trace(net)
    totals = {channels.name: torch.zeros(channels.size) for channels in traced.channels()}
    parameters = dict(net.named_parameters())
    for inputs, loss in batches:
        net.zero_grad(set_to_none=True)
        loss(net(inputs)).backward()
        changes = {
            name: (parameter.grad * parameter.detach()).reshape(len(parameter), -1).sum(1)
            for name, parameter in parameters.items()
            if parameter.grad is not None and parameter.ndim
        }
        for name, change in _by_layer(traced, changes).items():
            totals[_root(traced, name)] += change.square()
    net.zero_grad(set_to_none=True)
    return totals


def by_scale(net: ResNet) -> dict[str, Tensor]:
    """The sizes of the normalisations' scales (Liu et al., arXiv 1708.06519); where there is none, of the rows."""
    traced = trace(net)
    totals = {channels.name: torch.zeros(channels.size) for channels in traced.channels()}
    sizes = {
        name: parameter.detach().reshape(len(parameter), -1).norm(dim=1)
        for name, parameter in net.named_parameters()
        if name.endswith("weight")
    }
    for name, size in _by_layer(traced, sizes).items():
        totals[_root(traced, name)] += size
    return totals


def _by_layer(traced: Traced, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The sums of each layer's values, a row a channel; of channels that are normalised the normalisations' alone."""
    writes = {name: values[name] for name, axes in traced.axes.items() if name in values and _rows(axes)}
    normalised = {_root(traced, name) for name in writes if len(traced.axes[name.rpartition(".")[0] + ".weight"]) == 1}
    layers: dict[str, Tensor] = {}
    for name, value in writes.items():
        layer = name.rpartition(".")[0] + ".weight"
        if len(traced.axes[layer]) == 1 or _root(traced, name) not in normalised:
            layers[layer] = layers[layer] + value if layer in layers else value
    return layers


def _rows(axes: tuple[object, ...]) -> bool:
    return bool(axes) and axes[0] is not None


def _root(traced: Traced, name: str) -> str:
    axis = traced.axes[name][0]
    assert axis is not None
    return axis.parts[0].root.name
