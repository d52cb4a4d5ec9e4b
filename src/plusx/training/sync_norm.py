"""Batch normalisation over all processes' examples together, as if one process had the whole batch."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class SyncedBatchNorm(_BatchNorm):
    """`torch.nn.BatchNorm1d`, `2d` and `3d` whose mean and variance are those of all processes' examples.

    What `torch.nn.SyncBatchNorm` is on GPUs, for processors, which that one refuses. Its state is BatchNorm's own.
    """

    def forward(self, input: Float[Tensor, "batch channels *space"]) -> Float[Tensor, "batch channels *space"]:
        if not self.training:
            return super().forward(input)
        x = input.to(torch.promote_types(input.dtype, torch.float32))
        mean, variance, count = _moments(x)
        self._move_averages(mean.detach(), variance.detach() * (count / (count - 1)).to(x.dtype))
        shape = (1, -1) + (1,) * (x.ndim - 2)
        scale = (variance + self.eps).rsqrt()
        if self.affine:
            scale = self.weight * scale
        normalised = (x - mean.reshape(shape)) * scale.reshape(shape)
        if self.affine:
            normalised = normalised + self.bias.reshape(shape)
        return normalised.to(input.dtype)

    def _check_input_dim(self, input: Tensor) -> None:
        """Any number of dimensions will do."""

    @torch.no_grad()
    def _move_averages(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        if not self.track_running_stats:
            return
        self.num_batches_tracked += 1
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)


def synchronise_norms(network: nn.Module) -> None:
    """Makes every batch normalisation in `network` one over all processes, in place; names and weights stay.

    >>> network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    >>> names = list(network.state_dict())
    >>> synchronise_norms(network)
    >>> type(network[1]).__name__, list(network.state_dict()) == names
    ('SyncedBatchNorm', True)
    """
    for parent in list(network.modules()):
        for name, norm in list(parent.named_children()):
            if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
                parent.register_module(name, _synchronised(norm))


def _synchronised(norm: _BatchNorm) -> _BatchNorm:
    on_gpu = any(tensor.is_cuda for tensor in norm.state_dict().values())
    kind = nn.SyncBatchNorm if on_gpu else SyncedBatchNorm
    synced = kind(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
    synced.weight, synced.bias = norm.weight, norm.bias
    synced.running_mean, synced.running_var = norm.running_mean, norm.running_var
    synced.num_batches_tracked = norm.num_batches_tracked
    return synced.train(norm.training)


def _moments(x: Float[Tensor, "batch channels *space"]) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and variance `(channels)` over all processes, and how many values each is of."""
    dims = [0, *range(2, x.ndim)]
    count = x.numel() // x.shape[1]
    mean = x.mean(dims).double()
    variance = x.var(dims, correction=0).double()
    # One exchange for both moments: in double precision the difference of squares loses nothing that float32 shows.
    counted = torch.full_like(mean[:1], count)
    total = _Sum.apply(torch.cat([counted, count * mean, count * (variance + mean.square())]))
    everywhere = total[0].detach()
    first, second = (total[1:] / everywhere).chunk(2)
    return first.to(x.dtype), (second - first.square()).clamp(min=0).to(x.dtype), everywhere


class _Sum(torch.autograd.Function):
    """The sum over processes. Its gradient is the sum of theirs, since each one's loss depends on every part."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total
