"""The examples whose features are nearest, found while features come in batches: memory does not grow with them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int


class Near(NamedTuple):
    """For each of the vectors that were asked about the nearest, the most alike first."""

    places: Int[np.ndarray, "count k"]
    similarities: Float[np.ndarray, "count k"]


class Nearest:
    """Keeps the `k` vectors that are most alike, by the cosine, to each of those asked about.

    >>> nearest = Nearest(np.array([[1.0, 0.0]]), k=2)
    >>> nearest.add(np.array([[0.0, 1.0], [2.0, 0.0]]), [0, 1])
    >>> nearest.add(np.array([[1.0, 1.0]]), [2])
    >>> nearest.found.places.tolist(), nearest.found.similarities.round(3).tolist()
    ([[1, 2]], [[1.0, 0.707]])
    """

    def __init__(self, asked: Float[np.ndarray, "count width"], k: int):
        self._asked, self._k = unit(asked), k
        nothing = len(asked), 0
        self.found = Near(np.zeros(nothing, np.int64), np.zeros(nothing))

    def add(self, vectors: Float[np.ndarray, "more width"], places: Int[np.ndarray, " more"] | list[int]) -> None:
        """More vectors, with what they are called in `found`; of equals, those that came first stay."""
        alike = np.concatenate([self.found.similarities, self._asked @ unit(vectors).T], axis=1)
        named = np.broadcast_to(np.asarray(places, np.int64), (len(self._asked), len(places)))
        order = np.argsort(-alike, axis=1, kind="stable")[:, : self._k]
        every = np.concatenate([self.found.places, named], axis=1)
        self.found = Near(np.take_along_axis(every, order, axis=1), np.take_along_axis(alike, order, axis=1))


def unit(vectors: Float[np.ndarray, "count width"]) -> Float[np.ndarray, "count width"]:
    """Directions, in float64; that of a vector of zeros is zeros."""
    vectors = np.asarray(vectors, np.float64)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
