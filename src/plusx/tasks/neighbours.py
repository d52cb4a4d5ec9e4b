"""How well vectors bring examples of one class together: nearest neighbours, recall and precision of rankings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

MOST_QUERIES = 2_000
AT_ONCE = 64
NEIGHBOURS = 5
RECALLS = (5, 10)


class Ranked(NamedTuple):
    """The others of each query, nearest first: their places, and which are of its class. `(queries, others)` each."""

    places: Int[np.ndarray, "queries others"]
    alike: Bool[np.ndarray, "queries others"]


def retrieval(
    vectors: Float[np.ndarray, "count width"], targets: Int[np.ndarray, " count"], classes: Sequence[str]
) -> dict[str, Any]:
    """Each example as a query to all others, ranked by cosine; equals in their order.

    `accuracy`: the nearest other is of its class. `knn5`: most of its five nearest are; between equals the earlier
    class counts. `recall5`, `recall10`: one of so many nearest is. `mean_average_precision`: of the whole ranking, over
    the queries that have another of their class. Of more than 2,000 examples so many, evenly spaced, are queries,
    which `queries` says; all of them are what is searched.
    """
    queries = np.unique(np.linspace(0, len(targets) - 1, min(MOST_QUERIES, len(targets))).astype(int))
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    parts = [
        _figures(rank(unit, targets, queries[first : first + AT_ONCE]), targets, queries[first : first + AT_ONCE])
        for first in range(0, len(queries), AT_ONCE)
    ]
    figures = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    precisions = figures.pop("mean_average_precision")
    known = ~np.isnan(precisions)
    own = targets[queries]
    return {
        **{name: float(values.mean()) for name, values in figures.items()},
        "mean_average_precision": float(precisions[known].mean()) if known.any() else 0.0,
        "queries": len(queries),
        "per_class": [
            {"label": label, "count": int((own == place).sum()), "recall": _mean(figures["accuracy"][own == place])}
            for place, label in enumerate(classes)
        ],
    }


def rank(
    unit: Float[np.ndarray, "count width"], targets: Int[np.ndarray, " count"], queries: Int[np.ndarray, " queries"]
) -> Ranked:
    """The others of each query, the nearest by cosine first; equals in their order.

    >>> unit = np.array([[1.0, 0.0], [0.0, 1.0], [0.8, 0.6]])
    >>> rank(unit, np.array([0, 1, 0]), np.array([0])).places.tolist()
    [[2, 1]]
    """
    near = unit[queries] @ unit.T
    # Behind all others, whatever rounding makes of its likeness to itself.
    near[np.arange(len(queries)), queries] = -np.inf
    places = np.argsort(-near, axis=1, kind="stable")[:, :-1]
    return Ranked(places, targets[places] == targets[queries][:, None])


def average_precision(alike: Bool[np.ndarray, "queries others"]) -> Float[np.ndarray, " queries"]:
    """The mean precision at the ranks of those that are alike; NaN where none is.

    >>> average_precision(np.array([[True, False, True]])).round(3).tolist()
    [0.833]
    """
    found = alike.cumsum(axis=1)
    precisions = np.where(alike, found / np.arange(1, alike.shape[1] + 1), 0.0).sum(axis=1)
    count = alike.sum(axis=1)
    return np.where(count > 0, precisions / np.maximum(count, 1), np.nan)


def _figures(
    ranked: Ranked, targets: Int[np.ndarray, " count"], queries: Int[np.ndarray, " queries"]
) -> dict[str, Float[np.ndarray, " queries"]]:
    votes = np.zeros((len(queries), int(targets.max()) + 1), np.int64)
    for place in ranked.places[:, :NEIGHBOURS].T:
        votes[np.arange(len(queries)), targets[place]] += 1
    recalls = {f"recall{k}": ranked.alike[:, :k].any(axis=1).astype(float) for k in RECALLS}
    return {
        "accuracy": ranked.alike[:, :1].any(axis=1).astype(float),
        f"knn{NEIGHBOURS}": (votes.argmax(axis=1) == targets[queries]).astype(float),
        **recalls,
        "mean_average_precision": average_precision(ranked.alike),
    }


def _mean(values: Float[np.ndarray, " some"]) -> float:
    return float(values.mean()) if len(values) else 0.0
