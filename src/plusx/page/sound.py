"""Samples as the bytes of a file that browsers play."""

from __future__ import annotations

import wave
from io import BytesIO

import numpy as np
from jaxtyping import Int16


def wav(samples: Int16[np.ndarray, " samples"], rate: int) -> bytes:
    """A WAV of one channel.

    >>> wav(np.zeros(2, np.int16), 16_000)[:4]
    b'RIFF'
    """
    file = BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(rate)
        written.writeframes(samples.astype("<i2").tobytes())
    return file.getvalue()
