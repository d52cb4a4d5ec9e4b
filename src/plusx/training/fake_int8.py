"""A network that, while it trains, computes as its int8 form will: weights are rounded, and so is what a layer or a sum
takes.

Jacob et al., "Quantization and training of neural networks for integer-arithmetic-only inference", arXiv 1712.05877,
section 3; rounding has the gradient of the identity within its range, and 0 outside (arXiv 1308.3432). Ranges, levels
and places are those of NNCF's post-training quantisation, which makes the int8 network afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plusx.residual import Residual

MOST, MOST_UNSIGNED = 127, 255
MOST_FIRST = MOST / 2
"""NNCF gives the first layer's weights a bit less, since processors without VNNI add two products in 16 bits."""
LEAST_SCALE = 1e-12


def weights_as_int8(
    weight: Float[Tensor, "filters channels *space"], most: float = MOST
) -> Float[Tensor, "filters channels *space"]:
    """The weights at the nearest of levels that are spaced evenly about 0, `most` up to each filter's largest weight.

    >>> weights_as_int8(torch.tensor([[12.7, 0.14, -0.06], [254.0, 3.2, 0.9]]))
    tensor([[ 1.2700e+01,  1.0000e-01, -1.0000e-01],
            [ 2.5400e+02,  4.0000e+00,  0.0000e+00]])
    """
    # Batch normalisation, which is folded in later, multiplies each filter and with it its scale: what a weight is
    # rounded to is the same before and after, so that nothing need be folded here.
    scale = weight.detach().abs().flatten(1).amax(1).div(most).clamp(min=LEAST_SCALE)
    return _ToLevels.apply(weight, scale)


class _ToLevels(torch.autograd.Function):
    """Each filter at multiples of its own scale, none of which is out of range: the gradient passes as it is.

    `torch.fake_quantize_per_channel_affine` has the same gradient, but lays that of a 1x1 filter out otherwise than the
    filter, which distributed training refuses.
    """

    @staticmethod
    def forward(ctx: Any, weight: Tensor, scale: Tensor) -> Tensor:
        zeros = torch.zeros_like(scale, dtype=torch.int32)
        return torch.empty_like(weight).copy_(
            torch.fake_quantize_per_channel_affine(weight, scale, zeros, 0, -MOST, MOST)
        )

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


def values_as_int8(x: Float[Tensor, "batch channels *space"]) -> Float[Tensor, "batch channels *space"]:
    """The values at the nearest of 256 levels, all of which are positive where no value is below 0.

    The largest level is the mean of the examples' largest values, as NNCF finds it. It is that of the batch, and not a
    running one: means over a batch vary little, and so there is nothing to warm up, to keep in checkpoints, or to
    differ after a resume.

    >>> values_as_int8(torch.tensor([[0.4, 255.0], [0.6, 255.0]])).tolist()
    [[0.0, 255.0], [1.0, 255.0]]
    >>> values_as_int8(torch.tensor([[-100.0, 0.4], [0.0, 154.0]])).tolist()
    [[-100.0, 0.0], [0.0, 127.0]]
    """
    full, rest = x.float(), tuple(range(1, x.ndim))
    low, high = full.detach().amin(rest), full.detach().amax(rest)
    peaks = torch.maximum(-low, high)
    # An example whose branch was left out (stochastic depth) says nothing of how large the others' values are.
    peak = peaks.sum() / (peaks > 0).sum().clamp(min=1)
    least, most = (-MOST - 1, MOST) if bool((low < 0).any()) else (0, MOST_UNSIGNED)
    scale = peak.div(most).clamp(min=LEAST_SCALE)
    zero = torch.zeros((), dtype=torch.int32, device=x.device)
    return torch.fake_quantize_per_tensor_affine(full, scale, zero, least, most).to(x.dtype)


class _Rounded(nn.Module):
    """A layer's weights and inputs while it trains; in evaluation they are as they are."""

    most: float = MOST

    def _inputs(self, x: Tensor) -> Tensor:
        return values_as_int8(x) if self.training else x

    def _weights(self, weight: Tensor) -> Tensor:
        return weights_as_int8(weight, self.most) if self.training else weight


class _Convolution(_Rounded):
    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        convolve: Any = super()
        return convolve._conv_forward(self._inputs(input), self._weights(weight), bias)


class Int8Conv1d(_Convolution, nn.Conv1d):
    """`nn.Conv1d` that trains as int8."""


class Int8Conv2d(_Convolution, nn.Conv2d):
    """`nn.Conv2d` that trains as int8."""


class Int8Conv3d(_Convolution, nn.Conv3d):
    """`nn.Conv3d` that trains as int8."""


class Int8Linear(_Rounded, nn.Linear):
    """`nn.Linear` that trains as int8."""

    def forward(self, input: Float[Tensor, "batch *rest channels"]) -> Float[Tensor, "batch *rest filters"]:
        return nn.functional.linear(self._inputs(input), self._weights(self.weight), self.bias)


KINDS: Mapping[type[nn.Module], type[_Rounded]] = {
    nn.Conv1d: Int8Conv1d,
    nn.Conv2d: Int8Conv2d,
    nn.Conv3d: Int8Conv3d,
    nn.Linear: Int8Linear,
}


def train_as_int8(network: nn.Module) -> None:
    """Makes every convolution, linear layer and sum of `network` one that trains as int8, in place.

    Weights and their names stay, and so does what the network answers in evaluation: it is stored as it would be.

    >>> network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2, 1))
    >>> names = list(network.state_dict())
    >>> train_as_int8(network)
    >>> type(network[0]).__name__, list(network.state_dict()) == names
    ('Int8Conv2d', True)
    """
    for module in list(network.modules()):
        if (kind := KINDS.get(type(module))) is not None:
            # Its parameters, their layout and hooks stay the very same: only what it computes changes.
            module.__class__ = kind
        elif isinstance(module, Residual) and module.shortcut is not None:
            for term in (module.branch, module.shortcut):
                term.register_forward_hook(_rounded)
    first = next((module for module in network.modules() if isinstance(module, _Rounded)), None)
    if first is not None:
        first.most = MOST_FIRST


def _rounded(module: nn.Module, _: Any, output: Tensor) -> Tensor:
    return values_as_int8(output) if module.training else output
