"""Log-mel spectrograms as two matrices: what the network's front and a survey of sounds compute alike.

A spectrogram is a product with sines and cosines, and a mel spectrogram one more with triangles, so that every runtime
that multiplies matrices has it; none needs a Fourier transform of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from jaxtyping import Float32, Float64, Int16
from numpy.lib.stride_tricks import sliding_window_view

FULL_SCALE = 32_768
"""What int16 samples are divided by: spectrograms are of waves between -1 and 1."""
FLOOR = 1e-6
"""Added to the power before the logarithm: about what a microphone's own noise has, and far above int16's rounding."""


@dataclass(frozen=True)
class Mel:
    """The numbers that make a log-mel spectrogram.

    Args:
        rate: samples a second.
        window: samples a frame, under a periodic Hann window.
        hop: samples from one frame's middle to the next one's.
        mels: bands.
        low_hz: where the lowest band begins.
        high_hz: where the highest ends.

    >>> Mel(rate=16_000, window=400, hop=160, mels=40, low_hz=20, high_hz=8000).frames(16_000)
    101
    """

    rate: int
    window: int
    hop: int
    mels: int
    low_hz: float
    high_hz: float

    @classmethod
    def of(cls, preprocessing: Mapping[str, Any]) -> Self:
        """As a `SoundSpec`'s JSON asks for it."""
        rate = preprocessing["rate"]
        return cls(
            rate=rate,
            window=round(rate * preprocessing["window_ms"] / 1000),
            hop=round(rate * preprocessing["hop_ms"] / 1000),
            mels=preprocessing["mels"],
            low_hz=preprocessing["low_hz"],
            high_hz=preprocessing["high_hz"],
        )

    def frames(self, samples: int) -> int:
        """Frames of so many samples: their middles begin at the first sample, and zeros are outside."""
        return (samples + 2 * (self.window // 2) - self.window) // self.hop + 1

    @cached_property
    def _used(self) -> np.ndarray:
        """Numbers of the frequencies that any band takes, of a transform of the next power of two."""
        return np.flatnonzero(self._all_filters.any(axis=0))

    @property
    def _length(self) -> int:
        return 1 << (self.window - 1).bit_length()

    @cached_property
    def _all_filters(self) -> Float64[np.ndarray, "mels frequencies"]:
        edges = hz(np.linspace(mel(self.low_hz), mel(self.high_hz), self.mels + 2))
        frequencies = np.arange(self._length // 2 + 1) * self.rate / self._length
        rising = (frequencies - edges[:-2, None]) / np.diff(edges)[:-1, None]
        falling = (edges[2:, None] - frequencies) / np.diff(edges)[1:, None]
        return np.clip(np.minimum(rising, falling), 0, None)

    @cached_property
    def filters(self) -> Float32[np.ndarray, "mels used"]:
        """Triangles of height 1, evenly spaced on the mel scale, over the frequencies that they take."""
        return self._all_filters[:, self._used].astype(np.float32)

    @cached_property
    def waves(self) -> Float32[np.ndarray, "twice_used window"]:
        """Windowed cosines, then sines, of those frequencies: a frame's products with them are its spectrum."""
        place = np.arange(self.window)
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * place / self.window)
        angle = 2 * np.pi * self._used[:, None] * place / self._length
        return (np.concatenate([np.cos(angle), np.sin(angle)]) * hann).astype(np.float32)

    def log_mel(self, samples: Int16[np.ndarray, " samples"]) -> Float32[np.ndarray, "mels frames"]:
        """The natural logarithm of each band's power."""
        padded = np.pad(samples.astype(np.float32) / FULL_SCALE, self.window // 2)
        frames = sliding_window_view(padded, self.window)[:: self.hop]
        cosines, sines = np.split((frames @ self.waves.T) ** 2, 2, axis=1)
        return np.log(self.filters @ (cosines + sines).T + FLOOR)


def mel(hz: float) -> float:
    """A frequency on the mel scale (O'Shaughnessy's formula, HTK's).

    >>> round(float(mel(1000)), 2)
    999.99
    """
    return 2595 * np.log10(1 + hz / 700)


def hz(mel: Float64[np.ndarray, "*shape"]) -> Float64[np.ndarray, "*shape"]:
    """Back from the mel scale."""
    return 700 * (10 ** (mel / 2595) - 1)
