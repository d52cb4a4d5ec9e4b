"""Selective backpropagation: of each batch only the examples with the largest losses are learned from.

Jiang et al., "Accelerating deep learning by focusing on the biggest losers", arXiv 1910.00762. The paper draws
examples by their losses' ranks; here the largest are taken, so that nothing is random.
"""

from __future__ import annotations

import math

from jaxtyping import Float, Int64
from torch import Tensor

from plusx.data.augment.pixels import laid_out_like
from plusx.data.loader import Batch

# Batch normalisation refuses a single example where the picture has shrunk to one place.
FEWEST = 2


def hardest(losses: Float[Tensor, " batch"], share: float) -> Int64[Tensor, " chosen"]:
    """The places of the largest losses, in order: `share` of the batch, rounded up, but at least two examples.

    Of equal losses the first is taken first.

    >>> import torch
    >>> hardest(torch.tensor([0.1, 3.0, 0.2, 2.0, 0.2]), share=0.6).tolist()
    [1, 2, 3]
    """
    # Rounded, since 0.07 * 100 is 7.000000000000001.
    count = max(FEWEST, math.ceil(round(share * len(losses), 6)))
    return losses.argsort(descending=True, stable=True)[:count].sort().values


def only(batch: Batch, places: Int64[Tensor, " chosen"]) -> Batch:
    """The examples at these places of a batch, in the same memory format."""
    return Batch(laid_out_like(batch.inputs, batch.inputs[places]), batch.targets[places])
