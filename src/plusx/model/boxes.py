"""Heads that answer for many places and sizes: RetinaNet (arXiv 1708.02002) on a feature pyramid (arXiv 1612.03144)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import log2

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from plusx.model.dense import DENSE, Maps
from plusx.model.layers import Layers
from plusx.model.shortcuts import chain

FROM_STAGES, FURTHER = 3, 2
"""Levels of the pyramid: the last stages', and those that halve the last."""
LEAST_FILTERS, MOST_FILTERS = 32, 256
NORMALISED_TOGETHER = 8
"""Filters of a group, as torchvision's 256 in 32 groups: a coarse level's one place has no spread of its own."""
RATIOS = (0.5, 1.0, 2.0)
SCALES = (1.0, 2 ** (1 / 3), 2 ** (2 / 3))
IN_STRIDES = 4
"""The smallest square anchor's side, in strides of its level: 32 pixels where a place is 8 (section 4)."""


class RetinaNet(nn.Module):
    """Class logits, box offsets, and the anchors that they are of: `(batch, classes + 8, anchors)`.

    torchvision's `RetinaNetHead` on its `FeaturePyramidNetwork`, with group normalisation, as its
    `retinanet_resnet50_fpn_v2` has them; the pyramid is narrower on narrow networks. Anchors are (x0, y0, x1, y1) in
    shares of the picture's sides, so that nobody needs its size to read an answer; offsets are those of R-CNN (arXiv
    1311.2524, appendix C).

    Args:
        layers: makes what reads the stages' sums.
        widths: the channels of each map.
        num_classes: of the things to find.
    """

    def __init__(self, layers: Layers, widths: Mapping[str, int], num_classes: int):
        # Imported here: it takes longer than all of our own modules together.
        from torchvision.models.detection.retinanet import RetinaNetHead
        from torchvision.ops import FeaturePyramidNetwork

        super().__init__()
        self.used = [name for name in widths if name != "unpooled"][-FROM_STAGES:]
        channels = [widths[name] for name in self.used]
        filters = max(LEAST_FILTERS, min(channels[-1] // 4, MOST_FILTERS) // LEAST_FILTERS * LEAST_FILTERS)
        self.first = nn.ModuleList(chain(**layers.read(width)) for width in channels)
        self.pyramid = FeaturePyramidNetwork(channels, filters)
        steps = [nn.Conv2d(width, filters, 3, 2, 1) for width in (channels[-1], *[filters] * (FURTHER - 1))]
        for step in steps:
            nn.init.kaiming_uniform_(step.weight, a=1)
            assert step.bias is not None
            nn.init.zeros_(step.bias)
        self.further = nn.ModuleList(steps)
        normalise = partial(nn.GroupNorm, filters // NORMALISED_TOGETHER)
        self.found = RetinaNetHead(filters, len(RATIOS) * len(SCALES), num_classes, normalise)

    def forward(self, maps: Maps, size: Sequence[int]) -> Float[Tensor, "batch outputs anchors"]:
        """Of pictures of this (height, width)."""
        stages = [layer(maps[name]) for layer, name in zip(self.first, self.used, strict=True)]
        levels = list(self.pyramid(dict(zip(self.used, stages, strict=True))).values())
        coarse = stages[-1]
        for number, step in enumerate(self.further):
            coarse = step(functional.relu(coarse) if number else coarse)
            levels.append(coarse)
        found = self.found(levels)
        logits = found["cls_logits"]
        anchors = pyramid_anchors([tuple(level.shape[2:]) for level in levels], (size[0], size[1]), logits.device)
        # Not len(): an exported network would keep the number of the examples that it was exported with.
        each = anchors.expand(logits.shape[0], *anchors.shape)
        return torch.cat([logits, found["bbox_regression"], each], dim=2).transpose(1, 2)


def pyramid_anchors(
    grids: Sequence[tuple[int, ...]], size: tuple[int, int], device: torch.device | str = "cpu"
) -> Float[Tensor, "anchors 4"]:
    """The anchors of all places of levels with these (rows, columns), in shares of a picture of this (height, width).

    Level by level, row by row, nine a place: three shapes of three sizes each, as torchvision's `AnchorGenerator` has
    them, whose first place is at the picture's corner.

    >>> pyramid_anchors([(1, 1)], (8, 8))[3].tolist()  # the smallest square one, 4 strides of 8 pixels wide
    [-2.0, -2.0, 2.0, 2.0]
    """
    stride = 2 ** round(log2(max(size) / max(grids[0])))
    sides = torch.tensor([size[1], size[0]] * 2, dtype=torch.float32, device=device)
    levels: list[Tensor] = []
    for number, (rows, columns) in enumerate(grids):
        base = _at_corner(IN_STRIDES * stride * 2**number, device)
        y, x = torch.meshgrid(
            torch.arange(rows, device=device) * (size[0] // rows),
            torch.arange(columns, device=device) * (size[1] // columns),
            indexing="ij",
        )
        places = torch.stack([x, y, x, y], dim=-1).reshape(-1, 1, 4)
        levels.append((places + base).reshape(-1, 4) / sides)
    return torch.cat(levels)


def _at_corner(side: int, device: torch.device | str) -> Float[Tensor, "9 4"]:
    """A place's anchors around the corner (0, 0), in whole pixels."""
    scales = torch.tensor([int(side * scale) for scale in SCALES], dtype=torch.float32, device=device)
    height = torch.tensor(RATIOS, device=device).sqrt()[:, None]
    across, down = (scales / height).flatten(), (scales * height).flatten()
    return (torch.stack([-across, -down, across, down], dim=1) / 2).round()


BOXES: dict[str, Callable[..., nn.Module]] = {"retinanet": RetinaNet}
SEEING_ALL: dict[str, Callable[..., nn.Module]] = {**DENSE, **BOXES}
"""The heads that see every stage's map, and all of a picture."""
