"""What is far from the rest of a set, by medians, which a few bad examples do not move."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

TO_DEVIATION = 1.4826
"""Of a normal distribution, the standard deviation over the median absolute deviation."""


def centre_and_spread(values: Float[np.ndarray, " count"]) -> tuple[float, float]:
    """(median, its robust standard deviation) of the finite values; NaN, 0 where there are none.

    >>> centre_and_spread(np.array([1.0, 2.0, 3.0, 1000.0, np.nan]))
    (2.5, 1.4826)
    """
    finite = values[np.isfinite(values)].astype(np.float64)
    if not len(finite):
        return float("nan"), 0.0
    middle = float(np.median(finite))
    return middle, TO_DEVIATION * float(np.median(np.abs(finite - middle)))


def far(values: Float[np.ndarray, " count"], deviations: float, least: float) -> Float[np.ndarray, " count"]:
    """How far each value lies beyond what is usual, below (negative) or above; 0 for usual ones and for NaN.

    Usual is up to `deviations` robust standard deviations from the median, and up to `least` in any case.

    >>> far(np.array([0.0, 0.1, -0.1, 0.05, 3.0]), deviations=5, least=1).round(3).tolist()
    [0.0, 0.0, 0.0, 0.0, 1.95]
    """
    middle, spread = centre_and_spread(values)
    away = values.astype(np.float64) - middle
    beyond = np.abs(away) - max(deviations * spread, least)
    return np.where(beyond > 0, np.sign(away) * beyond, 0.0)
