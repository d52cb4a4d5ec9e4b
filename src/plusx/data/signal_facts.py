"""What a set of signals is like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plusx.data.signal import read_signal
from plusx.data.sources import Samples
from plusx.data.survey import Facts, look


@dataclass(frozen=True)
class SignalFacts(Facts):
    """What a set of signals is like.

    Args:
        length: the median, in samples.
        same_length: whether all that were looked at have one.
        channels: the commonest number.
        rate_hz: the median of the files that say it; None where none does.
        mean: of each channel, in its own unit.
        std: of each channel, in its own unit.
    """

    length: int
    same_length: bool
    channels: int
    rate_hz: float | None
    mean: tuple[float, ...]
    std: tuple[float, ...]


def survey_signals(samples: Samples) -> SignalFacts:
    """Looks at up to 256 signals.

    Raises:
        PlusxError: none can be read.
    """
    seen = list(look(samples, read_signal).values())
    widths = [one.values.shape[1] for one in seen]
    channels = max(set(widths), key=widths.count)
    rates = [one.rate_hz for one in seen if one.rate_hz is not None]
    rate_hz = float(np.median(rates)) if rates else None
    lengths = [round(len(one.values) * (rate_hz or 1) / (one.rate_hz or rate_hz or 1)) for one in seen]
    mean, std = _statistics([one.values for one in seen if one.values.shape[1] == channels])
    return SignalFacts(
        count=len(samples),
        classes=len(samples.classes),
        length=max(1, int(np.median(lengths))),
        same_length=len(set(lengths)) == 1,
        channels=channels,
        rate_hz=rate_hz,
        mean=mean,
        std=std,
    )


def _statistics(signals: list[np.ndarray]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Each channel's mean and deviation, in four digits: each signal counts the same, however long it is."""
    means = np.mean([one.mean(axis=0, dtype=np.float64) for one in signals], axis=0)
    squares = np.mean([((one - means) ** 2).mean(axis=0) for one in signals], axis=0)
    # A channel that is always the same has no spread to divide by.
    std = np.where(squares > 0, np.sqrt(squares), 1.0)
    return tuple(float(f"{one:.4g}") for one in means), tuple(float(f"{one:.4g}") for one in std)
