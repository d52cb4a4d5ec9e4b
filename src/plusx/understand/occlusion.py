"""Occlusion (arXiv 1311.2901, section 4.2): what a score loses where a part of the example is covered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from math import ceil

import torch
from jaxtyping import Float
from torch import Tensor

from plusx.understand.gradcam import Features, Score

PLACES = {1: 64, 2: 14, 3: 6}
"""Of the covering window along each axis, by the number of axes: about 200 answers an example, or fewer."""


def occlusion(
    network: Callable[[Tensor], Tensor], features: Features, score: Score, baseline: Features, step: Sequence[int]
) -> Float[Tensor, "batch ..."]:
    """For each place the mean of what the score loses while a window that holds the place shows the baseline.

    Args:
        network: from features to outputs, in evaluation mode.
        features: what it takes.
        score: what is explained.
        baseline: what shows nothing, of the features' shape.
        step: from window to window along each axis; windows are twice as wide.

    Shapes: `(batch, *space)`.

    >>> whole = torch.ones(1, 1, 4)
    >>> occlusion(lambda x: x[:, 0], whole, lambda y: y[:, 0], torch.zeros(1, 1, 4), [1]).tolist()
    [[1.0, 0.5, 0.0, 0.0]]
    """
    space = features.shape[2:]
    lost = torch.zeros((features.shape[0], *space), device=features.device)
    covered = torch.zeros(space, device=features.device)
    with torch.no_grad():
        whole = score(network(features))
        for window in product(*(_windows(size, each) for size, each in zip(space, step, strict=True))):
            changed = features.clone()
            changed[(..., *window)] = baseline[(..., *window)]
            loss = whole - score(network(changed))
            lost[(..., *window)] += loss.reshape(-1, *[1] * len(space))
            covered[window] += 1
    return lost / covered


def steps_for(space: Sequence[int]) -> list[int]:
    """The usual step along each axis of this many places.

    >>> steps_for([28, 28]), steps_for([1000]), steps_for([3, 40, 40])
    ([2, 2], [16], [1, 7, 7])
    """
    return [ceil(size / PLACES[len(space)]) for size in space]


def _windows(size: int, step: int) -> Iterator[slice]:
    # Those at the edges stand over them, so that every place is in as many windows.
    for start in range(-step, size, step):
        yield slice(max(start, 0), min(start + 2 * step, size))
