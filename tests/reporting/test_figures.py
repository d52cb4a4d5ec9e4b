"""The numbers in a report, beside an independent truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest
from sklearn.calibration import calibration_curve
from subjects import classified

from plusx.errors import WrongUse
from plusx.reporting.compare import bootstrapped, compared, mcnemar
from plusx.reporting.confusion import confused_groups
from plusx.reporting.interval import wilson
from plusx.reporting.verdict import confused_pairs, verdict
from plusx.reporting.worst import least_sure, most_wrong
from plusx.tasks.classify import reliability
from plusx.tasks.softmax import log_softmax, softmax


@given(st.integers(1, 5000).flatmap(lambda count: st.tuples(st.integers(0, count), st.just(count))))
def test_intervals_are_scipys(hits_of: tuple[int, int]) -> None:
    hits, count = hits_of
    expected = binomtest(hits, count).proportion_ci(method="wilson")
    assert wilson(hits, count) == pytest.approx((expected.low, expected.high), abs=1e-6)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 9))
def test_mcnemar_is_the_binomial_sum(alone: int, other: int, both: int) -> None:
    first = np.array([True] * alone + [False] * other + [True] * both, bool)
    second = np.array([False] * alone + [True] * other + [True] * both, bool)
    found = mcnemar(first, second)
    total = alone + other
    expected = min(1.0, 2 * float(binom.cdf(min(alone, other), total, 0.5))) if total else 1.0
    assert (found.first, found.second) == (alone, other)
    assert found.p == pytest.approx(expected, rel=1e-9)


def test_reliability_is_scikit_learns() -> None:
    random = np.random.default_rng(0)
    outputs = random.normal(0, 2, (3000, 4))
    probabilities, targets = softmax(outputs), random.integers(0, 4, 3000)
    right = probabilities.argmax(1) == targets
    shares, sure = calibration_curve(right, probabilities.max(1), n_bins=15)
    found = reliability(probabilities, targets)
    np.testing.assert_allclose(found[:, 0], sure)
    np.testing.assert_allclose(found[:, 1], shares)
    assert found[:, 2].sum() == 3000


def test_groups_are_those_that_are_confused() -> None:
    """Of 60 classes each five in a row are taken for one another; the classes stand in another order."""
    order = np.random.default_rng(1).permutation(60)
    block = np.kron(np.eye(12), np.ones((5, 5))) * 4 + np.eye(60) * 20
    confusion = np.zeros((60, 60), int)
    confusion[np.ix_(order, order)] = block
    groups = confused_groups(confusion, 12)
    expected = {frozenset(order[5 * number : 5 * number + 5].tolist()) for number in range(12)}
    assert {frozenset(group) for group in groups} == expected


def test_the_worst_are_the_surest_of_the_wrong() -> None:
    subject = classified("abcdefgh", 400)
    assert subject.outputs is not None
    targets = subject.prepared.targets
    losses = -log_softmax(subject.outputs)[np.arange(400), targets]
    wrong = subject.outputs.argmax(1) != targets
    expected = sorted(np.flatnonzero(wrong), key=lambda place: -losses[place])[:9]
    assert [one.place for one in most_wrong(subject, 9)] == expected
    sure = softmax(subject.outputs / 1.5).max(1)
    assert [one.place for one in least_sure(subject, 5)] == np.argsort(sure, kind="stable")[:5].tolist()


def test_a_verdict_counts() -> None:
    subject = classified(["cat", "dog"], 200, wrong=0.2)
    hits = round(subject.scores["accuracy"] * 200)
    low, high = wilson(hits, 200)
    words = verdict(subject)
    assert f"{100 * hits / 200:.2f} % of 200 test pictures are named rightly" in words
    assert f"({100 * low:.2f} % to {100 * high:.2f} %)" in words.replace("95 % interval: ", "")
    first = confused_pairs(subject.scores["confusion"], subject.classes)[0]
    assert f"{first['true']} is taken for {first['predicted']}: {first['count']} of 100 times" in words


def test_models_are_compared_on_the_same_examples_alone() -> None:
    first, second = classified("abcd", 800, wrong=0.05), classified("abcd", 800, wrong=0.3, seed=1)
    html = compared([first, second], ["good", "bad"]).html()
    assert "good is better" in html
    assert "p = " in html
    equal = compared([first, classified("abcd", 800, wrong=0.05, seed=2)], ["one", "other"])
    assert "neither is shown to be better" in equal.lede
    with pytest.raises(WrongUse, match="do not have the same test examples"):
        compared([first, classified("abcd", 700)], ["good", "other"])
    with pytest.raises(WrongUse, match="not trained for the same answers"):
        compared([first, classified("abc", 800)], ["good", "other"])


def test_resampled_intervals_are_near_the_normal_ones() -> None:
    values = np.random.default_rng(3).normal(0.2, 1, 2000)
    mean, low, high = bootstrapped(values)
    half = 1.96 * values.std() / np.sqrt(2000)
    assert (low, high) == pytest.approx((mean - half, mean + half), abs=half / 10)
