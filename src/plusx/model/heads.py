"""Heads: what comes after the last stage."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from plusx.model.layers import Layers
from plusx.model.shortcuts import chain

_POOL = {1: nn.AdaptiveAvgPool1d, 2: nn.AdaptiveAvgPool2d, 3: nn.AdaptiveAvgPool3d}


def linear(layers: Layers, channels: int, num_classes: int) -> dict[str, nn.Module]:
    """The mean over all positions, then one linear layer: `(batch, num_classes)` logits."""
    return {**pool(layers, channels, num_classes), "linear": nn.Linear(channels, num_classes)}


def pool(layers: Layers, channels: int, num_classes: int) -> dict[str, nn.Module]:
    """The mean over all positions: one vector an example, `(batch, channels)`."""
    return {"pool": _POOL[layers.dims](1), "flatten": nn.Flatten()}


def none(layers: Layers, channels: int, num_classes: int) -> dict[str, nn.Module]:
    """Nothing: the last stage's map, `(batch, channels, *space)`."""
    return {}


HEADS: dict[str, Callable[[Layers, int, int], dict[str, nn.Module]]] = {
    "linear": linear,
    "pool": pool,
    "none": none,
}


def build_head(head: str, layers: Layers, channels: int, num_classes: int, *, activated: bool) -> nn.Sequential:
    """The head; after pre-activation stages, whose sum nothing follows, normalisation and ReLU come first."""
    first = {} if activated else {"norm": layers.normalise(channels), "act": layers.activate()}
    return chain(**first, **HEADS[head](layers, channels, num_classes))
