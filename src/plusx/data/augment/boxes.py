"""What augmentations do to boxes: what moves a picture moves its boxes by the same numbers, the rest leaves them.

Boxes are rows `(class, x0, y0, x1, y1)` in shares of the picture's sides, filled up with -1.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float32
from torch import Tensor

from plusx.data.augment.move import Crop, Flip, Shift, window
from plusx.data.augment.policy import RandAugment, TrivialAugment
from plusx.data.augment.warp import Warp, placement
from plusx.errors import WrongUse

KEPT = 0.3
"""The least share of a box's area that must stay in the picture: of less nobody could say what it is."""

Boxes = Float32[Tensor, "batch longest 5"]
Corners = Float32[Tensor, "batch longest 4"]


def move_boxes(augmentation: object, boxes: Boxes, size: tuple[int, int], u: Float32[Tensor, "batch draws"]) -> Boxes:
    """The boxes of the pictures, before of this (height, width), that the augmentation makes with the numbers `u`.

    >>> box = torch.tensor([[[0, 0.1, 0.25, 0.5, 0.75]]])
    >>> move_boxes(Flip(), box, (8, 8), torch.tensor([[0.2]]))[0, 0].tolist()
    [0.0, 0.5, 0.25, 0.8999999761581421, 0.75]
    """
    corners = boxes[..., 1:]
    match augmentation:
        case Flip(probability=probability):
            mirrored = torch.stack([1 - corners[..., 2], corners[..., 1], 1 - corners[..., 0], corners[..., 3]], -1)
            moved = torch.where((u[:, 0] < probability)[:, None, None], mirrored, corners)
        case Shift(reach=reach):
            down, across = ((u * (2 * reach + 1)).long() - reach).unbind(1)
            by = torch.stack([across / size[1], down / size[0]], 1)
            moved = corners + by.repeat(1, 2)[:, None]
        case Crop(scale=scale, ratio=ratio):
            across, down, x, y = window(u, scale, ratio, size)
            extent = torch.stack([across, down], 1)
            start = (torch.stack([x, y], 1) + 1 - extent) / 2
            moved = (corners - start.repeat(1, 2)[:, None]) / extent.repeat(1, 2)[:, None]
        case Warp(rotate=rotate, scale=scale, shear=shear, shift=shift):
            moved = _warped(corners, size, *placement(u, rotate, scale, shear, shift))
        case _:
            return boxes
    return _cut(boxes[..., :1], moved)


def refuse_for_boxes(augmentations: Sequence[object]) -> None:
    """Nothing, if boxes can follow each of the augmentations.

    Raises:
        WrongUse: one cannot be followed; the line names it.
    """
    for one in augmentations:
        if isinstance(one, TrivialAugment | RandAugment) or (isinstance(one, Warp) and one.elastic):
            what = "warp.elastic" if isinstance(one, Warp) else one.name
            raise WrongUse(f"--set augment: boxes cannot follow {what}; use flip, shift, crop, or warp without elastic")


def _warped(
    corners: Corners, size: tuple[int, int], matrix: Float32[Tensor, "batch 2 2"], offset: Float32[Tensor, "batch 2"]
) -> Corners:
    """The boxes around the places to which their corners go; what turns makes them larger than what is in them."""
    sides = torch.tensor([size[1], size[0]], dtype=torch.float32, device=corners.device)
    x, y = corners[..., 0::2], corners[..., 1::2]
    points = torch.stack([x[..., [0, 1, 0, 1]], y[..., [0, 0, 1, 1]]], -1)
    # The reverse of what `resample` says: where an output's place is in the input, in pixels from the middle.
    from_middle = (points - 0.5) * sides - offset[:, None, None]
    back = torch.linalg.inv(matrix)[:, None, None]
    placed = (back * from_middle[..., None, :]).sum(-1) / sides + 0.5
    return torch.cat([placed.amin(2), placed.amax(2)], -1)


def _cut(classes: Float32[Tensor, "batch longest 1"], corners: Corners) -> Boxes:
    """The boxes cut to the picture, without those of which too little is in it."""
    inside = corners.clamp(0, 1)
    there = (classes[..., 0] != -1) & (_area(inside) > KEPT * _area(corners))
    return torch.where(there[..., None], torch.cat([classes, inside], -1), -1.0)


def _area(corners: Corners) -> Float32[Tensor, "batch longest"]:
    return (corners[..., 2] - corners[..., 0]) * (corners[..., 3] - corners[..., 1])
