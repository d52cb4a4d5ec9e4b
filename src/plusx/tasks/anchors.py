"""What a detector learns: which anchors are of which boxes, and RetinaNet's losses (arXiv 1708.02002)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jaxtyping import Float, Int

from plusx.tasks.found import LARGEST_OFFSET

if TYPE_CHECKING:
    from torch import Tensor

BACKGROUND, BETWEEN = -1, -2
OURS, NOT_OURS = 0.5, 0.4
"""The overlap from which on an anchor is of a box, and that below which it is of none; between nothing is asked."""


def retinanet_loss(outputs: Float[Tensor, "outputs anchors"], rows: Float[Tensor, "longest 5"]) -> Float[Tensor, ""]:
    """An example's loss: of all classes at all anchors the focal loss, of those with a box the generalised IoU's
    (arXiv 1902.09630), both by the number of these."""
    import torch
    from torchvision.ops import generalized_box_iou_loss, sigmoid_focal_loss

    # Regions of many (classes below -1) are neither.
    rows = rows[rows[:, 0] >= 0]
    anchors = outputs[-4:].detach().T
    which = matched(anchors, rows[:, 1:])
    own = (which >= 0).nonzero()[:, 0]
    row = which[own]
    logits = outputs[:-8]
    wanted = torch.zeros_like(logits)
    wanted[rows[row, 0].long(), own] = 1
    focal = sigmoid_focal_loss(logits, wanted, reduction="none").sum(0)
    boxes = decoded(outputs[-8:-4, own].T, anchors[own])
    far = generalized_box_iou_loss(boxes, rows[row, 1:], reduction="sum")
    return (focal[which != BETWEEN].sum() + far) / max(1, len(own))


def matched(anchors: Float[Tensor, "anchors 4"], boxes: Float[Tensor, "boxes 4"]) -> Int[Tensor, " anchors"]:
    """Each anchor's box by its place, or `BACKGROUND` or `BETWEEN`.

    An anchor is of the box that it overlaps most, if that is enough; those that overlap a box most of all, however
    little, are of theirs.
    """
    import torch
    from torchvision.ops import box_iou

    if len(boxes) == 0:
        return torch.full((len(anchors),), BACKGROUND, device=anchors.device)
    overlap = box_iou(boxes, anchors)
    most, nearest = overlap.max(0)
    which = torch.where(most >= OURS, nearest, torch.where(most < NOT_OURS, BACKGROUND, BETWEEN))
    nearest_of_all = (overlap == overlap.amax(1, keepdim=True)).any(0)
    return torch.where(nearest_of_all, nearest, which)


def decoded(offsets: Float[Tensor, "anchors 4"], anchors: Float[Tensor, "anchors 4"]) -> Float[Tensor, "anchors 4"]:
    """The boxes that offsets make of their anchors: `plusx.tasks.found.decoded`, with gradients."""
    import torch

    size = anchors[:, 2:] - anchors[:, :2]
    middle = anchors[:, :2] + size / 2 + offsets[:, :2] * size
    half = offsets[:, 2:].clamp(max=LARGEST_OFFSET).exp() * size / 2
    return torch.cat([middle - half, middle + half], dim=1)
