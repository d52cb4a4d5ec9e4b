"""LAMB: Adam whose step is in proportion to each layer's weights (You et al., arXiv 1904.00962)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class LambOptimizer(torch.optim.Optimizer):
    """LAMB as NVIDIA's and timm's trainings run it, with which "ResNet strikes back" (arXiv 2110.00476) was written.

    Adam's direction plus weight decay is scaled to the norm of the layer's weights. Groups without weight decay
    (normalisations, biases) take Adam's step as it is. Before anything, all gradients together are shortened to the
    length `max_norm`.

    Args:
        groups: with `params`, `lr`, `betas` and `weight_decay`.
        max_norm: None leaves gradients as long as they are.

    >>> weight = nn.Parameter(torch.tensor([[3.0, 4.0]]))
    >>> weight.grad = torch.ones(1, 2)
    >>> LambOptimizer([{"params": [weight], "lr": 0.1, "betas": (0.9, 0.999), "weight_decay": 0.01}]).step()
    >>> round((weight - torch.tensor([[3.0, 4.0]])).norm().item(), 4)  # 0.1 of the norm 5
    0.5
    """

    def __init__(self, groups: list[dict[str, Any]], max_norm: float | None = 1.0, eps: float = 1e-6):
        super().__init__(groups, {})
        self.max_norm = max_norm
        self.eps = eps

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """One update of every weight that has a gradient. Gives what `closure` gives, as torch's optimisers do."""
        with torch.enable_grad():
            loss = None if closure is None else closure()
        shorter = self._shorter()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                direction = self._adam(parameter, parameter.grad * shorter, *group["betas"])
                if group["weight_decay"]:
                    direction.add_(parameter, alpha=group["weight_decay"])
                    direction.mul_(_trust(parameter.norm(), direction.norm()))
                parameter.sub_(direction, alpha=group["lr"])
        return loss

    def _shorter(self) -> Tensor | float:
        if self.max_norm is None:
            return 1.0
        every = [parameter for group in self.param_groups for parameter in group["params"]]
        length = nn.utils.get_total_norm([parameter.grad for parameter in every if parameter.grad is not None])
        return 1 / (length / self.max_norm).clamp(min=1.0)

    def _adam(self, parameter: Tensor, gradient: Tensor, first: float, second: float) -> Tensor:
        slots = self.state[parameter]
        if not slots:
            slots["step"] = torch.zeros(())
            slots["exp_avg"] = torch.zeros_like(parameter)
            slots["exp_avg_sq"] = torch.zeros_like(parameter)
        slots["step"] += 1
        step = slots["step"].item()
        mean = slots["exp_avg"].lerp_(gradient, 1 - first) / (1 - first**step)
        square = slots["exp_avg_sq"].lerp_(gradient.square(), 1 - second) / (1 - second**step)
        return mean.div_(square.sqrt_().add_(self.eps))


def _trust(weight: Tensor, direction: Tensor) -> Tensor:
    # What has no length yet, such as a layer that begins at zero, takes the step as it is.
    return torch.where((weight > 0) & (direction > 0), weight / direction, 1.0)
