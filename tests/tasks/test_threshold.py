"""Thresholds are compared with a count of every possible one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plusx.errors import WrongUse
from plusx.tasks.classify import Classify
from plusx.tasks.detect import Detect
from plusx.tasks.found import Found
from plusx.tasks.multilabel import Multilabel
from plusx.tasks.threshold import best_threshold, matched

PLACES = np.array([[0.0, 0, 0.2, 0.2], [0.3, 0, 0.5, 0.2], [0.6, 0, 0.8, 0.2], [0, 0.5, 0.3, 0.9]])


def pictures(seed: int) -> tuple[list[Found], list[np.ndarray]]:
    """Answers with probabilities in hundredths, some at a true box and some of another class or place."""
    random = np.random.default_rng(seed)
    found, truth = [], []
    for _ in range(4):
        there = random.random(4) < 0.6
        classes = random.integers(0, 2, 4)
        rows = np.full((4, 5), -1.0)
        rows[there, 0], rows[there, 1:] = classes[there], PLACES[there]
        said = random.permutation(4)[: random.integers(0, 5)]
        labels = np.where(random.random(len(said)) < 0.7, classes[said], 1 - classes[said])
        values = np.sort(random.integers(5, 100, len(said)) / 100)[::-1]
        found.append(Found(labels, values, PLACES[said] + random.uniform(0, 0.02, (len(said), 4))))
        truth.append(rows)
    return found, truth


def f1_from(threshold: float, found: list[Found], truth: list[np.ndarray]) -> float:
    right = said = 0
    for own, rows in zip(found, truth, strict=True):
        kept = own.probabilities >= threshold
        said += int(kept.sum())
        right += int(matched(Found(*(part[kept] for part in own)), rows).sum())
    there = sum(int((rows[:, 0] >= 0).sum()) for rows in truth)
    return 2 * right / max(1, said + there)


@given(st.integers(0, 10_000))
def test_no_threshold_is_better_than_the_best_one(seed: int) -> None:
    found, truth = pictures(seed)
    best = best_threshold(found, truth)
    every = [f1_from(step / 100, found, truth) for step in range(1, 101)]
    if best is None:
        assert max(every) == 0
    else:
        assert f1_from(best, found, truth) == pytest.approx(max(every))


def test_a_true_box_is_matched_once_by_the_likeliest() -> None:
    rows = np.array([[1.0, *PLACES[0]], [-1.0] * 5])
    twice = Found(np.array([0, 1, 1]), np.array([0.9, 0.8, 0.7]), np.stack([PLACES[0]] * 3))
    assert matched(twice, rows).tolist() == [False, True, False]
    assert matched(twice, rows[1:]).tolist() == [False] * 3


def test_regions_of_many_say_nothing() -> None:
    many = np.array([[-2.0, 0, 0, 1, 0.3], [0.0, *PLACES[3]]])
    found = Found(np.array([0, 0]), np.array([0.9, 0.4]), PLACES[[0, 3]])
    assert best_threshold([found], [many]) == 0.4
    assert best_threshold([found], [many[1:]]) == 0.4
    # As a box that is wrong it would count.
    wrong = Found(np.array([0, 1, 1]), np.array([0.9, 0.8, 0.7]), PLACES[[3, 0, 1]])
    assert best_threshold([wrong], [many]) == 0.9
    assert best_threshold([], []) is None


def test_the_threshold_of_a_task_can_be_moved() -> None:
    assert Detect().at(0.2).threshold == 0.2
    outputs = np.array([[1.0, -1.0, -3.0]])
    named = [Multilabel().at(least).answers(outputs, ["a", "b", "c"])[0]["label"] for least in (0.9, 0.5, 0.2)]
    assert named == ["", "a", "a|b"]
    with pytest.raises(WrongUse, match="--threshold"):
        Classify().at(0.2)


def test_a_trained_detector_learns_its_threshold_from_batches() -> None:
    """Anchors are the true boxes themselves, and one more; only those are likely, all of them under one half."""
    anchors = np.concatenate([PLACES, [[0.9, 0.9, 1, 1]]])
    logits = np.log(np.array([0.2, 0.3, 0.25, 0.2, 0.1]) / np.array([0.8, 0.7, 0.75, 0.8, 0.9]))
    outputs = np.concatenate([[logits], np.zeros((4, 5)), anchors.T])
    targets = np.concatenate([np.zeros((4, 1)), PLACES], axis=1)
    batch = (outputs[None], targets[None])
    task = Detect().calibrated([batch, batch])
    assert 0.199 <= task.threshold <= 0.2
    assert len(task.answers(outputs[None], ["a"])[0]["boxes"]) == 4
    assert Detect().answers(outputs[None], ["a"])[0]["boxes"] == []
