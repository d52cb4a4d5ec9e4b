"""Volumes moved, mirrored, and made brighter or darker. Levels run from 0 to 255, as their spec stores them."""

from typing import ClassVar, Literal

import torch
from jaxtyping import Float, Float32
from pydantic import BaseModel, Field
from torch import Tensor

from plusx.data.augment.pixels import Share

Volumes = Float[Tensor, "batch channels depth height width"]
AXES = {"depth": 2, "height": 3, "width": 4}
TOP = 255.0


def volume_shift(volumes: Volumes, u: Float32[Tensor, "batch 3"], reach: int) -> Volumes:
    """Moves each volume by whole voxels, from -reach to reach along each axis; at the border its edge is repeated.

    >>> row = torch.tensor([1.0, 2.0, 3.0]).view(1, 1, 1, 1, 3)
    >>> volume_shift(row, torch.tensor([[0.5, 0.5, 0.9]]), reach=1).flatten().tolist()
    [1.0, 1.0, 2.0]
    """
    moves = (u * (2 * reach + 1)).long() - reach
    for place, axis in enumerate(AXES.values()):
        length = volumes.shape[axis]
        source = (torch.arange(length, device=u.device) - moves[:, place, None]).clamp(0, length - 1)
        shape = [len(volumes), 1, 1, 1, 1]
        shape[axis] = length
        volumes = volumes.gather(axis, source.view(shape).expand_as(volumes))
    return volumes


def volume_flip(
    volumes: Volumes, u: Float32[Tensor, "batch 3"], axes: tuple[str, ...], probability: float = 0.5
) -> Volumes:
    """Mirrors along each of `axes` (depth, height, width) where its own number is below `probability`.

    >>> row = torch.tensor([1.0, 2.0, 3.0]).view(1, 1, 1, 1, 3)
    >>> volume_flip(row, torch.tensor([[0.9, 0.9, 0.2]]), ("width",)).flatten().tolist()
    [3.0, 2.0, 1.0]
    """
    for place, (name, axis) in enumerate(AXES.items()):
        if name in axes:
            chosen = (u[:, place] < probability)[:, None, None, None, None]
            volumes = torch.where(chosen, volumes.flip(axis), volumes)
    return volumes


def intensity(volumes: Volumes, u: Float32[Tensor, "batch 2"], scale: float = 0.1, offset: float = 0.05) -> Volumes:
    """Levels times 1 - scale to 1 + scale, by u[:, 0], plus up to a share `offset` of 255 either way, by u[:, 1].

    >>> intensity(torch.full((1, 1, 1, 1, 1), 100.0), torch.tensor([[0.75, 0.5]]), scale=0.2).item()
    110.0
    """
    factor, shift = (1 + scale * (2 * u[:, 0] - 1)), offset * TOP * (2 * u[:, 1] - 1)
    # In single precision: half has too few digits for a product of two such numbers.
    changed = volumes.float() * factor.view(-1, 1, 1, 1, 1) + shift.view(-1, 1, 1, 1, 1)
    return changed.clamp_(0, TOP).to(volumes.dtype)


class VolumeShift(BaseModel, frozen=True, extra="forbid"):
    """Moves by whole voxels, up to `reach` each way."""

    draws: ClassVar[int] = 3
    name: Literal["volume_shift"] = "volume_shift"
    reach: int = Field(default=2, ge=0)

    def __call__(self, volumes: Volumes, u: Float32[Tensor, "batch 3"]) -> Volumes:
        return volume_shift(volumes, u, self.reach)


class VolumeFlip(BaseModel, frozen=True, extra="forbid"):
    """Mirrors along some axes; not what has sides, as bodies have."""

    draws: ClassVar[int] = 3
    name: Literal["volume_flip"] = "volume_flip"
    axes: tuple[Literal["depth", "height", "width"], ...] = ("width",)
    probability: Share = 0.5

    def __call__(self, volumes: Volumes, u: Float32[Tensor, "batch 3"]) -> Volumes:
        return volume_flip(volumes, u, self.axes, self.probability)


class Intensity(BaseModel, frozen=True, extra="forbid"):
    """Brighter or darker by a factor and by an offset."""

    draws: ClassVar[int] = 2
    name: Literal["intensity"] = "intensity"
    scale: float = Field(default=0.1, ge=0, lt=1)
    offset: Share = 0.05

    def __call__(self, volumes: Volumes, u: Float32[Tensor, "batch 2"]) -> Volumes:
        return intensity(volumes, u, self.scale, self.offset)
