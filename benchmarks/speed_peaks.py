"""How fast the machine multiplies: what speed.py holds training to."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn.functional import conv2d

SIDE = 2048
REPEATS = 9


@dataclass(frozen=True)
class Peak:
    """Operations a second, each at its fastest: of `torch.mm`, and of the fastest dense kernel that was tried.

    They differ where torch.mm's library serves the processor worse than the convolutions' does: on an AMD EPYC with
    AVX-512, float32 on one thread, torch.mm reached 112 GFLOP/s and a 3x3 convolution 243. Training can then be
    faster than torch.mm, which is no peak of the machine's; the fastest kernel is a lower bound of that.
    """

    mm: float
    fastest: float

    def or_faster(self, other: Peak) -> Peak:
        return Peak(max(self.mm, other.mm), max(self.fastest, other.fastest))


def measure_peak(dtype: torch.dtype) -> Peak:
    """The kernels take turns, so that what the machine does meanwhile meets all of them."""
    kernels = dense_kernels(dtype)
    rates = [0.0] * len(kernels)
    for _ in range(REPEATS):
        for number, (run, operations) in enumerate(kernels):
            began = time.perf_counter()
            run()
            rates[number] = max(rates[number], operations / (time.perf_counter() - began))
    return Peak(rates[0], max(rates))


def dense_kernels(dtype: torch.dtype) -> list[tuple[Callable[[], torch.Tensor], int]]:
    """Each with its operations: torch.mm, the same product as a 1x1 convolution, a 3x3 as in a network's stage."""
    left, right = (torch.randn(SIDE, SIDE, dtype=dtype) for _ in range(2))
    pixels = left.view(1, 32, SIDE // 32, SIDE).permute(0, 3, 1, 2)
    pictures, weight = (
        torch.randn(64, 64, size, size).to(dtype).to(memory_format=torch.channels_last) for size in (32, 3)
    )
    return [
        (lambda: torch.mm(left, right), 2 * SIDE**3),
        (lambda: conv2d(pixels, right.view(SIDE, SIDE, 1, 1)), 2 * SIDE**3),
        (lambda: conv2d(pictures, weight, padding=1), 2 * pictures.numel() * 64 * 9),
    ]
