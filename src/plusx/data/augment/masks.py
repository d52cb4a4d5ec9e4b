"""What augmentations do to masks: what moves a picture moves its mask by the same numbers, the rest leaves it.

Classes are taken from the nearest pixel, and what comes in at the border is ignored (255).
"""

from __future__ import annotations

from jaxtyping import Float32, UInt8
from torch import Tensor

from plusx.data.augment.move import Crop, Flip, Shift, crop, flip, shift
from plusx.data.augment.pixels import Pixels
from plusx.data.augment.policy import Op, RandAugment, TrivialAugment, rand_ops, randomly, trivial_ops, trivially
from plusx.data.augment.warp import Warp, warp

IGNORED = 255
MOVES = ("shear_x", "shear_y", "translate_x", "translate_y", "rotate")
"""The operations of policies that move pixels."""

Masks = UInt8[Tensor, "batch height width"]


def move_masks(augmentation: object, masks: Masks, u: Float32[Tensor, "batch draws"]) -> Masks:
    """The masks of the pictures that the augmentation makes with the numbers `u`.

    >>> import torch
    >>> mask = torch.tensor([[[1, 2, 3]]], dtype=torch.uint8)
    >>> move_masks(Shift(reach=1), mask, torch.tensor([[0.5, 0.9]])).tolist()
    [[[255, 1, 2]]]
    """
    return _moved(augmentation, masks[:, None], u)[:, 0]


def _moved(augmentation: object, masks: Pixels, u: Tensor) -> Pixels:
    match augmentation:
        case Flip():
            return flip(masks, u, augmentation.probability)
        case Shift():
            return shift(masks, u, augmentation.reach, IGNORED)
        case Crop():
            size = (augmentation.height or masks.shape[2], augmentation.width or masks.shape[3])
            return crop(masks, u, augmentation.scale, augmentation.ratio, size, "nearest")
        case Warp(rotate=rotate, scale=scale, shear=shear, shift=moved, elastic=elastic, points=points):
            return warp(masks, u, rotate, scale, shear, moved, elastic, points, IGNORED, "nearest")
        case TrivialAugment():
            return trivially(_moving(trivial_ops(augmentation.reach, IGNORED, "nearest")), masks, u)
        case RandAugment(ops=ops, magnitude=magnitude, magnitude_std=std, probability=probability):
            return randomly(_moving(rand_ops(IGNORED, "nearest")), masks, u, ops, magnitude, std, probability)
        case _:
            return masks


def _moving(operations: dict[str, Op]) -> dict[str, Op]:
    """The same, of which those that change levels alone change nothing."""
    return {name: operation if name in MOVES else _unchanged for name, operation in operations.items()}


def _unchanged(pixels: Pixels, level: Tensor) -> Pixels:
    return pixels
