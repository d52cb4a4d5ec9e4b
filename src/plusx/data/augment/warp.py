"""Rotated, scaled, sheared, moved and bent, in one resampling, so that pixels are interpolated once."""

import math
from functools import lru_cache
from typing import Literal

import torch
from jaxtyping import Float32
from pydantic import BaseModel, Field
from torch import Tensor
from torch.nn import functional

from plusx.data.augment.pixels import Fill, Numbers, Pixels, Sampling, between, normal, to_levels


def warp(
    pixels: Pixels,
    u: Float32[Tensor, "batch draws"],
    rotate: float = 10,
    scale: float = 0.1,
    shear: float = 0.1,
    shift: float = 2,
    elastic: float = 0.0,
    points: int = 5,
    fill: Fill = 0,
    mode: Sampling = "bilinear",
) -> Pixels:
    """Rotation, size, slant and place, each drawn evenly and both ways, and elastic deformation.

    Args:
        pixels: the pictures.
        u: 5 numbers an example, and 2 * points**2 more where `elastic` is not 0.
        rotate: degrees, up to 180, around the picture's middle.
        scale: natural logarithm of the size's change: 0.1 is from 0.905 to 1.105 times as large.
        shear: pixels by which a row moves for each pixel that it is further down: the slant of handwriting.
        shift: pixels, and parts of them, in both directions.
        elastic: standard deviation in pixels of the displacements of a grid of points x points control points over
            the picture, between which they are interpolated bicubically. Smooth random displacement is that of
            Simard, Steinkraus and Platt (ICDAR 2003), who smooth a displacement of every pixel; a grid is cheaper.
        points: control points a side; fewer bend wider.
        fill: the grey level that comes in at the border, or "edge": the border's own pixels repeated.
        mode: how levels between pixels are found.

    >>> picture = torch.tensor([[[[10, 20, 30]]]], dtype=torch.uint8)
    >>> u = torch.tensor([[0.5, 0.5, 0.5, 0.75, 0.5]])
    >>> warp(picture, u, shift=1).flatten().tolist()  # half a pixel to the right
    [5, 15, 25]
    """
    matrix, offset = placement(u, rotate, scale, shear, shift)
    bends = elastic * normal(u[:, 5:].reshape(-1, 2, points, points)) if elastic else None
    return resample(pixels, matrix, offset, fill, bends, mode)


def placement(
    u: Float32[Tensor, "batch draws"], rotate: float, scale: float, shear: float, shift: float
) -> tuple[Float32[Tensor, "batch 2 2"], Float32[Tensor, "batch 2"]]:
    """`resample`'s matrix and offset of what `warp` does by its first 5 numbers."""
    angle = between(u[:, 0], -rotate, rotate) * (math.pi / 180)
    smaller = torch.exp(between(u[:, 1], scale, -scale))
    slant = between(u[:, 2], -shear, shear)
    cos, sin = angle.cos() * smaller, angle.sin() * smaller
    # From an output pixel back to where its level is: unmoved, turned back, sized back, and slanted back.
    matrix = square(cos - slant * sin, sin + slant * cos, -sin, cos)
    moved = between(u[:, 3:5], -shift, shift)
    return matrix, -(matrix * moved[:, None]).sum(2)


def resample(
    pixels: Pixels,
    matrix: Float32[Tensor, "batch 2 2"],
    offset: Float32[Tensor, "batch 2"],
    fill: Fill = 0,
    bends: Float32[Tensor, "batch 2 points points"] | None = None,
    mode: Sampling = "bilinear",
) -> Pixels:
    """The output at p shows the picture at matrix @ p + offset + bend(p), by `mode`.

    p = (x, y) counts pixels from the picture's middle, right and down. `bends` are displacements (x, y) in pixels at
    control points from corner to corner, bicubic between them.

    >>> picture = torch.tensor([[[[10, 20, 30]]]], dtype=torch.uint8)
    >>> mirror = torch.tensor([[[-1.0, 0.0], [0.0, 1.0]]])
    >>> resample(picture, mirror, torch.zeros(1, 2)).flatten().tolist()
    [30, 20, 10]
    """
    height, width = pixels.shape[2:]
    # grid_sample's coordinates run from -1 to 1 over the picture: all is scaled while it is small.
    unit = torch.tensor([2 / width, 2 / height], device=pixels.device)
    matrix, offset = matrix * unit[:, None], offset * unit
    across = matrix[:, :, :1] * _from_middle(width, pixels.device) + offset[:, :, None]
    down = matrix[:, :, 1:] * _from_middle(height, pixels.device)
    places = across[:, :, None, :] + down[:, :, :, None]
    if bends is not None:
        places += _bicubic(bends * unit[:, None, None], height, width)
    # Outside is 0 for grid_sample, so that `fill` must be.
    level = 0 if fill == "edge" else fill
    sampled = functional.grid_sample(
        pixels.float().sub_(level),
        places.permute(0, 2, 3, 1),
        mode=mode,
        padding_mode="border" if fill == "edge" else "zeros",
        align_corners=False,
    )
    return to_levels(sampled.add_(level), like=pixels)


def square(a: Numbers, b: Numbers, c: Numbers, d: Numbers) -> Float32[Tensor, "batch 2 2"]:
    """[[a, b], [c, d]] of each example."""
    return torch.stack([a, b, c, d], dim=1).view(-1, 2, 2)


def _from_middle(length: int, device: torch.device) -> Float32[Tensor, " {length}"]:
    return torch.arange(length, dtype=torch.float32, device=device) - (length - 1) / 2


def _bicubic(points: Float32[Tensor, "batch 2 rows columns"], height: int, width: int) -> Tensor:
    """Points from corner to corner of the picture, interpolated at each pixel: (batch, 2, height, width)."""
    rows = _weights(points.shape[2], height).to(points.device)
    columns = _weights(points.shape[3], width).to(points.device)
    # Elementwise, because a matrix product may round an example differently in a batch of another size; still a
    # quarter of the time of functional.interpolate.
    wide = _added([points[:, :, :, k, None] for k in range(len(columns))], columns)
    return _added([wide[:, :, k, None, :] for k in range(len(rows))], rows[:, :, None])


def _added(parts: list[Tensor], weights: Tensor) -> Tensor:
    total = parts[0] * weights[0]
    # One scratch tensor, because each new one of this size costs the system's clean pages: four times the product's.
    term = torch.empty_like(total)
    for part, weight in zip(parts[1:], weights[1:], strict=True):
        total.add_(torch.mul(part, weight, out=term))
    return total


@lru_cache(maxsize=32)
def _weights(points: int, length: int) -> Float32[Tensor, "{points} {length}"]:
    """What each control point counts at each pixel."""
    each = torch.eye(points)[None, None]
    return functional.interpolate(each, size=(points, length), mode="bicubic", align_corners=True)[0, 0]


class Warp(BaseModel, frozen=True, extra="forbid"):
    """Rotation (degrees), scale (logarithm), shear, shift and elastic deformation (pixels), in one resampling."""

    name: Literal["warp"] = "warp"
    rotate: float = Field(default=10, ge=0, le=180)
    scale: float = Field(default=0.1, ge=0, le=2)
    shear: float = Field(default=0.1, ge=0, le=2)
    shift: float = Field(default=2, ge=0)
    elastic: float = Field(default=0.0, ge=0)
    points: int = Field(default=5, ge=2, le=16)
    fill: Fill = 0

    @property
    def draws(self) -> int:
        return 5 + (2 * self.points**2 if self.elastic else 0)

    def __call__(self, pixels: Pixels, u: Float32[Tensor, "batch draws"]) -> Pixels:
        strengths = (self.rotate, self.scale, self.shear, self.shift, self.elastic)
        return warp(pixels, u, *strengths, self.points, self.fill)
