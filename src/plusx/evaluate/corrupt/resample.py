"""Pictures that are smoothed, blurred, enlarged and bent: whole batches, all axes but the last two alike."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from plusx.evaluate.corrupt.pictures import Planes

Fields = Float[np.ndarray, "*any height width"]


def smoothed(fields: Fields, sigma: float) -> Fields:
    """By a Gaussian of this standard deviation in pixels; at an edge the picture is mirrored.

    >>> smoothed(np.eye(3, dtype=np.float32), 0.0).tolist() == np.eye(3).tolist()
    True
    """
    if sigma <= 0:
        return fields
    from scipy.ndimage import gaussian_filter1d

    # As matrices, since a Gaussian may be as wide as the picture.
    rows, columns = (
        gaussian_filter1d(np.eye(side, dtype=np.float32), sigma, axis=0, mode="reflect", truncate=3)
        for side in fields.shape[-2:]
    )
    return rows @ fields @ columns.T


def enlarged(fields: Fields, factor: float) -> Fields:
    """The middle, so many times as large, as large as the whole was."""
    rows, columns = (_enlarging(side, factor) for side in fields.shape[-2:])
    return rows @ fields @ columns.T


def blurred(planes: Planes, kernels: Float[np.ndarray, "kernels size size"]) -> Planes:
    """Convolved with each example's own kernel, or with one for all; at an edge the last pixel is repeated."""
    from scipy import fft

    reach = kernels.shape[-1] // 2
    height, width = planes.shape[2:]
    wide = np.pad(planes, ((0, 0), (0, 0), (reach, reach), (reach, reach)), mode="edge")
    size = [fft.next_fast_len(side + 2 * reach, real=True) for side in wide.shape[2:]]
    product = np.asarray(fft.rfft2(wide, size)) * np.asarray(fft.rfft2(kernels[:, None], size))
    return np.asarray(fft.irfft2(product, size))[..., 2 * reach : 2 * reach + height, 2 * reach : 2 * reach + width]


def kernels_of(
    down: Float[np.ndarray, "kernels points"], right: Float[np.ndarray, "kernels points"], weights: np.ndarray
) -> Float[np.ndarray, "kernels size size"]:
    """Kernels that move a picture by so many pixels down and right for each point, and take the weighted mean.

    A move by a part of a pixel is shared between the nearest four: lengths need not be whole.

    >>> kernels_of(np.array([[0.5]]), np.array([[0.0]]), np.ones(1))[0, :, 1].tolist()
    [0.0, 0.5, 0.5]
    """
    reach = max(1, int(np.ceil(max(abs(down).max(), abs(right).max()))))
    kernels = np.zeros((len(down), 2 * reach + 2, 2 * reach + 2), np.float32)
    which = np.arange(len(down))[:, None]
    top, left = np.floor(down).astype(int), np.floor(right).astype(int)
    for row, row_share in ((top, 1 - (down - top)), (top + 1, down - top)):
        for column, share in ((left, 1 - (right - left)), (left + 1, right - left)):
            np.add.at(kernels, (which, row + reach, column + reach), row_share * share * weights)
    # The last row and column are there for what moves by a whole number of pixels, whose share of them is none.
    return kernels[:, :-1, :-1] / weights.sum()


def sampled(planes: Planes, rows: Float[np.ndarray, "count height width"], columns: np.ndarray) -> Planes:
    """The pictures as they are at these places, each example's own; beyond an edge the picture is mirrored."""
    down, right = _mirrored(rows, planes.shape[2]), _mirrored(columns, planes.shape[3])
    top, left = down.astype(int), right.astype(int)
    below, beside = np.minimum(top + 1, planes.shape[2] - 1), np.minimum(left + 1, planes.shape[3] - 1)
    down, right = (down - top).astype(np.float32), (right - left).astype(np.float32)
    which = np.arange(len(planes))[:, None, None]
    found = np.empty((*planes.shape[:2], *rows.shape[1:]), np.float32)
    for channel in range(planes.shape[1]):
        plane = planes[:, channel]
        upper = plane[which, top, left] * (1 - right) + plane[which, top, beside] * right
        lower = plane[which, below, left] * (1 - right) + plane[which, below, beside] * right
        found[:, channel] = upper * (1 - down) + lower * down
    return found


def _mirrored(places: np.ndarray, side: int) -> np.ndarray:
    around = np.mod(places + 0.5, 2 * side)
    return (np.minimum(around, 2 * side - around) - 0.5).clip(0, side - 1)


def _enlarging(side: int, factor: float) -> Float[np.ndarray, "side side"]:
    """What takes a line's values to those of its enlarged middle, between two pixels linearly."""
    middle = (side - 1) / 2
    places = (np.arange(side) - middle) / factor + middle
    return np.maximum(1 - abs(places[:, None] - np.arange(side)), 0).astype(np.float32)
