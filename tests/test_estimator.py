"""scikit-learn's own contract, and what is beyond it."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import plusx
from plusx.estimator import ResNetClassifier


@parametrize_with_checks([ResNetClassifier(epochs=15, num_filters=8, random_state=0)])
def test_keeps_scikit_learns_contract(estimator, check) -> None:
    check(estimator)


def test_learns_pictures() -> None:
    X, y = load_digits(return_X_y=True)
    pictures = X.reshape(-1, 8, 8)
    classifier = ResNetClassifier(epochs=8, random_state=0).fit(pictures[:1200], y[:1200])
    assert classifier.score(pictures[1200:], y[1200:]) > 0.93
    np.testing.assert_allclose(classifier.predict_proba(pictures[1200:]).sum(1), 1, rtol=1e-6)


def test_takes_colour_and_string_labels() -> None:
    random = np.random.default_rng(0)
    X = random.random((60, 6, 7, 3))
    y = np.where(X[..., 0].mean((1, 2)) > X[..., 1].mean((1, 2)), "red", "green")
    classifier = ResNetClassifier(epochs=30, num_filters=8, random_state=0).fit(X, y)
    assert set(classifier.predict(X)) <= {"red", "green"}
    assert classifier.score(X, y) > 0.9


def test_works_in_a_pipeline_with_cross_validation() -> None:
    X, y = load_iris(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), ResNetClassifier(epochs=20, num_filters=16, random_state=0))
    assert cross_val_score(pipeline, X, y, cv=3).mean() > 0.9


def test_the_same_seed_gives_the_same_answers() -> None:
    X, y = load_iris(return_X_y=True)
    one, same, other = (ResNetClassifier(epochs=3, random_state=seed).fit(X, y).predict_proba(X) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_what_it_saves_answers_the_same(tmp_path: Path) -> None:
    X, y = load_digits(return_X_y=True)
    pictures = X[:300].reshape(-1, 8, 8).astype(np.float32)
    classifier = ResNetClassifier(epochs=3, random_state=0).fit(pictures, y[:300])
    model = plusx.load(classifier.save(tmp_path / "digits.plusx"))
    answers = model.predict(list(pictures[:20, ..., None]))
    assert [classifier.classes_[int(answer["label"])] for answer in answers] == classifier.predict(
        pictures[:20]
    ).tolist()


def test_one_class_is_refused() -> None:
    with pytest.raises(ValueError, match="two classes or more"):
        ResNetClassifier().fit(np.zeros((4, 2)), np.zeros(4))
