"""Confident learning against values computed by hand and by plain loops, and against labels that were flipped."""

import numpy as np
import pytest

from plusx.data.audit.confident import confident_joint, estimated_joint, thresholds, wrong_labels

# Six examples of two classes; the third is labelled 0 and looks like 1.
LABELS = np.array([0, 0, 0, 1, 1, 1])
PROBABILITIES = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.4, 0.6], [0.3, 0.7]])


def test_thresholds_by_hand() -> None:
    assert thresholds(LABELS, PROBABILITIES) == pytest.approx([(0.9 + 0.8 + 0.1) / 3, (0.8 + 0.6 + 0.7) / 3])


def test_the_confident_joint_by_hand() -> None:
    # Thresholds 0.6 and 0.7: the fifth reaches neither.
    assert confident_joint(LABELS, PROBABILITIES).tolist() == [[2, 1], [0, 2]]


def test_the_estimated_joint_by_hand() -> None:
    # Rows [2/3, 1/3] and [0, 1] of three examples each, over six.
    assert estimated_joint(LABELS, PROBABILITIES) == pytest.approx(np.array([[1 / 3, 1 / 6], [0, 1 / 2]]))


def test_the_wrong_one_is_found() -> None:
    found = wrong_labels(LABELS, PROBABILITIES)
    assert (found.rows.tolist(), found.proposed.tolist()) == ([2], [1])
    assert found.margin == pytest.approx([-0.8])


def test_a_class_nobody_is_confident_of_is_taken_as_given() -> None:
    probabilities = np.array([[0.9, 0.05, 0.05], [0.8, 0.1, 0.1], [0.7, 0.2, 0.1]])
    joint = estimated_joint(np.array([0, 0, 1]), probabilities)
    assert joint.sum() == pytest.approx(1)
    assert np.isfinite(joint).all()
    assert joint.sum(axis=1) == pytest.approx([2 / 3, 1 / 3, 0])


def joint_by_loops(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """The definition, example by example."""
    classes = probabilities.shape[1]
    limits = [probabilities[labels == one, one].mean() for one in range(classes)]
    joint = np.zeros((classes, classes), int)
    for label, row in zip(labels, probabilities, strict=True):
        reached = [one for one in range(classes) if row[one] >= limits[one]]
        if reached:
            joint[label, max(reached, key=lambda one: row[one])] += 1
    return joint


@pytest.mark.parametrize("seed", range(3))
def test_flipped_labels_are_found(seed: int) -> None:
    random = np.random.default_rng(seed)
    true = np.arange(2000) % 5
    scores = random.normal(size=(2000, 5))
    scores[np.arange(2000), true] += 6
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    flipped = random.choice(2000, 60, replace=False)
    labels = true.copy()
    labels[flipped] = (labels[flipped] + random.integers(1, 5, 60)) % 5
    assert confident_joint(labels, probabilities).tolist() == joint_by_loops(labels, probabilities).tolist()
    found = wrong_labels(labels, probabilities)
    hit = np.isin(found.rows, flipped)
    assert hit.sum() >= 50
    assert hit.mean() >= 0.9
    assert (found.proposed[hit] == true[found.rows[hit]]).mean() > 0.95
    assert (np.diff(found.margin) >= 0).all()


def test_the_order_of_examples_changes_nothing() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 4, 500)
    probabilities = random.dirichlet(np.ones(4), 500)
    base = set(wrong_labels(labels, probabilities).rows.tolist())
    order = random.permutation(500)
    mixed = wrong_labels(labels[order], probabilities[order])
    assert set(order[mixed.rows].tolist()) == base
