"""Weights of pictures for volumes, and for other numbers of channels: pure functions of one weight."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def inflated(
    weight: Float[Tensor, "filters channels height width"], depth: int
) -> Float[Tensor, "filters channels {depth} height width"]:
    """A picture's filters for volumes: repeated along depth, and divided by it (arXiv 1705.07750, section 3.1).

    So a volume of `depth` equal slices is answered as one of the slices was.

    >>> import torch
    >>> inflated(torch.full((1, 1, 1, 2), 6.0), 3).flatten().tolist()
    [2.0, 2.0, 2.0, 2.0, 2.0, 2.0]
    """
    return (weight / depth)[:, :, None].expand(-1, -1, depth, -1, -1)


def on_channels(
    weight: Float[Tensor, "filters theirs *kernel"], channels: int
) -> Float[Tensor, "filters {channels} *kernel"]:
    """Filters for another number of input channels: summed over theirs, and shared out evenly, as timm does for one.

    What they answer to channels that are all alike stays.

    >>> import torch
    >>> on_channels(torch.tensor([[[1.0], [2.0], [3.0]]]), 2).flatten().tolist()
    [3.0, 3.0]
    """
    return (weight.sum(dim=1, keepdim=True) / channels).expand(-1, channels, *weight.shape[2:])
