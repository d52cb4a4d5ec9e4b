"""Arrays of numbers as they come: features, signals, pictures that are already pixels."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from jaxtyping import Float32
from pydantic import BaseModel, Field, PositiveInt, model_validator

from plusx.data.decode import BadSample


class ArraySpec(BaseModel, frozen=True, extra="forbid"):
    """Arrays of one shape; the network subtracts each channel's mean and divides by its std.

    >>> ArraySpec(sizes=(3, 8, 8), mean=(0, 0, 0), std=(1, 1, 1)).prepare(np.zeros((8, 8, 3))).shape
    (8, 8, 3)
    """

    modality: Literal["array"] = "array"
    sizes: tuple[PositiveInt, ...] = Field(min_length=2)
    """(channels, *space), as the network sees one example."""
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @model_validator(mode="after")
    def _normalisation_fits(self) -> Self:
        if not len(self.mean) == len(self.std) == self.sizes[0]:
            raise ValueError(f"{len(self.mean)} means and {len(self.std)} stds for {self.sizes[0]} channels")
        if min(self.std) <= 0:
            raise ValueError("std must be above 0")
        return self

    @property
    def shape(self) -> tuple[int, ...]:
        """(channels, *space)."""
        return self.sizes

    @property
    def features(self) -> tuple[int, ...]:
        """(channels, *space): what the front makes of one example for the network."""
        return self.sizes

    @property
    def dtype(self) -> np.dtype:
        """Of the values that `prepare` gives."""
        return np.dtype(np.float32)

    @property
    def words(self) -> str:
        """What a person is told of it."""
        return "x".join(map(str, self.shape))

    @property
    def storage_key(self) -> str:
        """What decides what `prepare` gives."""
        return f"array {self.sizes}"

    def prepare(self, source: bytes | np.ndarray) -> Float32[np.ndarray, "*space channels"]:
        """The array `(*space, channels)` in float32.

        Raises:
            BadSample: another shape, or a value that is infinite or no number.
        """
        if isinstance(source, bytes):
            raise BadSample("a file where an array is needed")
        wanted = (*self.sizes[1:], self.sizes[0])
        if source.shape != wanted:
            raise BadSample(f"the shape is {source.shape}, not {wanted}")
        values = source.astype(np.float32)
        if not np.isfinite(values).all():
            raise BadSample("a value is infinite or no number")
        return values
