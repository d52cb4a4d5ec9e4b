"""Stems: what comes before the first stage. Each function gives the layers and the channels they put out."""

from __future__ import annotations

from collections.abc import Callable

from jaxtyping import Float, Num
from torch import Tensor, nn

from plusx.errors import WrongUse
from plusx.model.layers import Layers
from plusx.model.shortcuts import chain

EMBEDDED = 16
"""Numbers that a byte becomes, as in arXiv 1606.01781, section 3."""


def imagenet(layers: Layers, channels: int, filters: int, *, activated: bool) -> tuple[nn.Sequential, int]:
    """7x7 with stride 2, then a 3x3 max-pool with stride 2 (arXiv 1512.03385, table 1)."""
    stem = chain(
        conv1=layers.conv(channels, filters, 7, 2),
        **_activation(layers, filters, 1, activated=activated),
        **_pool(layers, filters),
    )
    return stem, filters


def cifar(layers: Layers, channels: int, filters: int, *, activated: bool) -> tuple[nn.Sequential, int]:
    """One 3x3 (arXiv 1512.03385, section 4.2)."""
    return _single(layers, channels, filters, 1, activated=activated), filters


def small(layers: Layers, channels: int, filters: int, *, activated: bool) -> tuple[nn.Sequential, int]:
    """One 3x3 with stride 2: a quarter of a picture's cost from the start."""
    return _single(layers, channels, filters, 2, activated=activated), filters


def relu(layers: Layers, channels: int, filters: int, *, activated: bool) -> tuple[nn.Sequential, int]:
    """One 3x3 without a normalisation (res15, arXiv 1710.10361, table 1)."""
    return chain(**_unnormalised(layers, channels, filters, activated=activated)), filters


def mean_2(layers: Layers, channels: int, filters: int, *, activated: bool) -> tuple[nn.Sequential, int]:
    """As `relu`, then the mean of each two places in each dimension (res26, arXiv 1710.10361, table 1)."""
    return _averaged(layers, channels, filters, (2,) * layers.dims, activated=activated), filters


def mean_34(layers: Layers, channels: int, filters: int, *, activated: bool) -> tuple[nn.Sequential, int]:
    """As `relu`, then the mean of each four moments of each three bands (res8, arXiv 1710.10361, table 1)."""
    return _averaged(layers, channels, filters, (3,) * (layers.dims - 1) + (4,), activated=activated), filters


def deep_d(layers: Layers, channels: int, filters: int, *, activated: bool) -> tuple[nn.Sequential, int]:
    """Three 3x3, the first with stride 2, then the max-pool (ResNet-C and -D, arXiv 1812.01187)."""
    half = max(filters // 2, 1)
    widths = (half, half, filters)
    return chain(**_three(layers, channels, widths, activated=activated), **_pool(layers, filters)), filters


def deep_s(layers: Layers, channels: int, filters: int, *, activated: bool) -> tuple[nn.Sequential, int]:
    """As -D at twice the width (ResNeSt's and timm's 's' networks, arXiv 2004.08955)."""
    widths = (filters, filters, filters * 2)
    return chain(**_three(layers, channels, widths, activated=activated), **_pool(layers, filters * 2)), filters * 2


def deep_rs(layers: Layers, channels: int, filters: int, *, activated: bool) -> tuple[nn.Sequential, int]:
    """As -D, the max-pool replaced by a 3x3 with stride 2 (ResNet-RS, arXiv 2103.07579)."""
    half = max(filters // 2, 1)
    widths = (half, half, filters)
    stem = chain(
        **_three(layers, channels, widths, activated=True),
        conv4=layers.conv(filters, filters, 3, layers.conv_stride(2)),
        reduce=layers.reduce(filters, 2),
        **_activation(layers, filters, 4, activated=activated),
    )
    return stem, filters


class EmbedBytes(nn.Module):
    """Bytes `(batch, 1, *space)` as learned vectors `(batch, width, *space)`; that of 0, which follows a text, is zero.

    >>> import torch
    >>> EmbedBytes(2)(torch.tensor([[[65, 0, 0]]], dtype=torch.uint8))[0, :, 1:].tolist()
    [[0.0, 0.0], [0.0, 0.0]]
    """

    def __init__(self, width: int):
        super().__init__()
        self.table = nn.Embedding(256, width, padding_idx=0)

    def forward(self, x: Num[Tensor, "batch 1 *space"]) -> Float[Tensor, "batch width *space"]:
        return self.table(x[:, 0].long()).movedim(-1, 1)


def embed_bytes(layers: Layers, channels: int, filters: int, *, activated: bool) -> tuple[nn.Sequential, int]:
    """Bytes embedded, then one convolution of width 3 (arXiv 1606.01781, section 3)."""
    return _embedded(layers, channels, layers.conv(EMBEDDED, filters, 3), filters, activated=activated), filters


def embed_bytes_small(layers: Layers, channels: int, filters: int, *, activated: bool) -> tuple[nn.Sequential, int]:
    """Bytes embedded, then one convolution of width 5 with stride 2: half of a text's cost from the start."""
    return _embedded(layers, channels, layers.conv(EMBEDDED, filters, 5, 2), filters, activated=activated), filters


def _embedded(layers: Layers, channels: int, conv: nn.Module, filters: int, *, activated: bool) -> nn.Sequential:
    if channels != 1:
        raise WrongUse(f"a stem of bytes reads one channel, not {channels}; give in_channels=1, or another stem")
    return chain(embed=EmbedBytes(EMBEDDED), conv1=conv, **_activation(layers, filters, 1, activated=activated))


def separable(layers: Layers, channels: int, filters: int, *, activated: bool) -> tuple[nn.Sequential, int]:
    """33 positions of each channel by itself with stride 2, then a 1x1 (QuartzNet's C1, arXiv 1910.10261, table 1)."""
    # In pictures and volumes as the ImageNet stem: a cube of 33 would have 36,000 weights a channel.
    kernel = 33 if layers.dims == 1 else 7
    stem = chain(
        depthwise=layers.conv(channels, channels, kernel, layers.conv_stride(2), groups=channels),
        reduce=layers.reduce(channels, 2),
        pointwise=layers.conv(channels, filters, 1),
        **_activation(layers, filters, 1, activated=activated),
    )
    return stem, filters


def none(layers: Layers, channels: int, filters: int, *, activated: bool) -> tuple[nn.Sequential, int]:
    """Nothing: the input is the first stage's own."""
    return nn.Sequential(), channels


STEMS: dict[str, Callable[..., tuple[nn.Sequential, int]]] = {
    "imagenet": imagenet,
    "cifar": cifar,
    "small": small,
    "relu": relu,
    "mean_2": mean_2,
    "mean_34": mean_34,
    "deep_d": deep_d,
    "deep_s": deep_s,
    "deep_rs": deep_rs,
    "bytes": embed_bytes,
    "bytes_small": embed_bytes_small,
    "separable": separable,
    "none": none,
}


def _single(layers: Layers, channels: int, filters: int, stride: int, *, activated: bool) -> nn.Sequential:
    conv = layers.conv(channels, filters, 3, stride)
    return chain(conv1=conv, **_activation(layers, filters, 1, activated=activated))


def _averaged(layers: Layers, channels: int, filters: int, cell: tuple[int, ...], *, activated: bool) -> nn.Sequential:
    first = _unnormalised(layers, channels, filters, activated=activated)
    # Whole cells only, as the authors have it.
    return chain(**first, mean=layers.average_pool(cell, ceil=False))


def _unnormalised(layers: Layers, channels: int, filters: int, *, activated: bool) -> dict[str, nn.Module | None]:
    return {"conv1": layers.conv(channels, filters, 3), "act1": layers.activate() if activated else None}


def _three(layers: Layers, channels: int, widths: tuple[int, int, int], *, activated: bool) -> dict[str, nn.Module]:
    first, second, third = widths
    return {
        "conv1": layers.conv(channels, first, 3, 2),
        **_activation(layers, first, 1, activated=True),
        "conv2": layers.conv(first, second, 3),
        **_activation(layers, second, 2, activated=True),
        "conv3": layers.conv(second, third, 3),
        **_activation(layers, third, 3, activated=activated),
    }


def _activation(layers: Layers, filters: int, number: int, *, activated: bool) -> dict[str, nn.Module]:
    # Pre-activation stages begin with these themselves.
    if not activated:
        return {}
    return {f"norm{number}": layers.normalise(filters), f"act{number}": layers.activate()}


def _pool(layers: Layers, filters: int) -> dict[str, nn.Module | None]:
    if layers.antialias == "none":
        return {"pool": layers.max_pool(3, 2)}
    if layers.antialias == "average":
        # Whole cells only, as in timm, whose weights load.
        return {"pool": layers.average_pool(2, ceil=False)}
    return {"pool": layers.max_pool(3, 1), "reduce": layers.reduce(filters, 2)}
