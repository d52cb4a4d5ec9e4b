"""Lookahead: slow weights that go a part of the way on which the optimiser's fast ones went ahead.

Zhang et al., "Lookahead optimizer: k steps forward, 1 step back", arXiv 1907.08610, algorithm 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from pydantic import BaseModel, Field, PositiveInt
from torch import Tensor, nn


class Lookahead(BaseModel, frozen=True, extra="forbid"):
    """Every `k` steps the slow weights go `alpha` of the way to the fast ones, and the fast ones go on from there.

    What the optimiser keeps, such as its momentum, stays as it is. The slow weights are what is validated and kept.
    """

    k: PositiveInt = 5
    alpha: float = Field(default=0.5, gt=0, le=1)


@torch.no_grad()
def step_back(slow: Sequence[Tensor], fast: Sequence[Tensor], alpha: float) -> None:
    """Moves `slow` towards `fast` by `alpha` of the way, and `fast` to where `slow` then is; both in place.

    >>> slow, fast = torch.tensor([0.0]), torch.tensor([4.0])
    >>> step_back([slow], [fast], alpha=0.25)
    >>> slow.item(), fast.item()
    (1.0, 1.0)
    """
    for one, other in zip(slow, fast, strict=True):
        one.lerp_(other, alpha)
        other.copy_(one)


class SlowWeights:
    """The slow weights of a network's weights that learn, by name. They start where the network is.

    >>> net = nn.Linear(1, 1, bias=False)
    >>> slow = SlowWeights(net, Lookahead(k=2, alpha=0.5))
    >>> before = net.weight.item()
    >>> for done in (1, 2):
    ...     _ = net.weight.data.add_(1)
    ...     slow.update(net, done)
    >>> round(net.weight.item() - before, 5), bool(slow.state["weight"] == net.weight)
    (1.0, True)
    """

    def __init__(self, network: nn.Module, lookahead: Lookahead):
        self.lookahead = lookahead
        self.state = {name: weight.detach().clone() for name, weight in _learning(network).items()}

    def update(self, network: nn.Module, done: int, last: bool = False) -> None:
        """After step number `done`, counted from 1: a step back if it is the k-th one or the training's last."""
        if last or done % self.lookahead.k == 0:
            step_back(list(self.state.values()), list(_learning(network).values()), self.lookahead.alpha)


def _learning(network: nn.Module) -> dict[str, nn.Parameter]:
    return {name: weight for name, weight in network.named_parameters() if weight.requires_grad}
