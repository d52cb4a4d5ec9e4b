"""Heads: what comes after the last stage."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from plusx.model.layers import Layers
from plusx.model.shortcuts import chain


class ValuesAndWidths(nn.Module):
    """Two linear layers beside one another; what the second one learns changes nothing before it.

    So values are as good as without widths (Stirn et al., "Faithful heteroscedastic regression", arXiv 2212.09184).
    """

    def __init__(self, channels: int, count: int):
        super().__init__()
        self.value = nn.Linear(channels, count)
        self.width = nn.Linear(channels, count)

    def forward(self, x: Float[Tensor, "batch channels"]) -> Float[Tensor, "batch outputs"]:
        return torch.cat([self.value(x), self.width(x.detach())], dim=1)


class Unit(nn.Module):
    """Vectors' directions.

    >>> Unit()(torch.tensor([[3.0, 4.0]])).tolist() == torch.tensor([[0.6, 0.8]]).tolist()
    True
    """

    def forward(self, x: Float[Tensor, "batch channels"]) -> Float[Tensor, "batch channels"]:
        return F.normalize(x, dim=1)


class Roots(nn.Module):
    """Square roots, for vectors without negative numbers: no few large ones outweigh the rest.

    Of directions of roots the cosine is Hellinger's (Arandjelovic and Zisserman, "Three things everyone should know to
    improve object retrieval", CVPR 2012, section 3).

    >>> Roots()(torch.tensor([[0.25, 4.0]])).tolist()
    [[0.5, 2.0]]
    """

    # Nearer to zero, roots would make much of the last digits.
    LEAST = 1e-6

    def forward(self, x: Float[Tensor, "batch channels"]) -> Float[Tensor, "batch channels"]:
        return x.clamp(min=self.LEAST).sqrt()


class Prototypes(nn.Module):
    """A direction for each class, and the cosines of vectors of length 1 to them."""

    def __init__(self, channels: int, num_classes: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(num_classes, channels))

    def forward(self, x: Float[Tensor, "batch channels"]) -> Float[Tensor, "batch classes"]:
        return F.linear(x, F.normalize(self.weight, dim=1))


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
        # ReLU leaves many equal zeros, and which of them are taken must depend neither on the batch nor on the runtime:
        # so by comparing, not by a sort that may take any of them.
        least = x.topk(self.k, dim=2).values[:, :, -1:]
        above, equal = x > least, x == least
        # Counted in float32: of the bytes that hold truths OpenVINO 2026.4 sums some wrongly.
        room = self.k - above.float().sum(2, keepdim=True)
        taken = above | (equal & (equal.float().cumsum(2) <= room))
        last = x.shape[2] - 1
        places = torch.arange(last + 1, device=x.device).where(taken, last)
        return x.gather(2, places.topk(self.k, dim=2, largest=False, sorted=True).values)

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


def dilated(layers: Layers, channels: int) -> tuple[dict[str, nn.Module], int]:
    """A 3x3 whose places are 16 apart, ReLU and normalisation: the end of res15 (arXiv 1710.10361, section 3.2)."""
    return {
        "conv": layers.conv(channels, channels, 3, dilation=16),
        "act1": layers.activate(),
        "norm1": layers.normalise(channels),
    }, channels


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


def quartznet(layers: Layers, channels: int) -> tuple[dict[str, nn.Module], int]:
    """87 positions of each channel by itself, every second one, and a 1x1; then a 1x1 to twice the channels.

    QuartzNet's C2 and C3 (arXiv 1910.10261, table 1); the dilation of 2 is C2's.
    """
    # In pictures and volumes 7: a cube of 87 would have 660,000 weights a channel.
    kernel = 87 if layers.dims == 1 else 7
    made = {
        "depthwise": layers.conv(channels, channels, kernel, groups=channels, dilation=2),
        "pointwise": layers.conv(channels, channels, 1),
        "norm1": layers.normalise(channels),
        "act1": layers.activate(),
        "widen": layers.conv(channels, 2 * channels, 1),
        "norm2": layers.normalise(2 * channels),
        "act2": layers.activate(),
    }
    return made, 2 * channels


NECKS: dict[str, Callable[[Layers, int], tuple[dict[str, nn.Module], int]]] = {
    "none": no_neck,
    "largest": largest,
    "dilated": dilated,
    "vdcnn": vdcnn,
    "quartznet": quartznet,
}
"""What comes between the last stage and the head, by the spec's `neck`: layers, and the channels they put out."""


def linear(layers: Layers, channels: int, num_classes: int) -> dict[str, nn.Module]:
    """The mean over all positions, then one linear layer: `(batch, num_classes)` logits."""
    return {**pool(layers, channels, num_classes), "linear": nn.Linear(channels, num_classes)}


def pool(layers: Layers, channels: int, num_classes: int) -> dict[str, nn.Module]:
    """The mean over all positions: one vector an example, `(batch, channels)`."""
    return {"pool": _POOL[layers.dims](1), "flatten": nn.Flatten()}


def numbers(layers: Layers, channels: int, num_classes: int) -> dict[str, nn.Module]:
    """The mean over all positions, then each number's value and width: `(batch, 2 * num_classes)`."""
    return {**pool(layers, channels, num_classes), "numbers": ValuesAndWidths(channels, num_classes)}


def embed(layers: Layers, channels: int, num_classes: int) -> dict[str, nn.Module]:
    """The mean over all positions, its roots, their direction: `(batch, channels)`, each of length 1."""
    return {**pool(layers, channels, num_classes), "roots": Roots(), "unit": Unit()}


def cosine(layers: Layers, channels: int, num_classes: int) -> dict[str, nn.Module]:
    """The mean over all positions, one linear layer, and its cosines to a prototype of each class: `(batch, classes)`.

    The linear layer takes up what only serves the trained classes, so that the mean before it keeps more of what tells
    others apart (arXiv 2002.05709, section 4.2): `embed` is without it.
    """
    projection = {"projection": nn.Linear(channels, channels), "unit": Unit()}
    return {**pool(layers, channels, num_classes), **projection, "prototypes": Prototypes(channels, num_classes)}


def frames(layers: Layers, channels: int, num_classes: int) -> dict[str, nn.Module]:
    """One linear layer at each position: logits `(batch, num_classes, *space)`, in one dimension a frame of time."""
    return {"frames": layers.to_classes(channels, num_classes)}


def none(layers: Layers, channels: int, num_classes: int) -> dict[str, nn.Module]:
    """Nothing: the last stage's map, `(batch, channels, *space)`."""
    return {}


HEADS: dict[str, Callable[[Layers, int, int], dict[str, nn.Module]]] = {
    "linear": linear,
    "pool": pool,
    "numbers": numbers,
    "embed": embed,
    "cosine": cosine,
    "frames": frames,
    "none": none,
}


def build_head(head: str, layers: Layers, channels: int, num_classes: int, neck: str = "none") -> nn.Sequential:
    """Neck and head; what reads the last stage's sum comes first: in v2 normalisation and ReLU."""
    first = layers.read(channels)
    between, channels = NECKS[neck](layers, channels)
    return chain(**first, **between, **HEADS[head](layers, channels, num_classes))
