"""Between pictures as they are stored and as corruptions change them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Protocol

import numpy as np
from jaxtyping import Float, UInt8

Pictures = UInt8[np.ndarray, "count height width channels"]
Planes = Float[np.ndarray, "count channels height width"]
Randoms = Sequence[np.random.Generator]
VALUES_AT_ONCE = 4_000_000
"""So many values, and several times their memory, are changed at once."""


class Corruption(Protocol):
    """What changes pictures and keeps their shape.

    Args of a call:
        pictures: uint8 `(count, height, width, channels)`.
        severity: 1 to 5.
        seed: with an example's place, decides all that is random.
        first: the place of the first picture.
    """

    def __call__(self, pictures: Pictures, severity: int, seed: int = 0, first: int = 0) -> Pictures: ...


def corruption(change: Callable[[Planes, int, Randoms], Planes]) -> Corruption:
    """A corruption from what it does to planes of shares, 0 black and 1 full; what comes out beyond these is cut off.

    The function gets a generator of random numbers for each example, which follows from the seed and the example's
    place, whatever else is in its batch.
    """

    @wraps(change)
    def changed(pictures: Pictures, severity: int, seed: int = 0, first: int = 0) -> Pictures:
        found = np.empty_like(pictures)
        step = max(1, VALUES_AT_ONCE // max(1, int(np.prod(pictures.shape[1:]))))
        for start in range(0, len(pictures), step):
            planes = np.moveaxis(pictures[start : start + step], -1, 1).astype(np.float32, order="C") / np.float32(255)
            places = range(first + start, first + start + len(planes))
            planes = change(planes, severity, [np.random.default_rng((seed, place)) for place in places])
            found[start : start + step] = np.moveaxis((255 * planes.clip(0, 1)).round(), 1, -1)
        return found

    return changed


def side_of(planes: Planes) -> int:
    """The shorter of the pictures' two sides, by which lengths are measured."""
    return min(planes.shape[2:])


def normals(randoms: Randoms, *shape: int) -> Float[np.ndarray, "count ..."]:
    """Numbers of the standard normal distribution, for each example its own."""
    return np.stack([random.standard_normal(shape, np.float32) for random in randoms])


def uniforms(randoms: Randoms, *shape: int) -> Float[np.ndarray, "count ..."]:
    """Numbers in [0, 1), for each example its own."""
    return np.stack([random.random(shape, np.float32) for random in randoms])
