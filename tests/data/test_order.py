import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from plusx.data.order import samples_at, steps_for, uniform

SEEDS = st.integers(-(2**63), 2**80)


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
