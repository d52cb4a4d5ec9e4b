"""Passes in training mode after which batch normalisation remembers nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def statistics_kept(network: nn.Module) -> Iterator[None]:
    """A block in which batch normalisation uses each batch's statistics, and keeps its running ones as they are.

    A step that passes a batch through the network more than once must count it once, or the running statistics forget
    twice as fast, and are partly those of weights or of a selection of examples that nobody will be answered with.

    >>> import torch
    >>> norm = nn.BatchNorm1d(1)
    >>> with statistics_kept(norm):
    ...     norm(torch.tensor([[1.0], [3.0]])).detach().round().tolist()
    [[-1.0], [1.0]]
    >>> norm.running_mean.item(), norm.num_batches_tracked.item(), norm.track_running_stats
    (0.0, 0, True)
    """
    tracking = [norm for norm in network.modules() if isinstance(norm, _BatchNorm) and norm.track_running_stats]
    for norm in tracking:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in tracking:
            norm.track_running_stats = True
