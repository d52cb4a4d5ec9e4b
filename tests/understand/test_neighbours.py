"""The nearest examples, as scikit-learn finds them."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from plusx.understand.neighbours import Nearest


@pytest.mark.parametrize("batch", [1, 7, 100])
def test_they_are_scikit_learns(batch: int) -> None:
    random = np.random.default_rng(0)
    asked, among = random.normal(size=(5, 8)).astype(np.float32), random.normal(size=(53, 8)).astype(np.float32)
    distances, places = NearestNeighbors(n_neighbors=4, metric="cosine").fit(among).kneighbors(asked)
    nearest = Nearest(asked, k=4)
    for start in range(0, 53, batch):
        some = among[start : start + batch]
        nearest.add(some, np.arange(start, start + len(some)))
    assert nearest.found.places.tolist() == places.tolist()
    np.testing.assert_allclose(nearest.found.similarities, 1 - distances, atol=1e-6)


def test_fewer_than_asked_for_are_all() -> None:
    nearest = Nearest(np.ones((1, 2)), k=3)
    assert nearest.found.places.shape == (1, 0)
    nearest.add(np.array([[0.0, 0.0], [-1.0, -1.0]]), [4, 9])
    assert nearest.found.places.tolist() == [[4, 9]]
    assert nearest.found.similarities[0] == pytest.approx([0, -1])
