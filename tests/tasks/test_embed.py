"""Retrieval against scikit-learn's, and the margin against its formula."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score
from sklearn.neighbors import KNeighborsClassifier
from torch.nn import functional

from plusx.tasks.embed import Embed
from plusx.tasks.neighbours import MOST_QUERIES, average_precision, rank, retrieval

NAMES = ["a", "b", "c", "d", "e", "f", "g"]


def drawn(seed: int, count: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of length 1, in float64, and classes of which some may have one example or none."""
    random = np.random.default_rng(seed)
    targets = random.integers(0, classes, count)
    vectors = random.normal(size=(count, 6)) + random.normal(size=(classes, 6))[targets]
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), targets


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.integers(7, 60), st.integers(2, 7))
def test_neighbours_equal_scikit_learns(seed: int, count: int, classes: int) -> None:
    vectors, targets = drawn(seed, count, classes)
    scores = retrieval(vectors, targets, NAMES[:classes])
    for k, name in ((1, "accuracy"), (5, "knn5")):
        right = 0
        for one in range(count):
            others = np.arange(count) != one
            model = KNeighborsClassifier(k, algorithm="brute", metric="cosine").fit(vectors[others], targets[others])
            right += model.predict(vectors[one : one + 1])[0] == targets[one]
        assert scores[name] == pytest.approx(right / count)
    likeness = vectors @ vectors.T
    precisions = [
        average_precision_score(targets[others] == targets[one], likeness[one][others])
        for one in range(count)
        if (targets[others := np.arange(count) != one] == targets[one]).any()
    ]
    assert scores["mean_average_precision"] == pytest.approx(np.mean(precisions) if precisions else 0.0)
    assert scores["queries"] == count


def test_recall_asks_for_one_of_the_nearest() -> None:
    angles = np.array([-1, 1, 2, 3, 4, 5, 7]) / 10
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    # The first's only like is the last, of six others.
    scores = retrieval(vectors, np.array([0, 1, 1, 1, 1, 1, 0]), NAMES[:2])
    assert scores["recall5"] == pytest.approx(5 / 7)
    assert scores["recall10"] == 1.0
    assert [row["recall"] for row in scores["per_class"]] == [0.0, 1.0]


def test_a_class_of_one_has_no_precision_and_is_never_found() -> None:
    scores = retrieval(np.eye(3), np.array([0, 1, 2]), NAMES[:3])
    assert (scores["accuracy"], scores["mean_average_precision"]) == (0.0, 0.0)
    assert np.isnan(average_precision(np.zeros((1, 3), bool)))


def test_of_many_examples_some_are_queries() -> None:
    targets = np.arange(MOST_QUERIES + 500) % 5
    scores = retrieval(np.eye(5)[targets], targets, NAMES[:5])
    assert (scores["queries"], scores["accuracy"], scores["knn5"]) == (MOST_QUERIES, 1.0, 1.0)


def test_an_example_is_never_its_own_neighbour() -> None:
    same = np.ones((4, 2)) / np.sqrt(2)
    ranked = rank(same, np.zeros(4, int), np.arange(4))
    assert all(one not in places for one, places in enumerate(ranked.places))


def test_losses_equal_the_formula_of_the_paper() -> None:
    cosines = np.random.default_rng(5).uniform(-1, 1, (6, 4)).astype(np.float32)
    targets = np.array([0, 1, 2, 3, 0, 1])
    task = Embed(scale=8.0, margin=0.3)
    own = np.exp(8 * (cosines[np.arange(6), targets] - 0.3).astype(np.float64))
    rest = np.exp(8 * cosines.astype(np.float64)).sum(1) - np.exp(8 * cosines[np.arange(6), targets].astype(np.float64))
    losses = task.losses(torch.from_numpy(cosines), torch.from_numpy(targets))
    np.testing.assert_allclose(losses.numpy(), -np.log(own / (own + rest)), rtol=1e-5)


def test_without_a_margin_it_is_cross_entropy() -> None:
    logits, targets = torch.randn(6, 4), torch.tensor([0, 1, 2, 3, 0, 1])
    losses = Embed(scale=10.0, margin=0.0).losses(logits, targets)
    torch.testing.assert_close(losses, functional.cross_entropy(logits, targets, reduction="none"))


def test_nothing_to_score_is_an_error() -> None:
    with pytest.raises(ValueError, match="no example"):
        Embed().scores(np.empty((0, 3)), np.empty(0, int), NAMES)
