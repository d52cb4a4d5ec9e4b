"""How sure a classifier's answers should be, learnt from examples that it was not trained on."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from plusx.tasks.softmax import log_softmax

COOLEST, HOTTEST = 0.05, 20.0


def best_temperature(outputs: Float[np.ndarray, "count classes"], targets: Int[np.ndarray, " count"]) -> float:
    """What outputs must be divided by for these classes to be likeliest: 0.05 to 20 (arXiv 1706.04599, equation 9).

    One example more is imagined, of whose class nothing is known: where every answer is right, no certainty would be
    high enough, however few examples say so.

    >>> outputs = np.array([[2.0, 0.0]] * 4)
    >>> round(best_temperature(np.tile(outputs, (250, 1)), np.tile([0, 0, 0, 1], 250)), 1)
    1.8
    """
    # Here, because it takes a tenth of a second to import, and whoever only asks for answers needs none.
    from scipy.optimize import minimize_scalar

    own = np.arange(len(targets))

    def unlikelihood(log_temperature: float) -> float:
        logs = log_softmax(outputs / np.exp(log_temperature))
        return -float(logs[own, targets].sum() + logs.mean())

    found = minimize_scalar(unlikelihood, bounds=(np.log(COOLEST), np.log(HOTTEST)), method="bounded")
    return round(float(np.exp(found.x)), 4)
