"""WAV files of any kind, written by hand, and tones to put into them."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np


def wav(values: np.ndarray, rate: int = 16_000, kind: int = 1, bits: int = 16, size: int | None = None) -> bytes:
    """A WAV file of values `(samples,)` or `(samples, channels)` that are of the file's own type already."""
    data = values.tobytes()
    channels = 1 if values.ndim == 1 else values.shape[1]
    frame = channels * bits // 8
    header = struct.pack("<HHIIHH", kind, channels, rate, rate * frame, frame, bits)
    chunks = b"fmt " + struct.pack("<I", len(header)) + header
    chunks += b"LIST" + struct.pack("<I", 3) + b"odd\0"
    chunks += b"data" + struct.pack("<I", len(data) if size is None else size) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def tone(hz: float, seconds: float = 1.0, rate: int = 16_000, level: float = 0.5) -> np.ndarray:
    """A sine as float64 between -1 and 1."""
    return level * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)


def as_int16(values: np.ndarray) -> np.ndarray:
    """Rounded to samples of 16 bits."""
    return np.round(values * 32_767).astype("<i2")


def write_tones(root: Path, each: int = 12) -> Path:
    """Class folders of low, middle and high tones of half a second in noise, of 8 or 16 kHz, under train/ and test/."""
    random = np.random.default_rng(0)
    for split, count in (("train", each), ("test", each // 3)):
        for name, (low, high) in {"low": (200, 400), "middle": (800, 1200), "high": (2000, 3000)}.items():
            folder = root / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                rate = (8_000, 16_000)[number % 2]
                values = tone(random.uniform(low, high), 0.5, rate, level=random.uniform(0.1, 0.6))
                values += random.normal(0, 0.02, len(values))
                (folder / f"{number}.wav").write_bytes(wav(as_int16(values), rate))
    return root
