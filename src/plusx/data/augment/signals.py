"""Signals moved in time, made larger or smaller, and made noisy."""

from typing import ClassVar, Literal

import torch
from jaxtyping import Float32
from pydantic import BaseModel, Field
from torch import Tensor

from plusx.data.augment.pixels import each_place, normal

Signals = Float32[Tensor, "batch channels time"]
"""A number u is a multiple of 1 / 2**24."""


def signal_shift(signals: Signals, u: Float32[Tensor, "batch 1"], reach: int) -> Signals:
    """Moves each signal by whole samples, from -reach to reach; at the ends its edge is repeated.

    >>> signal_shift(torch.tensor([[[1.0, 2.0, 3.0]]]), torch.tensor([[0.1]]), reach=1).flatten().tolist()
    [2.0, 3.0, 3.0]
    """
    length = signals.shape[2]
    moves = (u * (2 * reach + 1)).long() - reach
    source = (torch.arange(length, device=u.device) - moves).clamp(0, length - 1)
    return signals.gather(2, source[:, None].expand_as(signals))


def signal_scale(signals: Signals, u: Float32[Tensor, "batch 1"], spread: float = 0.1) -> Signals:
    """Every sample times 1 - spread to 1 + spread, one factor a signal.

    >>> signal_scale(torch.ones(1, 1, 2), torch.tensor([[0.75]]), spread=0.2).flatten().tolist()
    [1.100000023841858, 1.100000023841858]
    """
    return signals * (1 + spread * (2 * u - 1))[:, :, None]


def signal_noise(signals: Signals, u: Float32[Tensor, "batch 2"], strength: float = 0.05) -> Signals:
    """Adds white noise of up to `strength` times each channel's own deviation, how much by u[:, 0].

    Every sample's own number is a hash of u[:, 1] and of its place, so that one number a signal is enough.
    """
    numbers = each_place(u[:, 1], signals.shape[1] * signals.shape[2])
    # Not of a batch: an example's noise depends on no other example.
    deviation = signals.std(dim=2, keepdim=True, correction=0)
    return signals + normal(numbers).view_as(signals) * deviation * (strength * u[:, :1, None])


class SignalShift(BaseModel, frozen=True, extra="forbid"):
    """Moves by whole samples, up to `reach` each way."""

    draws: ClassVar[int] = 1
    name: Literal["signal_shift"] = "signal_shift"
    reach: int = Field(default=8, ge=0)

    def __call__(self, signals: Signals, u: Float32[Tensor, "batch 1"]) -> Signals:
        return signal_shift(signals, u, self.reach)


class SignalScale(BaseModel, frozen=True, extra="forbid"):
    """Larger or smaller by one factor."""

    draws: ClassVar[int] = 1
    name: Literal["signal_scale"] = "signal_scale"
    spread: float = Field(default=0.1, ge=0, lt=1)

    def __call__(self, signals: Signals, u: Float32[Tensor, "batch 1"]) -> Signals:
        return signal_scale(signals, u, self.spread)


class SignalNoise(BaseModel, frozen=True, extra="forbid"):
    """White noise, in deviations of each channel."""

    draws: ClassVar[int] = 2
    name: Literal["signal_noise"] = "signal_noise"
    strength: float = Field(default=0.05, ge=0)

    def __call__(self, signals: Signals, u: Float32[Tensor, "batch 2"]) -> Signals:
        return signal_noise(signals, u, self.strength)
