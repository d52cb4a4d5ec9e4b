"""What a set of sounds is like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from plusx.data.decode import BadSample
from plusx.data.sound import SoundSpec, decode
from plusx.data.sources import Samples
from plusx.data.survey import Facts, look

MOST = 0.9
MEASURED = 64
LONGEST_S = 4.0
"""Statistics are of the middle of longer sounds."""


@dataclass(frozen=True)
class SoundFacts(Facts):
    """What a set of sounds is like.

    Args:
        duration_s: the median.
        most_s: nine tenths are no longer.
        longest_s: none is longer.
        same_length: whether all that were looked at have one duration, to a hundredth of a second.
        rate: samples a second, that of most.
        mean: of their log-mel spectrograms as `SoundSpec` makes them by default.
        std: of the same.
        level: the root of the samples' mean square, on int16's scale.
    """

    duration_s: float
    most_s: float
    longest_s: float
    same_length: bool
    rate: int
    mean: float
    std: float
    level: float


class _Seen(NamedTuple):
    duration_s: float
    rate: int


def survey_sounds(samples: Samples) -> SoundFacts:
    """Looks at up to 256 sounds.

    Raises:
        PlusxError: none can be read.
    """
    seen = look(samples, _peek)
    durations = np.array([one.duration_s for one in seen.values()])
    mean, std, level = _statistics(samples, list(seen)[:: max(1, len(seen) // MEASURED)], float(np.median(durations)))
    return SoundFacts(
        count=len(samples),
        classes=len(samples.classes),
        duration_s=float(np.median(durations)),
        most_s=float(np.quantile(durations, MOST, method="higher")),
        longest_s=float(durations.max()),
        same_length=bool(np.ptp(durations) < 0.01),
        rate=Counter(one.rate for one in seen.values()).most_common(1)[0][0],
        mean=mean,
        std=std,
        level=level,
    )


def _peek(source: bytes | np.ndarray) -> _Seen:
    wave = decode(source, SoundSpec.model_fields["rate"].default)
    return _Seen(len(wave.values) / wave.rate, wave.rate)


def _statistics(samples: Samples, indices: Iterable[int], duration_s: float) -> tuple[float, float, float]:
    """(mean and std of the log-mel values, root mean square) of sounds that were readable a moment ago."""
    rate = SoundSpec.model_fields["rate"].default
    spec = SoundSpec(samples=max(1, round(rate * min(duration_s, LONGEST_S))), shorter="repeat")
    waves = [_readable(samples, spec, index) for index in indices]
    values = np.stack([spec.mel.log_mel(wave) for wave in waves if wave is not None]).astype(np.float64)
    squares = np.stack([wave for wave in waves if wave is not None]).astype(np.float64) ** 2
    # A set of silence alone has no spread to divide by.
    return (
        round(float(values.mean()), 3),
        round(max(float(values.std()), 0.1), 3),
        round(float(squares.mean()) ** 0.5, 1),
    )


def _readable(samples: Samples, spec: SoundSpec, index: int) -> np.ndarray | None:
    try:
        return spec.prepare(samples.source.read(index))[:, 0]
    except BadSample:
        return None
