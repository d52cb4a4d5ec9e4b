"""Which example comes when, and its random numbers: pure functions of (seed, epoch, example).

A run can therefore stop anywhere and go on, and neither the batch size nor the number of workers or machines
changes what an example meets.
"""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import Float32, Int32, Int64, UInt64

from plusx.errors import WrongUse

Indices = Int64[np.ndarray, " batch"]
Hashed = UInt64[np.ndarray, " batch"]

TURNS = 24
"""Enough that small ranges meet all permutations equally often, which tests/data/test_order.py counts."""


class Order(Protocol):
    """Which example is at each place of a run's endless sequence."""

    def at(self, positions: Indices) -> tuple[Indices, Indices]:
        """(epochs, indices) at these places: a pure function of each. No example meets an epoch twice, so that
        augmentations drawn by (epoch, index) differ each time it comes."""
        ...


@dataclass(frozen=True)
class Uniform:
    """Every example once an epoch: `samples_at`."""

    count: int
    seed: int

    def at(self, positions: Indices) -> tuple[Indices, Indices]:
        """(epochs, indices) at these places."""
        return samples_at(positions, self.count, self.seed)


@dataclass(frozen=True, eq=False)
class Balanced:
    """Every class equally often, and within a class every example.

    The sequence is rounds in which each class that has examples comes once, each round in an order of its own. A class
    takes its examples in passes, each a permutation of them; the pass is the example's epoch.

    Args:
        targets: each example's class.
        seed: decides all permutations.

    Raises:
        WrongUse: examples have several labels, or there are none.

    >>> passes, indices = Balanced(np.array([0, 0, 0, 1]), seed=0).at(np.arange(6))
    >>> (indices == 3).reshape(3, 2).sum(axis=1).tolist(), sorted(indices[indices < 3].tolist())
    ([1, 1, 1], [0, 1, 2])
    >>> passes[indices == 3].tolist()
    [0, 1, 2]
    """

    targets: Int64[np.ndarray, " count"]
    seed: int

    def __post_init__(self) -> None:
        if self.targets.ndim != 1 or not len(self.targets):
            raise WrongUse("a balanced order needs examples with one class each; leave balancing out")

    def at(self, positions: Indices) -> tuple[Indices, Indices]:
        """(passes, indices) at these places."""
        classes, counts, starts, rows = self._by_class
        rounds, places = np.divmod(np.asarray(positions, np.int64), len(classes))
        which = shuffled(places, np.full_like(places, len(classes)), _hashed(self.seed, 0, rounds))
        passes, places = np.divmod(rounds, counts[which])
        own = shuffled(places, counts[which], _hashed(self.seed, classes[which] + 1, passes))
        return passes, rows[starts[which] + own]

    @cached_property
    def _by_class(self) -> "_ByClass":
        classes, counts = np.unique(self.targets, return_counts=True)
        return _ByClass(classes, counts, np.cumsum(counts) - counts, np.argsort(self.targets, kind="stable"))


class _ByClass(NamedTuple):
    """The classes that have examples, how many, and where each one's begin among `rows`, the examples by class."""

    classes: Int64[np.ndarray, " classes"]
    counts: Int64[np.ndarray, " classes"]
    starts: Int64[np.ndarray, " classes"]
    rows: Int64[np.ndarray, " count"]


@dataclass(frozen=True)
class Repeated:
    """Another order with every place repeated `times`, each time as another epoch (arXiv 1902.05509).

    Two examples take turns, since neighbours are what mixing mixes (`plusx.data.mix`).

    >>> epochs, indices = Repeated(Uniform(4, seed=0), times=2).at(np.arange(8))
    >>> epochs.tolist(), bool((indices[0:2] == indices[2:4]).all()), bool(indices[0] == indices[1])
    ([0, 0, 1, 1, 0, 0, 1, 1], True, False)
    """

    order: Order
    times: int

    def at(self, positions: Indices) -> tuple[Indices, Indices]:
        """(epochs, indices) at these places: the other order's epoch counts `times` epochs here."""
        blocks, within = np.divmod(np.asarray(positions, np.int64), 2 * self.times)
        repeat, second = np.divmod(within, 2)
        epochs, indices = self.order.at(2 * blocks + second)
        return epochs * self.times + repeat, indices


def samples_at(positions: Indices, count: int, seed: int) -> tuple[Indices, Indices]:
    """(epochs, indices) of the examples at these places of the endless sequence 0, 1, 2, ...

    The sequence is epoch 0's permutation of range(count), then epoch 1's, and so on: nothing is dropped or
    padded, and a batch may straddle two epochs.

    >>> epochs, indices = samples_at(np.arange(6), count=3, seed=0)
    >>> epochs.tolist(), sorted(indices[:3].tolist()), sorted(indices[3:].tolist())
    ([0, 0, 0, 1, 1, 1], [0, 1, 2], [0, 1, 2])
    """
    epochs, places = np.divmod(np.asarray(positions, np.int64), count)
    indices = np.empty_like(places)
    for epoch in np.unique(epochs):
        here = epochs == epoch
        indices[here] = _permutation(count, seed, int(epoch))[places[here]]
    return epochs, indices


def steps_for(epochs: float, count: int, batch_size: int) -> int:
    """How many batches see `count` examples `epochs` times; the last may reach into the next epoch.

    >>> steps_for(2, count=5, batch_size=4)
    3
    """
    steps = epochs * count / batch_size
    # A little less, so that 1.1 epochs of 10 are 11 and not 12 for a rounding error.
    return math.ceil(steps - 1e-9 * max(1.0, steps))


def uniform(
    seed: int, epochs: Indices, indices: Indices, stream: int, draws: int
) -> Float32[np.ndarray, "batch draws"]:
    """Numbers in [0, 1) for each example, which depend on (seed, epoch, index, stream) and on nothing else.

    `stream` keeps apart what asks for numbers: each augmentation has its own.

    >>> both = uniform(0, np.array([0, 0]), np.array([3, 7]), stream=0, draws=2)
    >>> bool((uniform(0, np.array([0]), np.array([7]), stream=0, draws=2) == both[1]).all())
    True
    """
    hashed = _hashed(seed, stream, epochs, indices)
    numbers = _mix(hashed[:, None] + np.arange(draws, dtype=np.uint64))
    # The top 24 bits fit a float32 exactly, so that 1.0 is never rounded to.
    return (numbers >> np.uint64(40)).astype(np.float32) * np.float32(2**-24)


def balanced_at(positions: Indices, targets: Int64[np.ndarray, " count"], seed: int) -> tuple[Indices, Indices]:
    """(passes, indices) of `Balanced(targets, seed)`; who asks often keeps that, since it sorts the targets once."""
    return Balanced(targets, seed).at(positions)


def shuffled(places: Indices, counts: Indices, keys: Hashed) -> Indices:
    """Where a permutation of range(count), decided by its key, takes each place; without a table of it.

    The swap-or-not shuffle (Hoang, Morris and Rogaway, CRYPTO 2012): each turn pairs the range's numbers by their sum
    with a random one, and swaps half of the pairs.

    >>> sorted(shuffled(np.arange(5), np.full(5, 5), np.full(5, 7, np.uint64)).tolist())
    [0, 1, 2, 3, 4]
    """
    values, counts = places.astype(np.uint64), counts.astype(np.uint64)
    for turn in _mix(keys + np.arange(TURNS, dtype=np.uint64)[:, None]):
        partners = (turn % counts + counts - values) % counts
        # Both of a pair ask for the same bit.
        swaps = _mix(turn ^ np.maximum(values, partners)) >> np.uint64(63) == 1
        values = np.where(swaps, partners, values)
    return values.astype(np.int64)


# A batch may straddle two epochs; each permutation of ten million takes 40 MB.
@lru_cache(maxsize=2)
def _permutation(count: int, seed: int, epoch: int) -> Int32[np.ndarray, " count"] | Int64[np.ndarray, " count"]:
    key = np.array([seed % 2**64, epoch], np.uint64)
    # Shuffling draws the same numbers whatever is shuffled, so that the narrower type changes no order.
    permutation = np.arange(count, dtype=np.int32 if count <= 2**31 else np.int64)
    np.random.Generator(np.random.Philox(key=key)).shuffle(permutation)
    permutation.flags.writeable = False
    return permutation


def _hashed(seed: int, *parts: int | Indices) -> Hashed:
    hashed = _mix(np.array([seed % 2**64], np.uint64))
    for part in parts:
        hashed = _mix(hashed ^ np.asarray(part).astype(np.uint64))
    return hashed


def _mix(values: np.ndarray) -> np.ndarray:
    """SplitMix64's step (Steele, Lea and Flood, 2014): every bit of the input changes half the output's."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
