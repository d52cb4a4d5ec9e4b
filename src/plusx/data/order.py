"""Which example comes when, and its random numbers: pure functions of (seed, epoch, example).

A run can therefore stop anywhere and go on, and neither the batch size nor the number of workers or machines
changes what an example meets.
"""

import math
from functools import lru_cache

import numpy as np
from jaxtyping import Float32, Int64

Indices = Int64[np.ndarray, " batch"]


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
    # A little less, so that 1.1 epochs of 10 are 11 and not 12 for a rounding error.
    return math.ceil(epochs * count / batch_size - 1e-9)


def uniform(
    seed: int, epochs: Indices, indices: Indices, stream: int, draws: int
) -> Float32[np.ndarray, "batch draws"]:
    """Numbers in [0, 1) for each example, which depend on (seed, epoch, index, stream) and on nothing else.

    `stream` keeps apart what asks for numbers: each augmentation has its own.

    >>> both = uniform(0, np.array([0, 0]), np.array([3, 7]), stream=0, draws=2)
    >>> bool((uniform(0, np.array([0]), np.array([7]), stream=0, draws=2) == both[1]).all())
    True
    """
    hashed = _mix(np.array([seed % 2**64], np.uint64))
    for part in (np.uint64(stream), np.asarray(epochs), np.asarray(indices)):
        hashed = _mix(hashed ^ part.astype(np.uint64))
    numbers = _mix(hashed[:, None] + np.arange(draws, dtype=np.uint64))
    # The top 24 bits fit a float32 exactly, so that 1.0 is never rounded to.
    return (numbers >> np.uint64(40)).astype(np.float32) * np.float32(2**-24)


@lru_cache(maxsize=4)
def _permutation(count: int, seed: int, epoch: int) -> Int64[np.ndarray, " count"]:
    key = np.array([seed % 2**64, epoch], np.uint64)
    permutation = np.random.Generator(np.random.Philox(key=key)).permutation(count)
    permutation.flags.writeable = False
    return permutation


def _mix(values: np.ndarray) -> np.ndarray:
    """SplitMix64's step (Steele, Lea and Flood, 2014): every bit of the input changes half the output's."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
