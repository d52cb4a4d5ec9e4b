"""Heads that answer every place: from the stages' maps to `(batch, classes, *space)` logits at the input's size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from plusx.model.layers import Layers
from plusx.model.shortcuts import chain

Maps = Mapping[str, Float[Tensor, "batch channels *reduced"]]
"""The network's maps by name, from fine to coarse: `unpooled`, `stage1`, `stage2`, ..."""

_POOL = {1: nn.AdaptiveAvgPool1d, 2: nn.AdaptiveAvgPool2d, 3: nn.AdaptiveAvgPool3d}
_LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}
RATES = (12, 24, 36)
"""DeepLabV3's at output stride 8 (arXiv 1706.05587, section 4.1)."""
ASPP_FILTERS = 256
LEAST_FILTERS, MOST_FILTERS = 16, 256


class DenseHead(nn.Module):
    """A head that sees all maps.

    Args:
        layers: makes its layers, and first what reads the last stage's sum.
        widths: the channels of each map.
    """

    def __init__(self, layers: Layers, widths: Mapping[str, int]):
        super().__init__()
        last = list(widths.values())[-1]
        self.first = chain(**layers.read(last))
        self.mode = _LINEAR[layers.dims]

    def forward(self, maps: Maps, size: Sequence[int]) -> Float[Tensor, "batch classes *space"]:
        """Logits of `size`."""
        *skips, last = maps.values()
        return self.resized(self.logits(skips, self.first(last)), size)

    def logits(self, skips: Sequence[Tensor], last: Tensor) -> Tensor:
        """Logits of any size, from the finer maps, fine to coarse, and the last."""
        raise NotImplementedError

    def resized(self, map: Tensor, size: Sequence[int]) -> Tensor:
        """Interpolated between the places' middles."""
        if map.shape[2:] == tuple(size):
            return map
        return functional.interpolate(map, size=tuple(size), mode=self.mode, align_corners=False)


class Fcn(DenseHead):
    """A 3x3 and a 1x1 on the last map (arXiv 1411.4038, as torchvision has it on ResNets).

    torchvision's network is `resnet50(head="fcn", strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4))`.
    """

    def __init__(self, layers: Layers, widths: Mapping[str, int], num_classes: int):
        super().__init__(layers, widths)
        channels = list(widths.values())[-1]
        middle = max(channels // 4, 1)
        self.conv = layers.conv(channels, middle, 3)
        self.norm = layers.normalise(middle)
        self.act = layers.activate()
        self.dropout = nn.Dropout(0.1)
        self.classifier = _classifier(layers, middle, num_classes)

    def logits(self, skips: Sequence[Tensor], last: Tensor) -> Tensor:
        return self.classifier(self.dropout(self.act(self.norm(self.conv(last)))))


class UNet(DenseHead):
    """Up from the last map, joined at each size with the stage of that size (arXiv 1505.04597).

    Each step has two 3x3 of half the joined stage's channels, 16 to 256; the finest step's logits are interpolated.
    """

    def __init__(self, layers: Layers, widths: Mapping[str, int], num_classes: int):
        super().__init__(layers, widths)
        *skips, channels = widths.values()
        self.steps = nn.ModuleList()
        for skip in reversed(skips):
            filters = min(max(skip // 2, LEAST_FILTERS), MOST_FILTERS)
            self.steps.append(_twice(layers, channels + skip, filters))
            channels = filters
        self.classifier = _classifier(layers, channels, num_classes)

    def logits(self, skips: Sequence[Tensor], last: Tensor) -> Tensor:
        for step, skip in zip(self.steps, reversed(skips), strict=True):
            last = step(torch.cat([self.resized(last, skip.shape[2:]), skip], dim=1))
        return self.classifier(last)


class DeepLab(DenseHead):
    """DeepLabV3 (arXiv 1706.05587): the last map at several distances and as a whole, then a 3x3 and a 1x1.

    torchvision's network is `resnet50(head="deeplab", strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4))`.
    """

    def __init__(self, layers: Layers, widths: Mapping[str, int], num_classes: int):
        super().__init__(layers, widths)
        channels, filters = list(widths.values())[-1], ASPP_FILTERS
        self.near = _activated(layers, channels, filters, 1)
        self.far = nn.ModuleList(_activated(layers, channels, filters, 3, rate) for rate in RATES)
        self.pool = _POOL[layers.dims](1)
        self.whole = _activated(layers, channels, filters, 1)
        self.project = _activated(layers, filters * (len(RATES) + 2), filters, 1)
        self.dropout = nn.Dropout(0.5)
        self.last = _activated(layers, filters, filters, 3)
        self.classifier = _classifier(layers, filters, num_classes)

    def logits(self, skips: Sequence[Tensor], last: Tensor) -> Tensor:
        whole = self.resized(self.whole(self.pool(last)), last.shape[2:])
        seen = torch.cat([self.near(last), *(far(last) for far in self.far), whole], dim=1)
        return self.classifier(self.last(self.dropout(self.project(seen))))


DENSE: dict[str, Callable[..., DenseHead]] = {"unet": UNet, "fcn": Fcn, "deeplab": DeepLab}


def _activated(layers: Layers, channels: int, filters: int, kernel: int, dilation: int = 1) -> nn.Sequential:
    return chain(
        conv=layers.conv(channels, filters, kernel, dilation=dilation),
        norm=layers.normalise(filters),
        act=layers.activate(),
    )


def _twice(layers: Layers, channels: int, filters: int) -> nn.Sequential:
    return chain(
        conv1=layers.conv(channels, filters, 3),
        norm1=layers.normalise(filters),
        act1=layers.activate(),
        conv2=layers.conv(filters, filters, 3),
        norm2=layers.normalise(filters),
        act2=layers.activate(),
    )


def _classifier(layers: Layers, channels: int, num_classes: int) -> nn.Module:
    conv = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}[layers.dims]
    return conv(channels, num_classes, 1)
