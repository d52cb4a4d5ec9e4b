import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from plusx.data.order import Balanced, Order, Repeated, Uniform, balanced_at, samples_at, shuffled, steps_for, uniform
from plusx.errors import WrongUse

SEEDS = st.integers(-(2**63), 2**80)
TARGETS = st.lists(st.sampled_from([0, 1, 2, 5]), min_size=1, max_size=25).map(np.array)


@given(count=st.integers(1, 50), epoch=st.integers(0, 2**40), seed=SEEDS)
def test_each_epoch_is_a_permutation(count: int, epoch: int, seed: int):
    epochs, indices = samples_at(np.arange(count) + epoch * count, count, seed)
    assert (epochs == epoch).all()
    assert sorted(indices.tolist()) == list(range(count))


@given(count=st.integers(1, 20), cuts=st.lists(st.integers(0, 70), max_size=6), seed=SEEDS)
def test_batches_do_not_change_the_sequence(count: int, cuts: list[int], seed: int):
    epochs, indices = samples_at(np.arange(70), count, seed)
    parts = [samples_at(part, count, seed) for part in np.split(np.arange(70), sorted(cuts))]
    assert np.concatenate([part[0] for part in parts]).tolist() == epochs.tolist()
    assert np.concatenate([part[1] for part in parts]).tolist() == indices.tolist()


def test_epochs_and_seeds_have_their_own_order():
    orders = {tuple(samples_at(np.arange(20) + 20 * epoch, 20, seed)[1]) for epoch in range(5) for seed in range(5)}
    assert len(orders) == 25


def test_the_order_is_the_same_on_every_machine():
    # A change here changes every run that is resumed.
    assert samples_at(np.arange(6), 6, seed=1)[1].tolist() == [4, 0, 1, 2, 5, 3]


def splitmix64(state: int) -> int:
    """The published C code, in Python's whole numbers."""
    state = (state + 0x9E3779B97F4A7C15) % 2**64
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) % 2**64
    return state ^ (state >> 31)


@given(SEEDS, st.integers(0, 2**40), st.integers(0, 2**40), st.integers(0, 9))
def test_numbers_are_splitmix64_s(seed: int, epoch: int, index: int, stream: int):
    assert splitmix64(0) == 0xE220A8397B1DCDAF  # the generator's well-known first output
    hashed = splitmix64(seed % 2**64)
    for part in (stream, epoch, index):
        hashed = splitmix64(hashed ^ part)
    expected = [(splitmix64((hashed + draw) % 2**64) >> 40) / 2**24 for draw in range(3)]
    assert uniform(seed, np.array([epoch]), np.array([index]), stream, 3)[0].tolist() == expected


@given(rows=st.permutations(range(12)), size=st.integers(1, 12), seed=SEEDS)
def test_numbers_depend_on_no_batch_mate(rows: list[int], size: int, seed: int):
    epochs, indices = np.divmod(np.arange(12), 5)
    whole = uniform(seed, epochs, indices, stream=1, draws=3)
    some = np.array(rows[:size])
    assert (uniform(seed, epochs[some], indices[some], stream=1, draws=3) == whole[some]).all()
    assert whole.dtype == np.float32
    assert whole.shape == (12, 3)
    assert ((whole >= 0) & (whole < 1)).all()


@pytest.mark.parametrize("along", ["indices", "epochs", "draws", "streams", "seeds"])
def test_numbers_are_uniform_and_independent_along_every_axis(along: str):
    count = 20_000
    zeros, up = np.zeros(count, np.int64), np.arange(count)
    numbers = {
        "indices": lambda: uniform(3, zeros, up, 0, 1).ravel(),
        "epochs": lambda: uniform(3, up, zeros, 0, 1).ravel(),
        "draws": lambda: uniform(3, zeros[:1], zeros[:1], 0, count).ravel(),
        "streams": lambda: np.array([uniform(3, zeros[:1], zeros[:1], k, 1)[0, 0] for k in range(count // 10)]),
        "seeds": lambda: np.array([uniform(k, zeros[:1], zeros[:1], 0, 1)[0, 0] for k in range(count // 10)]),
    }[along]()
    assert stats.kstest(numbers, "uniform").pvalue > 0.001
    assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 4 / np.sqrt(len(numbers))


@pytest.mark.parametrize(
    ("epochs", "count", "batch_size", "steps"),
    [(1, 10, 5, 2), (1, 11, 5, 3), (2, 11, 5, 5), (1.1, 10, 1, 11), (3, 1, 8, 1)],
)
def test_steps(epochs: float, count: int, batch_size: int, steps: int):
    assert steps_for(epochs, count, batch_size) == steps


# balanced


@given(targets=TARGETS, rounds=st.integers(1, 40), first=st.integers(0, 2**40), seed=SEEDS)
def test_every_class_comes_once_a_round(targets: np.ndarray, rounds: int, first: int, seed: int):
    classes = np.unique(targets)
    positions = np.arange(rounds * len(classes)) + first * len(classes)
    _, indices = Balanced(targets, seed).at(positions)
    for one in targets[indices].reshape(rounds, len(classes)):
        assert sorted(one) == classes.tolist()


@given(targets=TARGETS, seed=SEEDS)
def test_every_example_comes_once_a_pass_of_its_class(targets: np.ndarray, seed: int):
    classes, counts = np.unique(targets, return_counts=True)
    passes, indices = Balanced(targets, seed).at(np.arange(3 * counts.max() * len(classes)))
    for target, count in zip(classes, counts, strict=True):
        own = targets[indices] == target
        assert passes[own].tolist() == (np.arange(own.sum()) // count).tolist()
        for number in range(own.sum() // count):
            assert sorted(indices[own & (passes == number)]) == np.flatnonzero(targets == target).tolist()


ORDERS = st.one_of(
    st.builds(Uniform, st.integers(1, 20), SEEDS),
    st.builds(Balanced, TARGETS, SEEDS),
    st.builds(Repeated, st.builds(Balanced, TARGETS, SEEDS), st.integers(1, 4)),
)


@given(order=ORDERS, positions=st.lists(st.integers(0, 200), min_size=1, max_size=30))
def test_any_place_of_any_order_is_as_in_the_whole_sequence(order: Order, positions: list[int]):
    epochs, indices = order.at(np.arange(201))
    some = order.at(np.array(positions))
    assert some[0].tolist() == epochs[positions].tolist()
    assert some[1].tolist() == indices[positions].tolist()
    # Otherwise an example would meet the same augmentation twice.
    assert len(set(zip(epochs.tolist(), indices.tolist(), strict=True))) == 201


def test_rounds_passes_and_seeds_have_their_own_order():
    targets = np.repeat(np.arange(6), 10)
    _, indices = Balanced(targets, 0).at(np.arange(600))
    assert len({tuple(one) for one in targets[indices].reshape(100, 6)}) > 80
    passes = {
        tuple(indices[targets[indices] == target][start : start + 10] % 10) for target in range(6) for start in (0, 10)
    }
    assert len(passes) == 12
    assert Balanced(targets, 1).at(np.arange(600))[1].tolist() != indices.tolist()


def test_the_balanced_order_is_the_same_on_every_machine():
    # A change here changes every run that is resumed.
    passes, indices = balanced_at(np.arange(9), np.array([0, 0, 0, 1, 2, 2]), seed=1)
    assert (passes.tolist(), indices.tolist()) == ([0, 0, 0, 1, 0, 0, 0, 2, 1], [2, 4, 3, 3, 5, 1, 0, 3, 5])


@pytest.mark.parametrize("targets", [np.eye(2, dtype=np.uint8), np.array([], np.int64)])
def test_what_cannot_be_balanced_is_one_line(targets: np.ndarray):
    with pytest.raises(WrongUse, match="one class each; leave balancing out"):
        Balanced(targets, 0)


@given(count=st.integers(1, 300), key=st.integers(0, 2**64 - 1))
def test_shuffled_places_are_a_permutation(count: int, key: int):
    places = shuffled(np.arange(count), np.full(count, count), np.full(count, key, np.uint64))
    assert sorted(places.tolist()) == list(range(count))


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_every_permutation_comes_equally_often(count: int):
    keys = np.random.default_rng(0).integers(0, 2**64, 20_000, np.uint64)
    whole = [shuffled(np.full(len(keys), place), np.full(len(keys), count), keys) for place in range(count)]
    _, seen = np.unique(np.stack(whole), axis=1, return_counts=True)
    assert len(seen) == math.factorial(count)
    assert stats.chisquare(seen).pvalue > 0.001


def test_a_large_permutation_is_even_and_follows_no_place():
    count = 10_000
    places = shuffled(np.arange(count), np.full(count, count), np.full(count, 3, np.uint64))
    assert abs(np.corrcoef(np.arange(count), places)[0, 1]) < 4 / np.sqrt(count)
    assert abs(np.corrcoef(places[:-1], places[1:])[0, 1]) < 4 / np.sqrt(count)
    assert stats.kstest(places[:500] / count, "uniform").pvalue > 0.001


# repeated


@given(count=st.integers(1, 9), times=st.integers(1, 4), seed=SEEDS)
def test_pairs_take_turns_and_each_turn_is_an_epoch_of_its_own(count: int, times: int, seed: int):
    base = Uniform(count, seed)
    epochs, indices = Repeated(base, times).at(np.arange(6 * count * times))
    pairs = base.at(np.arange(6 * count))[1].reshape(-1, 1, 2)
    assert (indices.reshape(-1, times, 2) == pairs).all()
    for index in range(count):
        assert sorted(epochs[indices == index]) == list(range(6 * times))
