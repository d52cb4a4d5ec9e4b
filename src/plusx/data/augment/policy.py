"""TrivialAugment and RandAugment: for each example, drawn ones of a list of operations."""

from collections.abc import Callable
from typing import ClassVar, Literal

import torch
from jaxtyping import Float32, Int64
from pydantic import BaseModel, Field
from torch import Tensor

from plusx.data.augment import colour
from plusx.data.augment.pixels import Fill, Numbers, Pixels, Sampling, Share, normal
from plusx.data.augment.warp import resample, square

Op = Callable[[Pixels, Numbers], Pixels]
"""(pixels, level): level is each example's strength in [-1, 1]; where two directions make no sense, its size counts."""


def trivial_augment(pixels: Pixels, u: Float32[Tensor, "batch 3"], reach: float = 32, fill: Fill = 0) -> Pixels:
    """TrivialAugment (arXiv 2103.10158) with its wide space: one operation, at any of 31 strengths.

    u[:, 0] draws the operation, u[:, 1] the strength and u[:, 2] its direction.

    >>> picture = torch.tensor([[[[10, 20, 30]]]], dtype=torch.uint8)
    >>> u = torch.tensor([[3.5 / 14, 0.99, 0.9]])  # the fourth operation moves to the right
    >>> trivial_augment(picture, u, reach=1).flatten().tolist()
    [0, 10, 20]
    """
    return trivially(trivial_ops(reach, fill), pixels, u)


def trivially(operations: dict[str, Op], pixels: Pixels, u: Float32[Tensor, "batch 3"]) -> Pixels:
    """TrivialAugment with these operations."""
    level = (u[:, 1] * 31).floor() / 30 * _sign(u[:, 2])
    return apply_drawn(operations, pixels, (u[:, 0] * len(operations)).long(), level)


def rand_augment(
    pixels: Pixels,
    u: Float32[Tensor, "batch draws"],
    ops: int = 2,
    magnitude: float = 9,
    magnitude_std: float = 0.5,
    probability: float = 0.5,
    fill: Fill = 128,
) -> Pixels:
    """RandAugment (arXiv 1909.13719), `ops` operations one after the other, all of about one strength.

    This is timm's variant ("inc1"), with which ResNet strikes back (arXiv 2110.00476) was trained: each drawn
    operation happens with a probability, its magnitude is normally distributed and cut to 0 to 10, and with the
    magnitude grows what every operation changes. u holds 4 numbers an operation.
    """
    return randomly(rand_ops(fill), pixels, u, ops, magnitude, magnitude_std, probability)


def randomly(
    operations: dict[str, Op],
    pixels: Pixels,
    u: Float32[Tensor, "batch draws"],
    ops: int,
    magnitude: float,
    magnitude_std: float,
    probability: float,
) -> Pixels:
    """RandAugment with these operations."""
    for which, happens, strength, direction in u.view(-1, ops, 4).permute(1, 2, 0):
        size = (magnitude + magnitude_std * normal(strength)).clamp(0, 10) / 10
        drawn = torch.where(happens < probability, (which * len(operations)).long(), -1)
        pixels = apply_drawn(operations, pixels, drawn, size * _sign(direction))
    return pixels


def apply_drawn(operations: dict[str, Op], pixels: Pixels, drawn: Int64[Tensor, " batch"], level: Numbers) -> Pixels:
    """Each example changed by the operation at its place `drawn`; where that is -1, by none."""
    result = pixels.clone()
    for place, operation in enumerate(operations.values()):
        rows = (drawn == place).nonzero()[:, 0]
        if len(rows):
            result[rows] = operation(pixels[rows], level[rows])
    return result


def trivial_ops(reach: float, fill: Fill, mode: Sampling = "bilinear") -> dict[str, Op]:
    """The operations of TrivialAugment's wide space; `reach` is the furthest translation in pixels."""
    return {
        "identity": lambda pixels, level: pixels,
        "shear_x": lambda pixels, level: shear_x(pixels, 0.99 * level, fill, mode),
        "shear_y": lambda pixels, level: shear_y(pixels, 0.99 * level, fill, mode),
        "translate_x": lambda pixels, level: translate_x(pixels, reach * level, fill, mode),
        "translate_y": lambda pixels, level: translate_y(pixels, reach * level, fill, mode),
        "rotate": lambda pixels, level: rotate(pixels, 135 * level, fill, mode),
        "brightness": lambda pixels, level: colour.brightness(pixels, 1 + 0.99 * level),
        "saturation": lambda pixels, level: colour.saturation(pixels, 1 + 0.99 * level),
        "contrast": lambda pixels, level: colour.contrast(pixels, 1 + 0.99 * level),
        "sharpness": lambda pixels, level: colour.sharpness(pixels, 1 + 0.99 * level),
        "posterize": lambda pixels, level: colour.posterize(pixels, (8 - 6 * level.abs()).round()),
        "solarize": lambda pixels, level: colour.solarize(pixels, 255 * (1 - level.abs())),
        "autocontrast": lambda pixels, level: colour.autocontrast(pixels),
        "equalize": lambda pixels, level: colour.equalize(pixels),
    }


def rand_ops(fill: Fill, mode: Sampling = "bilinear") -> dict[str, Op]:
    """The operations of timm's RandAugment, "increasing"; a level of 1 is its magnitude 10."""
    return {
        "autocontrast": lambda pixels, level: colour.autocontrast(pixels),
        "equalize": lambda pixels, level: colour.equalize(pixels),
        "invert": lambda pixels, level: colour.invert(pixels),
        "rotate": lambda pixels, level: rotate(pixels, 30 * level, fill, mode),
        "posterize": lambda pixels, level: colour.posterize(pixels, 4 - (4 * level.abs()).floor()),
        "solarize": lambda pixels, level: colour.solarize(pixels, 256 - (256 * level.abs()).floor()),
        "solarize_add": lambda pixels, level: colour.solarize_add(pixels, (110 * level.abs()).floor()),
        "saturation": lambda pixels, level: colour.saturation(pixels, 1 + 0.9 * level),
        "contrast": lambda pixels, level: colour.contrast(pixels, 1 + 0.9 * level),
        "brightness": lambda pixels, level: colour.brightness(pixels, 1 + 0.9 * level),
        "sharpness": lambda pixels, level: colour.sharpness(pixels, 1 + 0.9 * level),
        "shear_x": lambda pixels, level: shear_x(pixels, 0.3 * level, fill, mode),
        "shear_y": lambda pixels, level: shear_y(pixels, 0.3 * level, fill, mode),
        "translate_x": lambda pixels, level: translate_x(pixels, 0.45 * pixels.shape[3] * level, fill, mode),
        "translate_y": lambda pixels, level: translate_y(pixels, 0.45 * pixels.shape[2] * level, fill, mode),
    }


def shear_x(pixels: Pixels, slant: Numbers, fill: Fill = 0, mode: Sampling = "bilinear") -> Pixels:
    """Each row moves left by `slant` times its distance from the top edge, as in Pillow."""
    one, zero = torch.ones_like(slant), torch.zeros_like(slant)
    offset = torch.stack([slant * pixels.shape[2] / 2, zero], 1)
    return resample(pixels, square(one, slant, zero, one), offset, fill, mode=mode)


def shear_y(pixels: Pixels, slant: Numbers, fill: Fill = 0, mode: Sampling = "bilinear") -> Pixels:
    """Each column moves up by `slant` times its distance from the left edge, as in Pillow."""
    one, zero = torch.ones_like(slant), torch.zeros_like(slant)
    offset = torch.stack([zero, slant * pixels.shape[3] / 2], 1)
    return resample(pixels, square(one, zero, slant, one), offset, fill, mode=mode)


def translate_x(pixels: Pixels, distance: Numbers, fill: Fill = 0, mode: Sampling = "bilinear") -> Pixels:
    """To the right by so many pixels."""
    return _translate(pixels, distance, torch.zeros_like(distance), fill, mode)


def translate_y(pixels: Pixels, distance: Numbers, fill: Fill = 0, mode: Sampling = "bilinear") -> Pixels:
    """Down by so many pixels."""
    return _translate(pixels, torch.zeros_like(distance), distance, fill, mode)


def rotate(pixels: Pixels, degrees: Numbers, fill: Fill = 0, mode: Sampling = "bilinear") -> Pixels:
    """Counter-clockwise around the middle."""
    cos, sin = degrees.deg2rad().cos(), degrees.deg2rad().sin()
    return resample(pixels, square(cos, -sin, sin, cos), degrees.new_zeros(len(degrees), 2), fill, mode=mode)


def _translate(pixels: Pixels, right: Numbers, down: Numbers, fill: Fill, mode: Sampling) -> Pixels:
    one, zero = torch.ones_like(right), torch.zeros_like(right)
    return resample(pixels, square(one, zero, zero, one), -torch.stack([right, down], 1), fill, mode=mode)


def _sign(u: Numbers) -> Numbers:
    return torch.where(u < 0.5, -1.0, 1.0)


class TrivialAugment(BaseModel, frozen=True, extra="forbid"):
    """One operation of any strength. `reach`, in pixels, is as published: smaller than that, on pictures of 28."""

    draws: ClassVar[int] = 3
    name: Literal["trivial_augment"] = "trivial_augment"
    reach: float = Field(default=32, ge=0)
    fill: Fill = 0

    def __call__(self, pixels: Pixels, u: Float32[Tensor, "batch 3"]) -> Pixels:
        return trivial_augment(pixels, u, self.reach, self.fill)


class RandAugment(BaseModel, frozen=True, extra="forbid"):
    """`ops` operations of about `magnitude` (0 to 10); timm's rand-m7-mstd0.5-inc1 is magnitude=7."""

    name: Literal["rand_augment"] = "rand_augment"
    ops: int = Field(default=2, ge=1)
    magnitude: float = Field(default=9, ge=0, le=10)
    magnitude_std: float = Field(default=0.5, ge=0)
    probability: Share = 0.5
    fill: Fill = 128

    @property
    def draws(self) -> int:
        return 4 * self.ops

    def __call__(self, pixels: Pixels, u: Float32[Tensor, "batch draws"]) -> Pixels:
        return rand_augment(pixels, u, self.ops, self.magnitude, self.magnitude_std, self.probability, self.fill)
