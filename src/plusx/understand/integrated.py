"""Integrated gradients (arXiv 1703.01365): each input's share of a score, by the gradients on the way to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from plusx.understand.gradcam import Features, Score

STEPS = 64


class Integrated(NamedTuple):
    """Attributions, and how complete they are.

    Args:
        values: each input's share of the score's difference to the baseline's.
        total: their sum, for each example.
        difference: what the sum should be (the paper's axiom of completeness): the score less that of the baseline.
    """

    values: Features
    total: Float[Tensor, " batch"]
    difference: Float[Tensor, " batch"]


def integrated_gradients(
    network: Callable[[Tensor], Tensor], features: Features, score: Score, baseline: Features, steps: int = STEPS
) -> Integrated:
    """Inputs less the baseline, times the mean gradient at the middles of `steps` equal steps on the way between them
    (the paper's equation 3, with middles for ends: fewer steps are needed).

    Args:
        network: from features to outputs, in evaluation mode.
        features: what it takes.
        score: what is explained.
        baseline: what shows nothing, of the features' shape.
        steps: more of them are more complete.

    >>> x = torch.tensor([[3.0, 1.0]])
    >>> found = integrated_gradients(torch.square, x, lambda outputs: outputs.sum(1), torch.zeros(1, 2))
    >>> found.values.tolist(), found.difference.item()
    ([[9.0, 1.0]], 10.0)
    """
    way = features.detach() - baseline
    total = torch.zeros_like(way)
    for step in range(steps):
        place = (baseline + way * ((step + 0.5) / steps)).requires_grad_()
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(score(network(place)).sum(), place)
        total += gradient
    values = way * total / steps
    with torch.no_grad():
        difference = score(network(features)) - score(network(baseline))
    return Integrated(values, values.flatten(1).sum(1), difference)
