"""Signals: measurements over time, of one channel or several, such as an ECG's leads or an accelerometer's axes.

What comes out for what goes in (`tests/data/test_signal.py` holds each line):

- files: CSV, a row a sample and a column a channel; `.npy` of shape (time,) or (time, channels)
- a CSV may begin with a line of names; a column named time (in seconds) or time_ms is no channel: it tells the rate
- resampled by a polyphase filter where the spec's rate is not the file's
- the middle is cut out, or both ends are padded with the edge's values, or with 0
- refused: another number of channels, missing, infinite or no numbers, samples that are not evenly spaced
"""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Literal, Self

import numpy as np
from jaxtyping import Float32
from pydantic import BaseModel, Field, PositiveFloat, model_validator

from plusx.data.decode import BadSample
from plusx.data.npy import MAGIC, read_npy
from plusx.data.table import MAX_SAMPLES, Series, read_series

EXTENSIONS = (".npy", ".csv")
"""The file endings, in lower case, by which signals are found in folders."""

Signal = Float32[np.ndarray, "time channels"]
LARGEST_RATIO = 1000
"""Rates are brought to a fraction of such whole numbers: the polyphase filter's length grows with them."""


class SignalSpec(BaseModel, frozen=True, extra="forbid"):
    """How any signal becomes float32 samples (time, channels), and how the network normalises them.

    >>> SignalSpec(length=4, fill="zero").prepare(np.array([1.0, 2.0])).ravel().tolist()
    [0.0, 1.0, 2.0, 0.0]
    """

    modality: Literal["signal"] = "signal"
    length: int = Field(ge=1, le=1 << 24)
    """Samples that the network sees."""
    channels: int = Field(default=1, ge=1, le=4096)
    rate_hz: PositiveFloat | None = None
    """Samples a second that the network sees. None: samples are taken as they are."""
    file_rate_hz: PositiveFloat | None = None
    """Samples a second of whatever has no time column. None: `rate_hz`."""
    fill: Literal["edge", "zero"] = "edge"
    """What a signal that is too short is padded with."""
    max_samples: int = Field(default=MAX_SAMPLES, ge=1)
    """Signals of more, all channels together, also once they are resampled, are refused before that."""
    mean: tuple[float, ...] = Field(default_factory=lambda data: (0.0,) * data.get("channels", 1))
    """Per channel, in the signal's own unit. The network subtracts it; `prepare` does not."""
    std: tuple[float, ...] = Field(default_factory=lambda data: (1.0,) * data.get("channels", 1))
    """Per channel, in the signal's own unit, above 0. The network divides by it; `prepare` does not."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != self.channels:
                raise ValueError(f"{name} has {len(values)} values for {self.channels} channels")
        if min(self.std) <= 0:
            raise ValueError("std must be above 0")
        if self.file_rate_hz is not None and self.rate_hz is None:
            raise ValueError("file_rate_hz needs a rate_hz to resample to")
        return self

    @property
    def shape(self) -> tuple[int, int]:
        """(channels, time): what the network sees of one example."""
        return self.channels, self.length

    @property
    def features(self) -> tuple[int, int]:
        """(channels, time): what the front makes of one example for the network."""
        return self.shape

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
        """JSON of all that decides what `prepare` gives; mean and std do not."""
        return json.dumps(self.model_dump(mode="json", exclude={"mean", "std"}), sort_keys=True)

    def prepare(self, source: bytes | np.ndarray) -> Signal:
        """One signal as the spec asks.

        `source` is a file's bytes, or numbers of shape (time,) or (time, channels). Safe in threads.

        Raises:
            BadSample: no signal, damaged, of other channels, with a value that is no finite number, or samples that are
                not evenly spaced where the spec has a rate.
        """
        values, rate_hz = read_signal(source, self.max_samples)
        if values.shape[1] != self.channels:
            raise BadSample(f"the signal has {values.shape[1]} channels, not {self.channels}")
        if self.rate_hz is not None:
            from_hz = rate_hz or self.file_rate_hz or self.rate_hz
            values = at_rate(values, from_hz, self.rate_hz, self.max_samples)
        return of_length(values, self.length, self.fill)


def read_signal(source: bytes | np.ndarray, max_samples: int = MAX_SAMPLES) -> Series:
    """A signal's numbers as float32 (time, channels), and its rate where the file says it.

    Raises:
        BadSample: as `SignalSpec.prepare`, for any number of channels.
    """
    if isinstance(source, bytes) and not source.startswith(MAGIC):
        found = read_series(source, max_samples)
    else:
        values = read_npy(source) if isinstance(source, bytes) else source
        if values.ndim not in (1, 2) or values.dtype.kind not in "buif":
            raise BadSample(f"an array of {values.dtype}, shape {values.shape}, is no (time,) or (time, channels)")
        found = Series((values[:, None] if values.ndim == 1 else values).astype(np.float32), None)
    _check_count(found.values.size, max_samples)
    if not found.values.size:
        raise BadSample("the signal has no samples")
    if not np.isfinite(found.values).all():
        row, column = np.argwhere(~np.isfinite(found.values))[0]
        raise BadSample(f"sample {row + 1} of channel {column + 1} is missing, infinite or no number; fill it in")
    return found


def _check_count(count: int, max_samples: int) -> None:
    if count > max_samples:
        raise BadSample(f"{count} samples are above the limit of {max_samples} (max_samples)")


def at_rate(values: Signal, from_hz: float, to_hz: float, max_samples: int = MAX_SAMPLES) -> Signal:
    """The signal with `to_hz` samples a second, by SciPy's polyphase filter; its ends are taken to go on in a line.

    Raises:
        BadSample: one rate is more than 1,000 times the other, or it would have more than `max_samples`.
    """
    ratio = Fraction(to_hz / from_hz).limit_denominator(LARGEST_RATIO)
    if ratio == 1:
        return values
    if not Fraction(1, LARGEST_RATIO) <= ratio <= LARGEST_RATIO:
        raise BadSample(f"{from_hz:g} samples a second cannot become {to_hz:g}")
    _check_count(int(values.size * ratio), max_samples)
    # Here, because it takes a third of a second to import, and most sets are used at their own rate.
    from scipy.signal import resample_poly

    resampled = resample_poly(values, ratio.numerator, ratio.denominator, axis=0, padtype="line")
    return resampled.astype(np.float32)


def of_length(values: Signal, length: int, fill: Literal["edge", "zero"]) -> Signal:
    """The middle `length` samples, padded at both ends where there are fewer."""
    spare = len(values) - length
    if spare >= 0:
        return values[spare // 2 : spare // 2 + length].copy()
    before = -spare // 2
    return np.pad(values, ((before, -spare - before), (0, 0)), mode="edge" if fill == "edge" else "constant")
