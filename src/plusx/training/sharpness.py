"""Sharpness-aware minimisation (SAM): the gradient of where the loss is highest nearby, applied where the weights are.

Foret et al., "Sharpness-aware minimization for efficiently improving generalization", arXiv 2010.01412, algorithm 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.utils import get_total_norm

# A gradient of 0 has no direction: then the weights stay where they are.
LEAST_LENGTH = 1e-12


@contextmanager
def ascended(parameters: Iterable[nn.Parameter], rho: float) -> Iterator[None]:
    """A block in which the weights are `rho` further along their gradient; after it they have the bits of before.

    The gradient is taken of all weights together, and counts as it is when the block begins. After a failure in the
    block the weights are as before too.

    >>> weight = nn.Parameter(torch.tensor([3.0, 4.0]))
    >>> (weight**2 / 2).sum().backward()
    >>> with ascended([weight], rho=5.0):
    ...     weight.tolist()
    [6.0, 8.0]
    >>> weight.tolist()
    [3.0, 4.0]
    """
    moved = [(weight, weight.grad) for weight in parameters if weight.grad is not None]
    before = [weight.detach().clone() for weight, _ in moved]
    with torch.no_grad():
        scale = rho / get_total_norm([gradient for _, gradient in moved]).clamp(min=LEAST_LENGTH)
        for weight, gradient in moved:
            weight.add_(gradient * scale)
    try:
        yield
    finally:
        with torch.no_grad():
            for (weight, _), value in zip(moved, before, strict=True):
                weight.copy_(value)
