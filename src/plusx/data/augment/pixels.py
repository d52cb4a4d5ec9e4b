"""What all augmentations share: their types, memory format, and numbers drawn from u."""

from typing import Annotated, Literal

import torch
from jaxtyping import Bool, Float32, Int64, UInt8
from pydantic import Field
from torch import Tensor

Pixels = UInt8[Tensor, "batch channels height width"]
Numbers = Float32[Tensor, " batch"]
"""One number for each example."""

Level = Annotated[int, Field(ge=0, le=255)]
Share = Annotated[float, Field(ge=0, le=1)]
Sampling = Literal["bilinear", "nearest"]
"""How a level between pixels is found; classes, which have no between, are found by the nearest."""
Fill = Level | Literal["edge"]
"""What comes in at the border: a grey level, or the border's own pixels repeated."""


def laid_out_like(before: Tensor, after: Tensor) -> Tensor:
    """`after` in the memory format of `before`."""
    channels_last = before.is_contiguous(memory_format=torch.channels_last)
    return after.contiguous(memory_format=torch.channels_last if channels_last else torch.contiguous_format)


def to_levels(values: Float32[Tensor, "batch channels height width"], like: Tensor) -> Pixels:
    """The nearest levels, 0 to 255, in the memory format of `like`."""
    return laid_out_like(like, values.round().clamp_(0, 255).to(torch.uint8))


def between(u: Numbers, low: float, high: float) -> Numbers:
    """Evenly drawn from low to high."""
    return low + (high - low) * u


def normal(u: Float32[Tensor, "*shape"]) -> Float32[Tensor, "*shape"]:
    """Standard normal numbers by the inverse distribution function, within 5.3 deviations.

    >>> normal(torch.tensor([0.0, 0.5, 1 - 2**-24])).abs().max().item() < 5.4
    True
    """
    # 24 bits are drawn: 0 would be minus infinity, and 2**-24 is as far from 0 as the largest is from 1.
    return torch.special.ndtri(u.clamp(min=2**-24))


def span(
    length: int, start: Int64[Tensor, " batch"], size: Int64[Tensor, " batch"] | int
) -> Bool[Tensor, "batch {length}"]:
    """Which of `length` places lie in the `size` from `start` on.

    >>> span(4, torch.tensor([-1, 2]), 2).int().tolist()
    [[1, 0, 0, 0], [0, 0, 1, 1]]
    """
    place = torch.arange(length, device=start.device)
    return (place >= start[:, None]) & (place < (start + size)[:, None])


def hashed(numbers: Int64[Tensor, "*shape"]) -> Int64[Tensor, "*shape"]:
    """Numbers whose lower 33 bits look random, a pure function of each.

    >>> len(hashed(torch.arange(1000)).remainder(2**33).unique())
    1000
    """
    # SplitMix64's multipliers and shifts, on torch's signed numbers, whose products wrap.
    numbers = numbers * -0x61C8864680B583EB
    numbers = (numbers ^ (numbers >> 30)) * -0x40A7B892E31B1A47
    numbers = (numbers ^ (numbers >> 27)) * -0x6B2FB644ECCEEE15
    return numbers >> 31


def each_place(u: Float32[Tensor, " batch"], length: int) -> Float32[Tensor, "batch length"]:
    """Even numbers in [0, 1), one a place, from an example's one.

    >>> each_place(torch.tensor([0.3, 0.3]), 2).unique().numel()
    2
    """
    key = (u * 2**24).long()[:, None] * length + torch.arange(length, device=u.device)
    return (hashed(key) & (2**24 - 1)).float() / 2**24
