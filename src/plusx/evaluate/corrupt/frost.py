"""Frost on a window, grown from noise of many scales."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from plusx.evaluate.corrupt.pictures import Randoms, normals
from plusx.evaluate.corrupt.resample import smoothed

SCALES = (1 / 9, 1 / 20, 1 / 45, 1 / 100)
"""Standard deviations of the noises' smoothing, as shares of the side: from the thickest branches to the finest."""
FINEST = 0.5
"""In pixels: finer noise would not be seen."""
SHARPNESS = 1.5
COVERED = 0.18
"""How thick frost must be, of the thickest, to be seen."""
WHITEST = 0.97
"""The share of places that are less than white."""


def frosted_glass(randoms: Randoms, size: tuple[int, ...]) -> Float[np.ndarray, "count height width"]:
    """How white each place is, 0 to 1.

    Where smooth noise crosses nought, lines run; finer lines grow where coarser ones are near, as branches do. A
    further noise, the coarsest, says where the ice is thick, and what is thin is clear glass.
    """
    side = min(size)
    noises = normals(randoms, len(SCALES) + 1, *size)
    near = np.ones((len(randoms), *size), np.float32)
    branches = np.zeros_like(near)
    for place, scale in enumerate(SCALES):
        lines = np.exp(-SHARPNESS * abs(_even(noises[:, place], max(scale * side, FINEST))))
        branches += near * lines
        near = np.sqrt(near * lines)
    ice = branches * np.exp(0.35 * _even(noises[:, -1], side / 5))
    ice = ice / np.quantile(ice, WHITEST, axis=(1, 2), keepdims=True)
    return ((ice - COVERED) / (1 - COVERED)).clip(0, 1).astype(np.float32)


def _even(noise: np.ndarray, sigma: float) -> np.ndarray:
    """Smooth noise of mean 0 and deviation 1."""
    smooth = smoothed(noise, sigma)
    smooth = smooth - smooth.mean((1, 2), keepdims=True)
    return smooth / np.maximum(smooth.std((1, 2), keepdims=True), 1e-12)
