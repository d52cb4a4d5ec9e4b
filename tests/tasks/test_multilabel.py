"""The scores against scikit-learn's, on outputs that hypothesis draws."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn import metrics

from plusx.tasks.multilabel import Multilabel, average_precisions, sigmoid

NAMES = ["car", "sea", "sky"]


def drawn(seed: int, count: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Outputs with ties among them, and targets of which some classes may lack any."""
    random = np.random.default_rng(seed)
    outputs = random.normal(size=(count, classes)).astype(np.float32).round(1) * 3
    return outputs, (random.random((count, classes)) < random.random(classes) ** 2).astype(np.uint8)


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.integers(1, 60), st.integers(2, 7))
def test_scores_equal_scikit_learns(seed: int, count: int, classes: int) -> None:
    outputs, targets = drawn(seed, count, classes)
    scores = Multilabel().scores(outputs, targets, [f"c{index}" for index in range(classes)])
    named = outputs >= 0
    assert scores["count"] == count
    assert scores["accuracy"] == pytest.approx(metrics.accuracy_score(targets, named))
    assert scores["hamming_loss"] == pytest.approx(metrics.hamming_loss(targets, named))
    for average in ("micro", "macro"):
        expected = metrics.f1_score(targets, named, average=average, zero_division=0)
        assert scores[f"f1_{average}"] == pytest.approx(expected)
    # In float64, since log_loss cuts probabilities off at their type's smallest step.
    losses = [
        metrics.log_loss(own, expit(out.astype(np.float64)), labels=[0, 1])
        for own, out in zip(targets.T, outputs.T, strict=True)
    ]
    assert scores["loss"] == pytest.approx(np.mean(losses), rel=1e-5)
    figures = metrics.precision_recall_fscore_support(targets, named, zero_division=0)
    ours = [[row[name] for row in scores["per_class"]] for name in ("precision", "recall", "f1", "count")]
    np.testing.assert_allclose(ours, np.array(figures, dtype=float))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a class never occurs
        precisions = metrics.average_precision_score(targets, outputs, average=None)
    occur = targets.any(axis=0)
    np.testing.assert_allclose([row["average_precision"] for row in scores["per_class"]], precisions)
    assert scores["mean_average_precision"] == pytest.approx(np.mean(precisions, where=occur) if occur.any() else 0)


def test_equals_rank_together() -> None:
    # All three are found at once, two of them right.
    assert average_precisions(np.zeros((3, 1)), np.array([[True], [True], [False]])).tolist() == pytest.approx([2 / 3])


def test_answers_name_what_is_more_likely_than_not() -> None:
    outputs = np.array([[0.1, -2.0, 3.0], [-1.0, -0.5, -3.0]])
    both, none = Multilabel().answers(outputs, NAMES, top=2)
    assert (both["label"], both["labels"]) == ("car|sky", ["car", "sky"])
    assert both["probability"] == pytest.approx(expit(3.0))
    assert [other["label"] for other in both["top"]] == ["sky", "car"]
    assert (none["label"], none["labels"]) == ("", [])
    assert none["probability"] == pytest.approx(expit(-0.5))
    assert none["top"][0]["label"] == "sea"


def test_extreme_outputs_stay_finite() -> None:
    extreme = np.array([[1e4, -1e4]], dtype=np.float32)
    assert sigmoid(extreme).tolist() == [[1.0, 0.0]]
    assert Multilabel().scores(extreme, np.array([[0, 0]], np.uint8), ["a", "b"])["loss"] == 5e3


def test_losses_equal_the_formula_with_smoothing() -> None:
    outputs, targets = drawn(3, 20, 4)
    wanted = targets * 0.8 + 0.1
    likely = expit(outputs.astype(np.float64))
    expected = -(wanted * np.log(likely) + (1 - wanted) * np.log(1 - likely)).mean(1)
    losses = Multilabel().losses(torch.from_numpy(outputs), torch.from_numpy(targets), smoothing=0.2)
    np.testing.assert_allclose(losses.numpy(), expected, rtol=1e-4)


def test_hits_are_exactly_right_examples() -> None:
    outputs = torch.tensor([[1.0, -1.0], [1.0, 1.0], [-1.0, -1.0]])
    assert Multilabel().hits(outputs, torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 0.0]])) == 2
    assert Multilabel().hits(outputs, torch.tensor([[0.6, 0.4], [0.7, 0.3], [0.5, 0.0]])) == 1


def test_nothing_to_score_is_an_error() -> None:
    with pytest.raises(ValueError, match="no example"):
        Multilabel().scores(np.empty((0, 3)), np.empty((0, 3), dtype=np.uint8), NAMES)
