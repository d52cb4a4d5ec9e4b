"""The moving average of a network's weights."""

from __future__ import annotations

import torch
from torch import nn


class Average:
    """An exponential moving average of everything in a network's state (arXiv 1803.05407's kin; Polyak's idea).

    It starts at the first weights it is given and forgets them fast: the decay at step t is at most (1 + t) / (10 + t).

    >>> net = nn.Linear(1, 1, bias=False)
    >>> average = Average(net, decay=0.5)
    >>> average.update(net, step=0)
    >>> bool(average.state["weight"] == net.weight)
    True
    """

    def __init__(self, net: nn.Module, decay: float):
        self.decay = decay
        self.state = {name: tensor.detach().clone() for name, tensor in net.state_dict().items()}

    @torch.no_grad()
    def update(self, net: nn.Module, step: int) -> None:
        """Moves the average towards `net` by one step; counters are copied."""
        share = 1 - min(self.decay, (1 + step) / (10 + step))
        for name, tensor in net.state_dict().items():
            if tensor.is_floating_point():
                self.state[name].lerp_(tensor, share)
            else:
                self.state[name].copy_(tensor)
