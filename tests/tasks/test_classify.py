"""The scores against scikit-learn's, on outputs that hypothesis draws."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from plusx.errors import PlusxError
from plusx.tasks import task_from_json
from plusx.tasks.classify import Classify, calibration_error, top_k
from plusx.tasks.softmax import softmax


def drawn(seed: int, count: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.normal(size=(count, classes)).astype(np.float32) * 3, random.integers(0, classes, count)


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 80), st.integers(2, 12))
def test_scores_equal_scikit_learns(seed: int, count: int, classes: int) -> None:
    outputs, targets = drawn(seed, count, classes)
    names = [f"c{index}" for index in range(classes)]
    scores = Classify().scores(outputs, targets, names)
    predicted, labels = outputs.argmax(1), np.arange(classes)
    assert scores["count"] == count
    assert scores["accuracy"] == pytest.approx(metrics.accuracy_score(targets, predicted))
    assert scores["loss"] == pytest.approx(metrics.log_loss(targets, softmax(outputs), labels=labels), rel=1e-6)
    assert scores["confusion"] == metrics.confusion_matrix(targets, predicted, labels=labels).tolist()
    expected = metrics.precision_recall_fscore_support(targets, predicted, labels=labels, zero_division=0)
    ours = [[row[name] for row in scores["per_class"]] for name in ("precision", "recall", "f1", "count")]
    np.testing.assert_allclose(ours, np.array(expected, dtype=float))
    if classes > 5:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a class has no example
            top5 = metrics.top_k_accuracy_score(targets, outputs, k=5, labels=labels)
        assert scores["top5"] == pytest.approx(top5)
    else:
        assert scores["top5"] == 1.0


def test_calibration_by_hand() -> None:
    # Two bins: three answers at 0.9, of which two are right; one at 0.6, wrong.
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.1, 0.9], [0.4, 0.6]])
    targets = np.array([0, 1, 1, 0])
    assert calibration_error(probabilities, targets) == pytest.approx((abs(2.7 - 2) + abs(0.6 - 0)) / 4)


def test_a_tie_goes_to_the_earlier_class() -> None:
    assert top_k(np.zeros((2, 7)), np.array([4, 5]), 5) == 0.5


def test_answers_are_ranked_and_sum_to_one() -> None:
    answers = Classify().answers(np.log([[0.2, 0.5, 0.3]]), ["a", "b", "c"], top=9)
    assert [other["label"] for other in answers[0]["top"]] == ["b", "c", "a"]
    assert [other["probability"] for other in answers[0]["top"]] == pytest.approx([0.5, 0.3, 0.2])
    assert (answers[0]["label"], answers[0]["probability"]) == ("b", pytest.approx(0.5))


def test_extreme_outputs_stay_finite() -> None:
    probabilities = softmax(np.array([[1e4, -1e4, 0.0]], dtype=np.float32))
    np.testing.assert_allclose(probabilities, [[1, 0, 0]])


def test_loss_equals_the_formula_with_smoothing() -> None:
    outputs, targets = drawn(3, 20, 4)
    smoothing = 0.2
    wanted = (1 - smoothing) * np.eye(4)[targets] + smoothing / 4
    expected = -(wanted * np.log(softmax(outputs))).sum(1)
    losses = Classify().losses(torch.from_numpy(outputs), torch.from_numpy(targets), smoothing)
    np.testing.assert_allclose(losses.numpy(), expected, rtol=1e-5)


def test_soft_targets_are_mixed_losses() -> None:
    outputs = torch.from_numpy(drawn(4, 6, 3)[0])
    first, second = torch.tensor([0, 1, 2, 0, 1, 2]), torch.tensor([1, 1, 0, 2, 0, 2])
    shares = 0.7 * torch.eye(3)[first] + 0.3 * torch.eye(3)[second]
    task = Classify()
    for smoothing in (0.0, 0.1):
        expected = 0.7 * task.losses(outputs, first, smoothing) + 0.3 * task.losses(outputs, second, smoothing)
        torch.testing.assert_close(task.losses(outputs, shares, smoothing), expected)
    assert task.hits(outputs, shares) == task.hits(outputs, first)


def test_nothing_to_score_is_an_error() -> None:
    with pytest.raises(ValueError, match="no example"):
        Classify().scores(np.empty((0, 3)), np.empty(0, dtype=np.int64), ["a", "b", "c"])


def test_an_unknown_task_is_one_line() -> None:
    with pytest.raises(PlusxError, match="'sing' is not known; update plusx"):
        task_from_json({"name": "sing"})
