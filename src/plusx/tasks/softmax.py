"""Outputs as probabilities over classes, of whole examples or of each place in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float


def log_softmax(outputs: Float[np.ndarray, "count classes *space"]) -> Float[np.ndarray, "count classes *space"]:
    """Logarithms of the probabilities, in float64, without overflow."""
    shifted = outputs.astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def softmax(outputs: Float[np.ndarray, "count classes *space"]) -> Float[np.ndarray, "count classes *space"]:
    """Probabilities; each row, or each place's, sums to 1.

    >>> softmax(np.array([[1000.0, 1000.0]]))
    array([[0.5, 0.5]])
    """
    return np.exp(log_softmax(outputs))


def averaged(
    outputs: Sequence[Float[np.ndarray, "count classes *space"]],
) -> Float[np.ndarray, "count classes *space"]:
    """The outputs whose probabilities are the mean of these outputs' probabilities, in float64.

    >>> softmax(averaged([np.log([[0.2, 0.8]]), np.log([[0.4, 0.6]])])).round(6).tolist()
    [[0.3, 0.7]]
    """
    return np.logaddexp.reduce([log_softmax(one) for one in outputs]) - np.log(len(outputs))
