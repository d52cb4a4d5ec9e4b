"""The finer comparison of two small pictures: how alike they are where they lie best on each other.

What shifts and mirroring leave is compared by correlation. A brightened copy may be clipped at white, which no straight
line undoes; so where pictures are rather alike, one's tones are matched to the other's first: a copy through any rising
curve then agrees exactly, and another picture of the same thing does not.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int64, UInt8

from plusx.data.audit.near import unit
from plusx.data.audit.scratch import Scratch

SHIFT = 2
"""Pixels of the small pictures, in each direction."""
ALIKE = 0.993
"""Of MNIST's 70,000 digits, 1 pair correlates more that nobody copied; JPEGs of quality 75 from 0.9947 on."""
TONED_FROM, TONED = 0.98, 0.998
BLOCK = 2048

Small = UInt8[np.ndarray, "pairs side side"]


class Alike(NamedTuple):
    """Pairs that are near copies, and their correlation."""

    first: Int64[np.ndarray, " pairs"]
    second: Int64[np.ndarray, " pairs"]
    likeness: Float32[np.ndarray, " pairs"]


def near_copies(
    small: Scratch, side: int, first: Int64[np.ndarray, " pairs"], second: Int64[np.ndarray, " pairs"]
) -> Alike:
    """Those of the pairs that are near copies."""
    kept: list[np.ndarray] = []
    likeness = np.zeros(len(first), np.float32)
    for start in range(0, len(first), BLOCK):
        those = slice(start, min(start + BLOCK, len(first)))
        ours, theirs = (small.read(rows[those]).reshape(-1, side, side) for rows in (first, second))
        likeness[those] = compared(ours, theirs)
        kept.append(start + np.flatnonzero(likeness[those] >= ALIKE))
    rows = np.concatenate(kept) if kept else np.empty(0, np.int64)
    return Alike(first[rows], second[rows], likeness[rows])


def compared(ours: Small, theirs: Small) -> Float32[np.ndarray, " pairs"]:
    """How alike the pictures of each pair are, from -1 to 1; near copies from `ALIKE` on.

    >>> picture = np.random.default_rng(0).integers(0, 200, (1, 16, 16), np.uint8)
    >>> brighter, moved = np.minimum(2 * picture, 255).astype(np.uint8), np.roll(picture, 1, axis=2)[:, :, ::-1]
    >>> (compared(picture, moved) > 0.9999).tolist(), (compared(picture, 255 - picture) >= ALIKE).tolist()
    ([True], [False])
    """
    likeness, moves = best_moves(ours, theirs)
    rather = np.flatnonzero((likeness >= TONED_FROM) & (likeness < ALIKE))
    if len(rather):
        moved = _moved(theirs[rather], moves[rather])
        toned = np.maximum(_toned(ours[rather], moved), _toned(moved, ours[rather]))
        likeness[rather] = np.where(toned >= TONED, toned, likeness[rather])
    return likeness


def best_moves(ours: Small, theirs: Small) -> tuple[Float32[np.ndarray, " pairs"], Int64[np.ndarray, "pairs 3"]]:
    """(correlation, (mirrored, down, right)) of the second of each pair moved to where it correlates most."""
    spectra = np.fft.rfft2(unit(ours))
    fields = []
    for mirrored in (False, True):
        other = unit(theirs[:, :, ::-1] if mirrored else theirs)
        field = np.fft.irfft2(spectra * np.conj(np.fft.rfft2(other)), s=ours.shape[1:])
        window = np.arange(-SHIFT, SHIFT + 1)
        fields.append(field[:, window[:, None], window])
    every = np.stack(fields, axis=1).reshape(len(ours), -1)
    best = every.argmax(axis=1)
    span = 2 * SHIFT + 1
    moves = np.stack([best // span**2, best // span % span - SHIFT, best % span - SHIFT], axis=1)
    return every[np.arange(len(ours)), best].astype(np.float32), moves


def _moved(pictures: Small, moves: Int64[np.ndarray, "pairs 3"]) -> Small:
    moved = np.empty_like(pictures)
    for place, (mirrored, down, right) in enumerate(moves.tolist()):
        own = pictures[place, :, ::-1] if mirrored else pictures[place]
        moved[place] = np.roll(own, (down, right), axis=(0, 1))
    return moved


def _toned(ours: Small, theirs: Small) -> Float32[np.ndarray, " pairs"]:
    """The correlation after our tones, in their order, were given their values."""
    flat = theirs.reshape(len(theirs), -1).astype(np.float32)
    own = ours.reshape(len(ours), -1).astype(np.float32)
    # Between equal tones of ours, theirs decide: clipped ones have lost their order.
    order = np.argsort(own + flat / 1024, axis=1, kind="stable")
    toned = np.empty_like(own)
    np.put_along_axis(toned, order, np.sort(flat, axis=1), axis=1)
    return (unit_rows(toned) * unit_rows(flat)).sum(axis=1)


def unit_rows(rows: Float32[np.ndarray, "pairs pixels"]) -> Float32[np.ndarray, "pairs pixels"]:
    """Of mean 0 and norm 1; zeros where a row is flat."""
    centred = rows - rows.mean(axis=1, keepdims=True)
    return centred / np.maximum(np.sqrt((centred**2).sum(axis=1, keepdims=True)), 1e-6)
