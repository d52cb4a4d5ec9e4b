"""Heads: what comes after the last stage."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from plusx.model.layers import Layers
from plusx.model.shortcuts import chain

_POOL = {1: nn.AdaptiveAvgPool1d, 2: nn.AdaptiveAvgPool2d, 3: nn.AdaptiveAvgPool3d}
K, HIDDEN = 8, 2048


class KMax(nn.Module):
    """The `k` largest values of each channel, in the order in which they stand (arXiv 1404.2188, section 3.2).

    Of equal values the first counts; where there are fewer, zeros follow.

    >>> import torch
    >>> KMax(2)(torch.tensor([[[1.0, 5.0, 2.0, 4.0]]])).tolist(), KMax(2)(torch.tensor([[[3.0]]])).tolist()
    ([[[5.0, 4.0]]], [[[3.0, 0.0]]])
    """

    def __init__(self, k: int):
        super().__init__()
        self.k = k

    def forward(self, x: Float[Tensor, "batch channels *space"]) -> Float[Tensor, "batch channels k"]:
        x = x.flatten(2)
        if x.shape[2] < self.k:
            x = F.pad(x, (0, self.k - x.shape[2]))
        # Stable, since ReLU leaves many equal zeros, and which of them are taken must not depend on the batch.
        largest = x.sort(dim=2, descending=True, stable=True).indices[:, :, : self.k]
        return x.gather(2, largest.sort(dim=2).values)

    def extra_repr(self) -> str:
        return f"k={self.k}"


class Largest(nn.Module):
    """The largest value of each channel over all positions, as a map of one position.

    >>> import torch
    >>> Largest()(torch.tensor([[[1.0, 5.0], [2.0, 0.0]]])).tolist()
    [[[5.0], [2.0]]]
    """

    def forward(self, x: Float[Tensor, "batch channels *space"]) -> Float[Tensor, "batch channels *ones"]:
        return x.amax(dim=tuple(range(2, x.ndim)), keepdim=True)


def no_neck(layers: Layers, channels: int) -> tuple[dict[str, nn.Module], int]:
    """Nothing."""
    return {}, channels


def largest(layers: Layers, channels: int) -> tuple[dict[str, nn.Module], int]:
    """The largest value over all positions: what is found anywhere in a text counts, however long the text is."""
    return {"largest": Largest()}, channels


def vdcnn(layers: Layers, channels: int) -> tuple[dict[str, nn.Module], int]:
    """8-max pooling, then two layers of 2,048 with ReLU (arXiv 1606.01781, figure 1), as a map of one position."""
    return {
        "kmax": KMax(K),
        "all": nn.Flatten(),
        "fc1": nn.Linear(channels * K, HIDDEN),
        "relu1": nn.ReLU(),
        "fc2": nn.Linear(HIDDEN, HIDDEN),
        "relu2": nn.ReLU(),
        "map": nn.Unflatten(1, (HIDDEN, *[1] * layers.dims)),
    }, HIDDEN


NECKS: dict[str, Callable[[Layers, int], tuple[dict[str, nn.Module], int]]] = {
    "none": no_neck,
    "largest": largest,
    "vdcnn": vdcnn,
}
"""What comes between the last stage and the head, by the spec's `neck`: layers, and the channels they put out."""


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


def build_head(
    head: str, layers: Layers, channels: int, num_classes: int, *, activated: bool, neck: str = "none"
) -> nn.Sequential:
    """Neck and head; after pre-activation stages, whose sum nothing follows, normalisation and ReLU come first."""
    first = {} if activated else {"norm": layers.normalise(channels), "act": layers.activate()}
    between, channels = NECKS[neck](layers, channels)
    return chain(**first, **between, **HEADS[head](layers, channels, num_classes))
