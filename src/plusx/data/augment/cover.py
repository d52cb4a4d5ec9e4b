"""Parts of the picture covered."""

import math
from typing import Annotated, ClassVar, Literal

import torch
from jaxtyping import Bool, Float32, UInt8
from pydantic import BaseModel, Field
from torch import Tensor

from plusx.data.augment.pixels import Level, Numbers, Pixels, Share, between, hashed, span

Positive = Annotated[float, Field(gt=0)]


def cutout(pixels: Pixels, u: Float32[Tensor, "batch 2"], size: int, fill: int = 127) -> Pixels:
    """Covers a square of `size` pixels with the grey level `fill`; its middle lies anywhere in the picture.

    The square may stick out, as in DeVries and Taylor, 2017 (arXiv 1708.04552), so that borders are covered as
    often as the rest.

    >>> cutout(torch.zeros(1, 1, 1, 4, dtype=torch.uint8), torch.tensor([[0.0, 0.9]]), size=2, fill=9).tolist()
    [[[[0, 0, 9, 9]]]]
    """
    rows, columns = (
        span(length, (u[:, axis] * length).long() - size // 2, size) for axis, length in enumerate(pixels.shape[2:])
    )
    # In a clone, because masked_fill alone forgets the memory format.
    return pixels.clone().masked_fill_(_box(rows, columns), fill)


def erase(
    pixels: Pixels,
    u: Float32[Tensor, "batch 6"],
    probability: float = 0.25,
    area: tuple[float, float] = (0.02, 0.33),
    ratio: tuple[float, float] = (0.3, 3.3),
    fill: int | Literal["noise"] = "noise",
) -> Pixels:
    """Random erasing (arXiv 1708.04896): with a probability, covers a rectangle that lies inside the picture.

    Its share of the area is drawn evenly from `area`, its height to width from `ratio` evenly on a log scale; sides
    are whole pixels, at most the picture's (where the paper draws again). "noise" is the paper's best filling: each
    pixel of each channel any level, from a hash of the last of the example's numbers.

    >>> erase(torch.zeros(1, 1, 2, 2, dtype=torch.uint8), torch.full((1, 6), 0.5), 1, (0.5, 0.5), (2, 2), 9).tolist()
    [[[[0, 9], [0, 9]]]]
    """
    height, width = pixels.shape[2:]
    share = between(u[:, 1], *area) * height * width
    aspect = torch.exp(between(u[:, 2], math.log(ratio[0]), math.log(ratio[1])))
    down = (share * aspect).sqrt().round().clamp(max=height).long()
    across = (share / aspect).sqrt().round().clamp(max=width).long()
    down = torch.where(u[:, 0] < probability, down, 0)
    rows = span(height, (u[:, 3] * (height - down + 1)).long(), down)
    columns = span(width, (u[:, 4] * (width - across + 1)).long(), across)
    box = _box(rows, columns)
    if fill != "noise":
        return pixels.clone().masked_fill_(box, fill)
    places = box.expand_as(pixels).nonzero(as_tuple=True)
    return pixels.clone().index_put_(places, _noise(u[:, 5], places, pixels.shape))


def _box(rows: Bool[Tensor, "batch height"], columns: Bool[Tensor, "batch width"]) -> Tensor:
    return rows[:, None, :, None] & columns[:, None, None, :]


def _noise(u: Numbers, places: tuple[Tensor, ...], shape: torch.Size) -> UInt8[Tensor, " count"]:
    """A level for each place (example, channel, row, column), a hash of the example's number and the place in it."""
    example, channel, row, column = places
    key = (u * 2**24).long()[example] * (shape[1] * shape[2] * shape[3])
    return (hashed(key + (channel * shape[2] + row) * shape[3] + column) & 255).to(torch.uint8)


class Cutout(BaseModel, frozen=True, extra="forbid"):
    """Covers a square; 8 for pictures of 28 to 32 pixels."""

    draws: ClassVar[int] = 2
    name: Literal["cutout"] = "cutout"
    size: int = Field(default=8, ge=1)
    fill: Level = 127

    def __call__(self, pixels: Pixels, u: Float32[Tensor, "batch 2"]) -> Pixels:
        return cutout(pixels, u, self.size, self.fill)


class Erase(BaseModel, frozen=True, extra="forbid"):
    """Random erasing: with `probability`, a rectangle of a share `area` and a height to width `ratio`."""

    draws: ClassVar[int] = 6
    name: Literal["erase"] = "erase"
    probability: Share = 0.25
    area: tuple[Share, Share] = (0.02, 0.33)
    ratio: tuple[Positive, Positive] = (0.3, 3.3)
    fill: Level | Literal["noise"] = "noise"

    def __call__(self, pixels: Pixels, u: Float32[Tensor, "batch 6"]) -> Pixels:
        return erase(pixels, u, self.probability, self.area, self.ratio, self.fill)
