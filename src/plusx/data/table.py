"""A signal's CSV: a row a sample, a column a channel, perhaps a line of names and a column of times."""

from __future__ import annotations

from array import array
from io import StringIO
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from plusx.data.decode import BadSample

MAX_SAMPLES = 1 << 30
SECONDS = {"time": 1.0, "t": 1.0, "time_s": 1.0, "seconds": 1.0, "time_ms": 0.001, "milliseconds": 0.001}
"""What a column of times may be called, and how long its unit is."""
LARGEST_JITTER = 0.1
"""The share of a sample's time by which neighbours may be nearer or farther than the mean."""


class Series(NamedTuple):
    """Samples, and how many a second where that is known."""

    values: Float32[np.ndarray, "time channels"]
    rate_hz: float | None


def read_series(source: bytes, max_samples: int = MAX_SAMPLES) -> Series:
    """The numbers in a CSV's bytes (UTF-8; commas, semicolons or tabs between them), missing ones as NaN.

    Raises:
        BadSample: no such table, more cells than `max_samples`, a cell that is no number, or times that are not evenly
            spaced.

    >>> series = read_series(b"time,x,y\\n0,1,2\\n0.5,3,4\\n1,5,6\\n")
    >>> series.values.tolist(), series.rate_hz
    ([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], 2.0)
    """
    text = _text(source)
    first, _, rest = text.partition("\n")
    delimiter = max(",;\t", key=first.count)
    if (count := text.count(delimiter) + text.count("\n")) > max_samples:
        raise BadSample(f"{count} cells are above the limit of {max_samples} (max_samples)")
    names = [] if _are_numbers(first, delimiter) else [cell.strip(' "').lower() for cell in first.split(delimiter)]
    values = _numbers(rest if names else text, delimiter, first_line=2 if names else 1)
    if names and len(names) != values.shape[1]:
        raise BadSample(f"{len(names)} names over {values.shape[1]} columns")
    times = [place for place, name in enumerate(names) if name in SECONDS]
    if not times:
        return Series(values.astype(np.float32), None)
    rate_hz = _rate(values[:, times[0]] * SECONDS[names[times[0]]])
    return Series(np.delete(values, times, axis=1).astype(np.float32), rate_hz)


def _text(source: bytes) -> str:
    if not source.strip():
        raise BadSample("the file is empty")
    try:
        return source.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n").lstrip("\n")
    except UnicodeDecodeError:
        raise BadSample("not a CSV in UTF-8, nor a .npy file") from None


def _are_numbers(line: str, delimiter: str) -> bool:
    try:
        [float(cell.strip(' "') or "nan") for cell in line.split(delimiter)]
    except ValueError:
        return False
    return True


def _numbers(text: str, delimiter: str, first_line: int) -> np.ndarray:
    # Eight bytes a number, where a list of lists takes a hundred.
    values, columns = array("d"), 0
    for number, line in enumerate(StringIO(text), first_line):
        if not line.strip():
            continue
        row = [_number(cell.strip(' "\n'), number) for cell in line.split(delimiter)]
        columns = columns or len(row)
        if len(row) != columns:
            raise BadSample(f"line {number} has {len(row)} columns, the first has {columns}")
        values.extend(row)
    if not columns:
        raise BadSample("no line of numbers in it")
    return np.array(values).reshape(-1, columns)


def _number(text: str, line: int) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        raise BadSample(f"line {line}: {text[:40]!r} is no number") from None


def _rate(seconds: np.ndarray) -> float | None:
    """Samples a second; None where there are too few to tell."""
    if len(seconds) < 2 or not np.isfinite(seconds).all():
        return None
    steps = np.diff(seconds)
    mean = float(seconds[-1] - seconds[0]) / len(steps)
    if mean <= 0 or np.abs(steps - mean).max() > LARGEST_JITTER * mean:
        raise BadSample("its times are not evenly spaced; resample it first")
    # What is written with few digits, such as 0.004, is meant as a whole rate.
    rate = 1 / mean
    return float(round(rate)) if abs(rate - round(rate)) < 1e-3 * rate else rate
