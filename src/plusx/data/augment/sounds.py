"""Sounds moved, played faster or slower, made louder or softer, and put into noise."""

from functools import cache
from typing import ClassVar, Literal

import torch
from jaxtyping import Float32, Int16, Int64
from pydantic import BaseModel, Field
from torch import Tensor

from plusx.data.augment.pixels import Numbers, Share, between

Sounds = Int16[Tensor, "batch 1 samples"]
LOUDEST = 32_767
# Half a minute at 16 kHz: from where each example takes its part.
NOISE_LENGTH = 1 << 19


def time_shift(sounds: Sounds, u: Float32[Tensor, "batch 1"], reach: int) -> Sounds:
    """Moves each sound by whole samples, from -reach to reach; silence comes in.

    >>> time_shift(torch.tensor([[[1, 2, 3]]], dtype=torch.int16), torch.tensor([[0.9]]), reach=1).flatten().tolist()
    [0, 1, 2]
    """
    later = (u[:, 0] * (2 * reach + 1)).long() - reach
    return _taken(sounds, _places(sounds) - later[:, None])


def speed(sounds: Sounds, u: Float32[Tensor, "batch 1"], low: float = 0.9, high: float = 1.1) -> Sounds:
    """Plays each sound so many times as fast, its middle where it was; pitch and length change together.

    Between samples it is linear, which dulls what is near half the rate. What is missing at the ends is silence.

    >>> sound = torch.tensor([[[0, 10, 20, 30, 40]]], dtype=torch.int16)
    >>> speed(sound, torch.tensor([[0.0]]), low=0.5, high=1).flatten().tolist()
    [10, 15, 20, 25, 30]
    """
    middle = (sounds.shape[2] - 1) / 2
    # In double precision: float32 has not enough digits for a place in a long sound and its fraction.
    place = middle + (_places(sounds) - middle) * between(u[:, 0], low, high).double()[:, None]
    before = place.floor().long()
    share = (place - before)[:, None].float()
    values = _taken(sounds, before) * (1 - share) + _taken(sounds, before + 1) * share
    return _to_samples(values)


def gain(sounds: Sounds, u: Float32[Tensor, "batch 1"], decibels: float = 6.0) -> Sounds:
    """Louder or softer by up to so many decibels; what is too loud is cut off.

    >>> gain(torch.tensor([[[100, 20_000]]], dtype=torch.int16), torch.tensor([[0.9999999]]), 20).flatten().tolist()
    [1000, 32767]
    """
    return _to_samples(sounds * _factor(between(u[:, 0], -decibels, decibels)))


def noise(
    sounds: Sounds, u: Float32[Tensor, "batch 3"], probability: float = 0.8, low_db: float = 10, high_db: float = 40
) -> Sounds:
    """Adds white or brown noise where u[:, 0] < probability, so many decibels below the sound's own power.

    Each takes its part, by u[:, 1], of a noise that is the same in all runs; u[:, 2] says how loud it is.
    """
    part = (u[:, 1] * 2 * NOISE_LENGTH).long()
    values = _noises().to(sounds.device)[(part[:, None] + _places(sounds)) % (2 * NOISE_LENGTH)]
    # The sum of whole numbers is exact in any order, which batches of other sizes may add in.
    power = sounds.long().square().sum(dim=2, keepdim=True) / sounds.shape[2]
    loudness = power.sqrt() * _factor(between(u[:, 2], -high_db, -low_db))
    added = torch.where((u[:, 0] < probability)[:, None, None], loudness * values[:, None], 0)
    return _to_samples(sounds + added)


class TimeShift(BaseModel, frozen=True, extra="forbid"):
    """Moves by up to `reach` samples each way."""

    draws: ClassVar[int] = 1
    name: Literal["time_shift"] = "time_shift"
    reach: int = Field(default=1600, ge=0)

    def __call__(self, sounds: Sounds, u: Float32[Tensor, "batch 1"]) -> Sounds:
        return time_shift(sounds, u, self.reach)


class Speed(BaseModel, frozen=True, extra="forbid"):
    """Plays from `low` to `high` times as fast."""

    draws: ClassVar[int] = 1
    name: Literal["speed"] = "speed"
    low: float = Field(default=0.9, gt=0)
    high: float = Field(default=1.1, gt=0)

    def __call__(self, sounds: Sounds, u: Float32[Tensor, "batch 1"]) -> Sounds:
        return speed(sounds, u, self.low, self.high)


class Gain(BaseModel, frozen=True, extra="forbid"):
    """Louder or softer by up to `decibels`."""

    draws: ClassVar[int] = 1
    name: Literal["gain"] = "gain"
    decibels: float = Field(default=6.0, ge=0)

    def __call__(self, sounds: Sounds, u: Float32[Tensor, "batch 1"]) -> Sounds:
        return gain(sounds, u, self.decibels)


class Noise(BaseModel, frozen=True, extra="forbid"):
    """White or brown noise, `low_db` to `high_db` below the sound."""

    draws: ClassVar[int] = 3
    name: Literal["noise"] = "noise"
    probability: Share = 0.8
    low_db: float = 10.0
    high_db: float = 40.0

    def __call__(self, sounds: Sounds, u: Float32[Tensor, "batch 3"]) -> Sounds:
        return noise(sounds, u, self.probability, self.low_db, self.high_db)


@cache
def _noises() -> Float32[Tensor, " samples"]:
    """White noise, then brown; both with a power of 1."""
    white = torch.randn(2, NOISE_LENGTH, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    brown = white[1].cumsum(0)
    # Without its slowest waves, which would be one long drift.
    brown = brown - torch.nn.functional.avg_pool1d(brown.view(1, 1, -1), 801, 1, 400, count_include_pad=False)[0, 0]
    return torch.cat([white[0], brown / brown.std()]).float()


def _places(sounds: Sounds) -> Int64[Tensor, " samples"]:
    return torch.arange(sounds.shape[2], device=sounds.device)


def _taken(sounds: Sounds, places: Int64[Tensor, "batch samples"]) -> Sounds:
    """The samples at each example's places; silence where there is none."""
    last = sounds.shape[2] - 1
    there = (places >= 0) & (places <= last)
    return sounds.gather(2, places.clamp(0, last)[:, None]) * there[:, None]


def _factor(decibels: Numbers) -> Float32[Tensor, "batch 1 1"]:
    # In double precision: torch's float powers may round an example otherwise in a batch of another size.
    return (10 ** (decibels.double() / 20)).float()[:, None, None]


def _to_samples(values: Float32[Tensor, "batch 1 samples"]) -> Sounds:
    return values.round().clamp(-LOUDEST - 1, LOUDEST).to(torch.int16)
