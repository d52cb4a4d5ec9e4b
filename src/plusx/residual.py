"""The idea of the whole project: y = activation(F(x) + S(x)).

A stack of layers that should compute H(x) is asked for F(x) = H(x) - x instead, and x is added back. Where
the best H is near the identity, F only has to be near zero, which is easy to learn; so depth stops hurting.
That is the finding of He et al., "Deep Residual Learning for Image Recognition" (arXiv 1512.03385).

Every block of plusx, whatever its branch F and shortcut S, is this one class. Nobody else writes the sum.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn


class Residual(nn.Module):
    """y = activation(branch(x) + shortcut(x)); without a shortcut, y = activation(branch(x)).

    Args:
        branch: F, the layers that are learned.
        shortcut: S, which brings x past them: `nn.Identity()` or, where F changes the shape, a map to F's
            shape. None makes a *plain* block, the papers' control: the same layers with nothing added.
        activation: applied to the sum. The paper's first form (v1) takes a ReLU; pre-activation blocks
            (v2, arXiv 1603.05027) take none, so that x passes from block to block untouched.

    Shapes: x is `(batch, channels, *space)` with any number of spatial dimensions; branch and shortcut agree
    on the shape they give.

    >>> import torch
    >>> x = torch.ones(1, 2)
    >>> Residual(nn.Identity(), shortcut=nn.Identity())(x)
    tensor([[2., 2.]])
    >>> Residual(nn.Identity(), shortcut=None)(x)
    tensor([[1., 1.]])
    """

    def __init__(self, branch: nn.Module, shortcut: nn.Module | None, activation: nn.Module | None = None):
        super().__init__()
        self.branch = branch
        self.shortcut = shortcut
        self.activation = activation or nn.Identity()

    def forward(self, x: Float[Tensor, "batch channels *space"]) -> Float[Tensor, "batch filters *reduced"]:
        y = self.branch(x)
        if self.shortcut is not None:
            y = y + self.shortcut(x)
        return self.activation(y)
