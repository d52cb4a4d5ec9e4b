"""Likenesses of a set: folds, and what is held out where examples have several labels."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedKFold

from plusx.data.samples import ArraySource, Samples, folds, hold_out_rows
from plusx.errors import WrongUse

SEEDS = st.integers(-5, 2**70)


def made(targets: np.ndarray) -> Samples:
    width = targets.shape[1] if targets.ndim == 2 else int(targets.max()) + 1
    pixels = np.zeros((len(targets), 1, 1), np.uint8)
    return Samples(ArraySource(pixels, ""), targets, tuple(str(place) for place in range(width)))


def several(count: int, shares: list[float], seed: int = 0) -> Samples:
    drawn = np.random.default_rng(seed).random((count, len(shares)))
    return made((drawn < shares).astype(np.uint8))


def test_one_class_an_example_is_held_out_as_ever():
    # A change here changes what every run without a val split is validated on.
    samples = made(np.array([0, 1, 0, 2, 1, 0, 2, 1, 0, 0, 1, 2]))
    assert hold_out_rows(samples, 0.3, seed=7)[1].tolist() == [0, 5, 7, 11]


@given(counts=st.lists(st.integers(1, 30), min_size=1, max_size=6), k=st.integers(2, 7), order=st.randoms(), seed=SEEDS)
def test_folds_of_classes_are_as_scikit_learns(counts: list[int], k: int, order, seed: int):
    targets = np.repeat(np.arange(len(counts)), counts)
    k = min(k, max(counts))
    if k < 2:
        return
    order.shuffle(targets)
    ours = folds(made(targets), k, seed)
    assert sorted(np.concatenate(ours).tolist()) == list(range(len(targets)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a class has fewer examples than there are folds
        theirs = [test for _, test in StratifiedKFold(k).split(targets, targets)]
    # Which fold has one more depends on which class is met first; how many have does not.
    for target in range(len(counts)):
        shares = [sorted((targets[fold] == target).sum() for fold in parts) for parts in (ours, theirs)]
        assert shares[0] == shares[1]
    assert sorted(map(len, ours)) == sorted(map(len, theirs))
    assert all((np.diff(fold) > 0).all() for fold in ours)
    assert [fold.tolist() for fold in folds(made(targets), k, seed)] == [fold.tolist() for fold in ours]


@given(count=st.integers(2, 80), k=st.integers(2, 6), seed=SEEDS)
def test_folds_of_labels_lose_and_repeat_nothing(count: int, k: int, seed: int):
    samples = several(count, [0.5, 0.2, 0.05], seed % 1000)
    k = min(k, count)
    parts = folds(samples, k, seed)
    assert sorted(np.concatenate(parts).tolist()) == list(range(count))
    assert [fold.tolist() for fold in folds(samples, k, seed)] == [fold.tolist() for fold in parts]


def test_folds_of_labels_have_the_same_share_of_every_label_and_of_none():
    samples = several(1000, [0.5, 0.2, 0.05, 0.02])
    none = ~samples.targets.any(axis=1)
    parts = folds(samples, 5, seed=0)
    counts = np.array([[*samples.targets[fold].sum(axis=0), none[fold].sum()] for fold in parts])
    # By chance alone the most frequent would differ by about 20. Sizes are what the labels leave of 200 each.
    assert np.ptp(counts, axis=0).max() <= 2
    assert all(190 <= len(fold) <= 210 for fold in parts)


def test_labels_that_never_meet_are_parted_as_classes_are():
    classes = np.random.default_rng(0).integers(0, 4, 101)
    samples = made(np.eye(4, dtype=np.uint8)[classes])
    for fold in folds(samples, 3, seed=1):
        assert (np.abs(samples.targets[fold].sum(axis=0) - samples.counts() / 3) < 1).all()
    held = hold_out_rows(samples, 0.2, seed=1)[1]
    as_classes = hold_out_rows(made(classes), 0.2, seed=1)[1]
    assert samples.targets[held].sum(axis=0).tolist() == np.bincount(classes[as_classes]).tolist()


@given(count=st.integers(1, 80), fraction=st.floats(0.01, 0.99), seed=SEEDS)
def test_labels_held_out_are_disjoint_complete_and_the_same_again(count: int, fraction: float, seed: int):
    samples = several(count, [0.5, 0.2, 0.05], seed % 1000)
    rest, held = hold_out_rows(samples, fraction, seed)
    assert sorted([*rest, *held]) == list(range(count))
    assert (np.diff(rest) > 0).all()
    assert (np.diff(held) > 0).all()
    assert hold_out_rows(samples, fraction, seed)[1].tolist() == held.tolist()


def test_a_tenth_of_every_label_is_held_out():
    samples = several(2000, [0.5, 0.2, 0.05, 0.005])
    _, held = hold_out_rows(samples, 0.1, seed=0)
    assert samples.targets[held].sum(axis=0) == pytest.approx(samples.counts() / 10, abs=2)
    assert len(held) == pytest.approx(200, abs=3)
    assert samples.targets[held].sum(axis=0).min() >= 1
    assert len({tuple(hold_out_rows(samples, 0.1, seed)[1]) for seed in range(5)}) == 5


@pytest.mark.parametrize("k", [0, 1, 4])
def test_too_few_or_many_folds_are_one_line(k: int):
    with pytest.raises(WrongUse, match=f"--folds {k}: it must be from 2 to the number of examples, 3"):
        folds(made(np.array([0, 1, 0])), k, seed=0)
