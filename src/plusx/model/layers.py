"""The layers that blocks are made of, in one, two or three dimensions alike."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

Norm = Literal["batch", "batch_unweighted", "group", "none"]
Attention = Literal["se", "eca", "none"]
Antialias = Literal["blur", "average", "none"]
Reads = Literal["as_it_is", "normalised", "normalised_and_activated"]
"""What a block's sum goes through before a layer reads it."""

_CONV = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
_BATCH_NORM = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
_AVERAGE_POOL = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
_MAX_POOL = {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d}


class AveragePool(nn.Module):
    """The average of each cell of values that are there; of a map thinner than a cell, the average of all of it.

    >>> AveragePool((4,), ceil=False)(torch.tensor([[[1.0, 3.0]]])).tolist()
    [[[2.0]]]
    """

    def __init__(self, cell: tuple[int, ...], *, ceil: bool):
        super().__init__()
        self.cell, self.ceil = cell, ceil
        self._pool = _AVERAGE_POOL[len(cell)]

    def forward(self, x: Float[Tensor, "batch channels *space"]) -> Float[Tensor, "batch channels *reduced"]:
        inside = [min(side, size) for side, size in zip(self.cell, x.shape[2:], strict=True)]
        return self._pool(x, inside, self.cell, 0, self.ceil, False)

    def extra_repr(self) -> str:
        return f"cell={self.cell}, ceil={self.ceil}"


class StochasticDepth(nn.Module):
    """In training, leaves a branch out of each example with probability `p` (arXiv 1603.09382).

    What stays is divided by 1 - p, so that evaluation has nothing to scale. torchvision.ops has the same one; importing
    it takes longer than all of our own modules together.

    >>> StochasticDepth(0.5).eval()(torch.ones(2, 3, 4)).equal(torch.ones(2, 3, 4))
    True
    """

    def __init__(self, p: float):
        super().__init__()
        self.p = p

    def forward(self, branch: Float[Tensor, "batch channels *space"]) -> Float[Tensor, "batch channels *space"]:
        if not self.training:
            return branch
        stays = branch.new_empty(len(branch), *[1] * (branch.ndim - 1)).bernoulli_(1 - self.p)
        return branch * stays.div_(1 - self.p)

    def extra_repr(self) -> str:
        return f"p={self.p}"


@dataclass(frozen=True)
class Layers:
    """Makes a network's layers, so that a block says what it is made of and not in how many dimensions.

    Args:
        dims: 1 (sound, signals, text), 2 (pictures) or 3 (volumes).
        norm: batch normalisation, with weights or without, group normalisation (arXiv 1803.08494) or none.
        attention: squeeze-and-excitation (arXiv 1709.01507), ECA (arXiv 1910.03151), or none.
        squeeze: the share of channels that squeeze-and-excitation keeps in its middle.
        antialias: what prevents a stride's aliasing: a binomial filter (arXiv 1904.11486), an average, none.
        reads: what the blocks' sums go through before a layer reads them.

    >>> Layers(dims=1).conv(16, 32, 3, stride=2)
    Conv1d(16, 32, kernel_size=(3,), stride=(2,), padding=(1,), bias=False)
    """

    dims: int = 2
    norm: Norm = "batch"
    attention: Attention = "none"
    squeeze: float = 1 / 16
    antialias: Antialias = "none"
    reads: Reads = "as_it_is"

    def conv(
        self, channels: int, filters: int, kernel: int, stride: int = 1, groups: int = 1, dilation: int = 1
    ) -> nn.Module:
        """A convolution that keeps the size at stride 1; its bias is left to the normalisation after it."""
        bias, padding = self.norm == "none", kernel // 2 * dilation
        return _CONV[self.dims](channels, filters, kernel, stride, padding, dilation, groups, bias=bias)

    def to_classes(self, channels: int, num_classes: int) -> nn.Module:
        """A linear layer at each position, with its bias."""
        return _CONV[self.dims](channels, num_classes, 1)

    def normalise(self, channels: int) -> nn.Module:
        """The normalisation of `channels` channels; an identity where there is none.

        Groups are 32 or fewer, of two channels or more: where a map has shrunk to one position, a channel
        alone has nothing to be compared with.
        """
        if self.norm == "batch":
            return _BATCH_NORM[self.dims](channels)
        if self.norm == "batch_unweighted":
            return _BATCH_NORM[self.dims](channels, affine=False)
        if self.norm == "group":
            return nn.GroupNorm(math.gcd(32, channels // 2, channels), channels)
        return nn.Identity()

    def activate(self) -> nn.Module:
        """ReLU."""
        # In place, a pre-activation block without normalisation would overwrite the x of its shortcut.
        return nn.ReLU(inplace=self.norm != "none")

    def read(self, channels: int) -> dict[str, nn.Module]:
        """What the sum of the last block goes through before the head reads it, by name."""
        if self.reads == "as_it_is":
            return {}
        act = {"act": self.activate()} if self.reads == "normalised_and_activated" else {}
        return {"norm": self.normalise(channels), **act}

    def attend(self, channels: int) -> nn.Module | None:
        """The attention at the end of a branch of `channels` channels, if the network has one."""
        if self.attention == "se":
            return SqueezeExcite(channels, self.squeeze, self)
        if self.attention == "eca":
            return EfficientAttention(channels)
        return None

    def reduce(self, channels: int, stride: int) -> nn.Module | None:
        """What follows an anti-aliased convolution to do its stride; None where the convolution does it."""
        if self.antialias == "none" or stride == 1:
            return None
        if self.antialias == "average":
            return self.average_pool(stride)
        return Blur(channels, stride, self.dims)

    def conv_stride(self, stride: int) -> int:
        """The stride left to a convolution that `reduce` follows."""
        return stride if self.antialias == "none" else 1

    def max_pool(self, kernel: int, stride: int) -> nn.Module:
        """Max-pooling that keeps the size at stride 1."""
        return _MAX_POOL[self.dims](kernel, stride, padding=kernel // 2)

    def average_pool(self, stride: int | tuple[int, ...], *, ceil: bool = True) -> nn.Module:
        """The average of each cell of `stride`; with `ceil` what is left at the edge is a cell, too."""
        return AveragePool(stride if isinstance(stride, tuple) else (stride,) * self.dims, ceil=ceil)


class SqueezeExcite(nn.Module):
    """Weighs each channel by what all of them hold on average: x * sigmoid(expand(relu(reduce(mean(x))))).

    Hu et al., arXiv 1709.01507. The middle is rounded to a multiple of 8, as in timm, whose weights load.

    >>> SqueezeExcite(64, 1 / 16, Layers())(torch.ones(1, 64, 5, 5)).shape
    torch.Size([1, 64, 5, 5])
    """

    def __init__(self, channels: int, squeeze: float, layers: Layers):
        super().__init__()
        middle = max(8, int(channels * squeeze + 4) // 8 * 8)
        conv = _CONV[layers.dims]
        self.reduce = conv(channels, middle, 1)
        self.activation = nn.ReLU(inplace=True)
        self.expand = conv(middle, channels, 1)

    def forward(self, x: Float[Tensor, "batch channels *space"]) -> Float[Tensor, "batch channels *space"]:
        mean = x.mean(dim=tuple(range(2, x.ndim)), keepdim=True)
        return x * self.expand(self.activation(self.reduce(mean))).sigmoid()


class EfficientAttention(nn.Module):
    """Weighs each channel by the means of its neighbours among the channels: one short 1-D convolution.

    Wang et al., "ECA-Net", arXiv 1910.03151; the kernel grows with the channels' logarithm (equation 12).

    >>> EfficientAttention(256).conv.kernel_size
    (5,)
    """

    def __init__(self, channels: int):
        super().__init__()
        odd = int(abs(math.log2(channels) + 1) / 2) | 1
        kernel = max(odd, 3)
        self.conv = nn.Conv1d(1, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: Float[Tensor, "batch channels *space"]) -> Float[Tensor, "batch channels *space"]:
        mean = x.mean(dim=tuple(range(2, x.ndim)))
        weight = self.conv(mean[:, None])[:, 0].sigmoid()
        return x * weight.reshape(weight.shape + (1,) * (x.ndim - 2))


class Blur(nn.Module):
    """A binomial filter (1 2 1) in every dimension, then the stride: shifts of the input hardly matter.

    Zhang, "Making Convolutional Networks Shift-Invariant Again", arXiv 1904.11486.

    >>> Blur(3, stride=2)(torch.ones(1, 3, 8, 8)).shape
    torch.Size([1, 3, 4, 4])
    """

    kernel: Tensor

    def __init__(self, channels: int, stride: int, dims: int = 2):
        super().__init__()
        row = torch.tensor([0.25, 0.5, 0.25])
        kernel = row
        for _ in range(dims - 1):
            kernel = kernel[..., None] * row
        self.channels, self.stride, self.dims = channels, stride, dims
        # Not in the state dict: it is no parameter, and no other library stores it.
        self.register_buffer("kernel", kernel.expand(channels, 1, *kernel.shape).clone(), persistent=False)
        self._convolve = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}[dims]

    def forward(self, x: Float[Tensor, "batch channels *space"]) -> Float[Tensor, "batch channels *reduced"]:
        # An edge of one position has nothing to reflect.
        mode = "reflect" if min(x.shape[2:]) > 1 else "replicate"
        padded = F.pad(x, (1, 1) * self.dims, mode=mode)
        return self._convolve(padded, self.kernel, stride=self.stride, groups=self.channels)


class SubsampleAndPad(nn.Module):
    """Shortcut A: every `stride`-th position of x, the new channels filled with zeros. It has no parameters.

    >>> SubsampleAndPad(2, 4, stride=2)(torch.ones(1, 2, 4))
    tensor([[[1., 1.],
             [1., 1.],
             [0., 0.],
             [0., 0.]]])
    """

    def __init__(self, channels: int, filters: int, stride: int):
        super().__init__()
        self.stride, self.new = stride, filters - channels

    def forward(self, x: Float[Tensor, "batch channels *space"]) -> Float[Tensor, "batch filters *reduced"]:
        for dimension in range(2, x.ndim):
            x = x[(slice(None),) * dimension + (slice(None, None, self.stride),)]
        return F.pad(x, (0, 0) * (x.ndim - 2) + (0, self.new))


def kaiming(module: nn.Module) -> None:
    """Fresh weights of a convolution, of the variance that ReLU layers keep on the way back (arXiv 1502.01852)."""
    if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
