"""A whitened first layer: its filters decorrelate the training set's own patches, and do not learn.

As in Jordan's airbench for CIFAR-10 (arXiv 2404.00498, section 3.2).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64, Shaped
from numpy.lib.stride_tricks import sliding_window_view

from plusx.data.cache import Prepared
from plusx.errors import WrongUse
from plusx.model.zoo import ZOO
from plusx.training.average import Average
from plusx.training.groups import first_convolution
from plusx.training.recipe import Recipe
from plusx.training.state import State

EPS = 5e-4
EXAMPLES, PATCHES = 1000, 20_000
# Apart from what else the recipe's seed decides.
PATCH_SEED = 0x94D049BB
GATHERED_AT_ONCE = 64


def whitening_filters(
    patches: Float[np.ndarray, "count channels *kernel"], filters: int, eps: float = EPS
) -> Float64[np.ndarray, "filters channels *kernel"]:
    """The eigenvectors of the patches' covariance, each divided by the root of its eigenvalue plus `eps`: the largest
    first, then, as far as there is room, their negatives, so that after a ReLU nothing is lost.

    The answers of the first channels * kernel filters to the patches have the identity as covariance, but for `eps`,
    which keeps directions without variance from being blown up. airbench takes the second moment; the covariance
    leaves out the mean, which the normalisation behind takes away.

    Raises:
        ValueError: more filters than eigenvectors and their negatives.

    >>> two = whitening_filters(np.array([[[2.0]], [[-2.0]]]), 2)
    >>> np.abs(two).round(3).ravel().tolist(), bool((two[0] == -two[1]).all())
    ([0.5, 0.5], True)
    """
    flat = patches.reshape(len(patches), -1).astype(np.float64)
    size = flat.shape[1]
    if filters > 2 * size:
        raise ValueError(f"{filters} filters of patches of {size} values; there are at most {2 * size}")
    variances, directions = np.linalg.eigh(np.cov(flat, rowvar=False, bias=True).reshape(size, size))
    # A rounded zero may lie below it.
    scaled = (directions / np.sqrt(np.maximum(variances, 0) + eps)).T[::-1]
    return np.concatenate([scaled, -scaled])[:filters].reshape(filters, *patches.shape[1:])


def training_patches(train: Prepared, kernel: Sequence[int], seed: int) -> Shaped[np.ndarray, "count channels *kernel"]:
    """At least `PATCHES` patches of at most `EXAMPLES` training examples, chosen by the seed alone; as they are stored,
    without augmentation."""
    random = np.random.default_rng([seed, PATCH_SEED])
    rows = np.sort(random.choice(len(train), min(len(train), EXAMPLES), replace=False))
    each = -(-PATCHES // len(rows))
    patches: list[np.ndarray] = []
    for first in range(0, len(rows), GATHERED_AT_ONCE):
        examples = np.moveaxis(train.gather(rows[first : first + GATHERED_AT_ONCE]), -1, 1)
        axes = tuple(range(2, examples.ndim))
        windows = sliding_window_view(examples, tuple(kernel), axes)
        own = np.repeat(np.arange(len(examples)), each)
        places = [random.integers(0, windows.shape[axis], len(own)) for axis in axes]
        patches.append(windows[(own, slice(None), *places)])
    return np.concatenate(patches)


def whiten(state: State, train: Prepared, seed: int) -> str:
    """Makes the first convolution of a state without a step whiten the training set's normalised patches; a line that
    says so. All processes of the state's world call it, and end with the leader's filters."""
    convolution = first_convolution(state.net)
    patches = torch.from_numpy(training_patches(train, convolution.kernel_size, seed)).to(convolution.weight.device)
    normalised = state.network.get_submodule("front")(patches).cpu().numpy()
    filters = whitening_filters(normalised, convolution.out_channels)
    with torch.no_grad():
        convolution.weight.copy_(torch.from_numpy(filters))
    state.world.lead(convolution.weight)
    if state.average is not None:
        state.average = Average(state.network, state.average.decay)
    return f"the first layer whitens: {len(filters)} filters from {len(patches):,} patches, which stay as they are"


def check_whitening(recipe: Recipe) -> None:
    """Nothing, if the recipe does not whiten or its network can.

    Raises:
        WrongUse: its stem's first layer is no convolution without bias, has too many filters or is larger than the
            examples.
    """
    if not recipe.whiten:
        return
    shape = recipe.stored.shape
    with torch.device("meta"):
        net = ZOO[recipe.model](**{"in_channels": shape[0], **recipe.model_options})
    convolution = first_convolution(net)
    if convolution.bias is not None:
        raise WrongUse("--set whiten=true: the first convolution has a bias; --set model_options.norm=batch")
    kernel = convolution.kernel_size
    if convolution.in_channels != shape[0]:
        raise WrongUse(f"--set whiten=true: {recipe.model}'s first convolution does not see the input; leave it out")
    if any(size < reach for size, reach in zip(shape[1:], kernel, strict=True)):
        raise WrongUse(f"--set whiten=true: {recipe.model}'s first filters are larger than the examples; leave it out")
    most = 2 * shape[0] * math.prod(kernel)
    if convolution.out_channels > most:
        mend = _stem_filters(net.spec) * most // convolution.out_channels
        raise WrongUse(
            f"--set whiten=true: {recipe.model} begins with {convolution.out_channels} filters, at most {most} can "
            f"whiten; --set model_options.stem_filters={mend}"
        )


def _stem_filters(spec: Mapping[str, Any]) -> int:
    widths = spec["num_filters"]
    return spec["stem_filters"] or (widths if isinstance(widths, int) else widths[0])
