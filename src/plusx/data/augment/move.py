"""Mirrored, moved by whole pixels, and cropped."""

import math
from typing import Annotated, ClassVar, Literal

import torch
from jaxtyping import Float32
from pydantic import BaseModel, Field
from torch import Tensor
from torch.nn import functional

from plusx.data.augment.pixels import Fill, Numbers, Pixels, Sampling, Share, between, laid_out_like, to_levels


def flip(pixels: Pixels, u: Float32[Tensor, "batch 1"], probability: float = 0.5) -> Pixels:
    """Mirrors left and right where u < probability.

    >>> picture = torch.tensor([[[[1, 2, 3]]]], dtype=torch.uint8)
    >>> flip(picture, torch.tensor([[0.2]])).flatten().tolist()
    [3, 2, 1]
    """
    return torch.where((u[:, 0] < probability)[:, None, None, None], pixels.flip(3), pixels)


def shift(pixels: Pixels, u: Float32[Tensor, "batch 2"], reach: int, fill: Fill = "edge") -> Pixels:
    """Moves each picture by whole pixels, from -reach to reach, down by u[:, 0] and right by u[:, 1].

    What comes in at the border is the border's own pixels repeated ("edge": right for digits on any plain
    background, black or white), or the grey level `fill`.

    >>> picture = torch.tensor([[[[1, 2, 3]]]], dtype=torch.uint8)
    >>> shift(picture, torch.tensor([[0.5, 0.9]]), reach=1, fill=0).flatten().tolist()
    [0, 1, 2]
    """
    height, width = pixels.shape[2:]
    if fill == "edge":
        rows = torch.arange(-reach, height + reach, device=pixels.device).clamp(0, height - 1)
        columns = torch.arange(-reach, width + reach, device=pixels.device).clamp(0, width - 1)
        padded = pixels.index_select(2, rows).index_select(3, columns)
    else:
        padded = functional.pad(pixels, (reach,) * 4, value=fill)
    # All places where the window can lie, as a view; only the chosen ones are copied.
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)
    start = 2 * reach - (u * (2 * reach + 1)).long()
    each = torch.arange(len(pixels), device=pixels.device)
    return laid_out_like(pixels, windows[each, :, start[:, 0], start[:, 1]])


def crop(
    pixels: Pixels,
    u: Float32[Tensor, "batch 4"],
    scale: tuple[float, float] = (0.35, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
    size: tuple[int, int] | None = None,
    mode: Sampling = "bilinear",
) -> Pixels:
    """Random resized crop: a part of the picture, resized by `mode` to `size` (height, width; None: as it is).

    The part has a share of the area drawn from `scale` and a width to height drawn from `ratio` evenly on a log
    scale, cut to the picture where it would stick out, and lies anywhere inside. There is no antialiasing: where
    the part is more than twice as large as `size` it aliases, so store pictures at about the size of training.
    """
    height, width = pixels.shape[2:]
    out_height, out_width = size or (height, width)
    across, down, from_left, from_top = window(u, scale, ratio, (height, width))
    zero = torch.zeros_like(down)
    theta = torch.stack([across, zero, from_left, zero, down, from_top], 1).view(-1, 2, 3)
    grid = functional.affine_grid(theta, [len(pixels), pixels.shape[1], out_height, out_width], align_corners=False)
    sampled = functional.grid_sample(pixels.float(), grid, mode=mode, padding_mode="border", align_corners=False)
    return to_levels(sampled, like=pixels)


def window(
    u: Float32[Tensor, "batch 4"], scale: tuple[float, float], ratio: tuple[float, float], size: tuple[int, int]
) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """The part that `crop` shows of pictures of this (height, width): (width, height, x, y).

    Width and height are shares of the picture's; the part's middle (x, y) is in affine_grid's coordinates, which run
    from -1 to 1 over the picture.
    """
    height, width = size
    area = between(u[:, 0], *scale) * height * width
    aspect = torch.exp(between(u[:, 1], math.log(ratio[0]), math.log(ratio[1])))
    down = ((area / aspect).sqrt() / height).clamp(max=1)
    across = ((area * aspect).sqrt() / width).clamp(max=1)
    return across, down, (1 - across) * (2 * u[:, 3] - 1), (1 - down) * (2 * u[:, 2] - 1)


class Flip(BaseModel, frozen=True, extra="forbid"):
    """Left-right mirroring; not for digits and letters."""

    draws: ClassVar[int] = 1
    name: Literal["flip"] = "flip"
    probability: Share = 0.5

    def __call__(self, pixels: Pixels, u: Float32[Tensor, "batch 1"]) -> Pixels:
        return flip(pixels, u, self.probability)


class Shift(BaseModel, frozen=True, extra="forbid"):
    """Moves by whole pixels, up to `reach` each way."""

    draws: ClassVar[int] = 2
    name: Literal["shift"] = "shift"
    reach: int = Field(default=2, ge=0)
    fill: Fill = "edge"

    def __call__(self, pixels: Pixels, u: Float32[Tensor, "batch 2"]) -> Pixels:
        return shift(pixels, u, self.reach, self.fill)


class Crop(BaseModel, frozen=True, extra="forbid"):
    """Random resized crop; the size stays where `height` or `width` is None."""

    draws: ClassVar[int] = 4
    name: Literal["crop"] = "crop"
    scale: tuple[Annotated[float, Field(gt=0, le=1)], Annotated[float, Field(gt=0, le=1)]] = (0.35, 1.0)
    ratio: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] = (3 / 4, 4 / 3)
    height: int | None = Field(default=None, ge=1)
    width: int | None = Field(default=None, ge=1)

    def __call__(self, pixels: Pixels, u: Float32[Tensor, "batch 4"]) -> Pixels:
        size = (self.height or pixels.shape[2], self.width or pixels.shape[3])
        return crop(pixels, u, self.scale, self.ratio, size)
