"""Near copies among very many small pictures: candidates by signatures of 256 bits, in near linear time.

A picture's amplitude spectrum does not change when the picture is moved or (both diagonals added) mirrored. Its lowest
frequencies, whitened over the set, become 256 signs of random projections (SimHash: Charikar, STOC 2002). In each of
several tables the examples are sorted by other such signs, and everyone is compared with its next neighbours: a
number of comparisons that grows as the examples do, whatever they look like.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int64, UInt8, UInt32, UInt64

from plusx.data.audit.scratch import Scratch, scratch

FREQUENCIES = 9
DIMENSIONS = 48
LEARNED_FROM = 4096
BITS = 256
KEY_BITS = 48
TABLES = 16
NEIGHBOURS = 8
FAR_BITS = 64
"""Of 256: strongly brightened copies of MNIST, clipped at white, differ in up to 41 (99 of 100)."""
MOST_PER_EXAMPLE = 1.0
"""Candidates on the mean, beside `BLOCK`: in dense sets likeness is everywhere, and the nearest are compared."""
BLOCK = 4096
COMPARED = 1 << 16

Codes = UInt64[np.ndarray, "count 4"]


class Candidates(NamedTuple):
    """Pairs of places, each once with the smaller first, that may be near copies."""

    first: Int64[np.ndarray, " pairs"]
    second: Int64[np.ndarray, " pairs"]


class Signatures(NamedTuple):
    """How a spectrum becomes signs, as learned from the set: `bits = (spectrum - mean) @ axes @ projections > 0`."""

    mean: Float32[np.ndarray, " frequencies"]
    axes: Float32[np.ndarray, "frequencies dimensions"]

    @classmethod
    def of(cls, spectra: Float32[np.ndarray, "examples frequencies"]) -> Signatures:
        """Principal axes, each divided by its own spread: else two or three of them would decide all signs."""
        mean = spectra.mean(axis=0)
        _, spread, axes = np.linalg.svd(spectra - mean, full_matrices=False)
        # Of few examples only the first axes say more than chance.
        most = min(DIMENSIONS, max(4, len(spectra) // 8))
        kept = np.flatnonzero(spread > 1e-4 * spread[0])[:most]
        scale = spread[kept] / np.sqrt(len(spectra))
        return cls(mean, (axes[kept].T / scale).astype(np.float32))

    def signs(self, spectra: Float32[np.ndarray, "examples frequencies"], count: int, seed: int) -> np.ndarray:
        """(examples, count) of bool."""
        random = np.random.default_rng(seed)
        projections = random.standard_normal((self.axes.shape[1], count)).astype(np.float32)
        return (spectra - self.mean) @ (self.axes @ projections) > 0


def spectrum(small: UInt8[np.ndarray, "examples side side"]) -> Float32[np.ndarray, "examples frequencies"]:
    """The roots of the lowest amplitudes of pictures of mean 0 and norm 1: the same for moved and mirrored ones.

    >>> picture = np.random.default_rng(0).integers(0, 256, (1, 8, 8), np.uint8)
    >>> moved = np.roll(picture, (1, 2), axis=(1, 2))[:, :, ::-1]
    >>> bool(np.allclose(spectrum(picture), spectrum(moved), atol=1e-3))
    True
    """
    cosines, sines = _waves(small.shape[1])
    # By matrices, since few of the frequencies are asked for. A product of sums of both axes' waves is a frequency's
    # real and imaginary part; the other sign is the mirrored one's.
    pictures = unit(small)
    across_cos, across_sin = pictures @ cosines.T, pictures @ sines.T
    both_cos, both_sin = cosines @ across_cos, sines @ across_sin
    sin_cos, cos_sin = sines @ across_cos, cosines @ across_sin
    own = np.hypot(both_cos - both_sin, sin_cos + cos_sin)
    mirrored = np.hypot(both_cos + both_sin, sin_cos - cos_sin)
    # Without the first, the mean, which is 0 but for rounding.
    return np.sqrt(own + mirrored).reshape(len(small), -1)[:, 1:]


@lru_cache(maxsize=64)
def _waves(side: int) -> tuple[Float32[np.ndarray, "frequencies side"], Float32[np.ndarray, "frequencies side"]]:
    frequencies = np.arange(min(FREQUENCIES, side // 2 + 1))[:, None]
    angles = 2 * np.pi * frequencies * np.arange(side) / side
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


def unit(small: UInt8[np.ndarray, "examples side side"]) -> Float32[np.ndarray, "examples side side"]:
    """Of mean 0 and norm 1; zeros where a picture is flat."""
    centred = small.astype(np.float32)
    centred -= centred.mean(axis=(1, 2), keepdims=True)
    norm = np.sqrt((centred**2).sum(axis=(1, 2), keepdims=True))
    return centred / np.maximum(norm, 1e-6)


def candidates(small: Scratch, side: int, rows: Int64[np.ndarray, " some"]) -> Candidates:
    """Pairs among the examples at `rows` of `small` that may be near copies, as places in `small`.

    `rows` stand in an order that is the examples' own, such as that of their digests: what is found then does not
    depend on the set's order.
    """
    if len(rows) < 2:
        return Candidates(rows[:0], rows[:0])
    learned = rows[np.unique(np.linspace(0, len(rows) - 1, min(LEARNED_FROM, len(rows))).astype(np.int64))]
    signatures = Signatures.of(np.concatenate(list(_spectra(small, side, learned))))
    codes = np.empty((len(rows), BITS // 64), np.uint64)
    with ExitStack() as stack:
        # On disk, as they are needed one after the other.
        tables = [stack.enter_context(scratch(8)) for _ in range(TABLES)]
        done = 0
        for spectra in _spectra(small, side, rows):
            signs = signatures.signs(spectra, BITS, seed=0)
            codes[done : done + len(spectra)] = np.packbits(signs, axis=1).view(np.uint64)
            for number, table in enumerate(tables, 1):
                table.append(_as_bytes(signatures.signs(spectra, KEY_BITS, seed=number)))
            done += len(spectra)
        pairs = _closest(codes, tables)
    first = rows[(pairs >> np.uint64(32)).astype(np.int64)]
    second = rows[(pairs & np.uint64(2**32 - 1)).astype(np.int64)]
    return Candidates(np.minimum(first, second), np.maximum(first, second))


def _spectra(small: Scratch, side: int, rows: Int64[np.ndarray, " some"]) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), BLOCK):
        yield spectrum(small.read(rows[start : start + BLOCK]).reshape(-1, side, side))


def _as_bytes(signs: np.ndarray) -> UInt8[np.ndarray, "examples 8"]:
    """Signs as numbers whose highest bits are the first signs."""
    return np.pad(np.packbits(signs, axis=1), ((0, 0), (0, 8 - signs.shape[1] // 8)))


def _closest(codes: Codes, tables: Sequence[Scratch]) -> UInt64[np.ndarray, " pairs"]:
    """Pairs `first << 32 | second` of neighbours in any table whose codes differ least, in order; memory grows as the
    examples do."""
    closest = _Closest(int(MOST_PER_EXAMPLE * len(codes)) + BLOCK)
    for table in tables:
        order = np.argsort(table.block(0, len(codes)).view(">u8")[:, 0], kind="stable").astype(np.uint32)
        for start in range(0, len(order), COMPARED):
            # The last ones of a block are compared with the first of the next.
            own = order[start : start + COMPARED + NEIGHBOURS]
            _add_neighbours(closest, own, codes[own], min(COMPARED, len(order) - start))
    closest.settle()
    return closest.pairs


def _add_neighbours(closest: _Closest, order: UInt32[np.ndarray, " block"], codes: Codes, count: int) -> None:
    """Adds the pairs of each of the first `count` and those that follow it."""
    for step in range(1, min(NEIGHBOURS, len(order) - 1) + 1):
        most = min(count, len(order) - step)
        apart = np.bitwise_count(codes[:most] ^ codes[step : step + most]).sum(axis=1, dtype=np.uint16)
        near = np.flatnonzero(apart <= closest.limit)
        first, second = order[near].astype(np.uint64), order[near + step].astype(np.uint64)
        pairs = np.minimum(first, second) << np.uint64(32) | np.maximum(first, second)
        closest.add(pairs, apart[near].astype(np.uint8))


class _Closest:
    """The pairs whose codes differ least, each once, about `most` of them."""

    def __init__(self, most: int) -> None:
        self.pairs = np.empty(0, np.uint64)
        self.limit = FAR_BITS
        self._bits = np.empty(0, np.uint8)
        self._most = most
        self._new: list[tuple[np.ndarray, np.ndarray]] = []
        self._waiting = 0

    def add(self, pairs: UInt64[np.ndarray, " some"], bits: UInt8[np.ndarray, " some"]) -> None:
        self._new.append((pairs, bits))
        self._waiting += len(pairs)
        if self._waiting > self._most:
            self.settle()

    def settle(self) -> None:
        """Brings the new ones among the others, and drops the farthest of too many."""
        pairs, where = np.unique(np.concatenate([self.pairs, *(own for own, _ in self._new)]), return_index=True)
        bits = np.concatenate([self._bits, *(own for _, own in self._new)])[where]
        self._new, self._waiting = [], 0
        if len(pairs) > self._most:
            # Whole levels go, so that no order of the examples decides between equals.
            within = np.cumsum(np.bincount(bits, minlength=self.limit + 1))
            self.limit = max(0, int(np.searchsorted(within, self._most, side="right")) - 1)
            pairs, bits = pairs[bits <= self.limit], bits[bits <= self.limit]
        self.pairs, self._bits = pairs, bits
