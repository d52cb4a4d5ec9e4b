"""Sounds: the only way from a recording's bytes to samples, in training, evaluation, prediction and serving.

What comes out for what goes in (`tests/data/test_sound.py` holds each line):

- formats: WAV (PCM of 8 to 32 bits, floats, A-law, mu-law); FLAC, Ogg Vorbis and MP3 with `plusx[audio]`; told by
  their first bytes and never by the file's name
- several channels become their mean; any rate becomes the spec's by polyphase resampling with its antialiasing filter
- longer sounds keep their middle, or are refused; shorter ones stand in the middle of zeros, or are repeated
- floats beyond -1 and 1 are cut off
- refused: no samples, infinite ones and such as are no number, rates outside 1 to 384 kHz
"""

import json
import math
from typing import Literal, Self

import numpy as np
from jaxtyping import Float32, Int16
from pydantic import BaseModel, Field, model_validator

from plusx.data.compressed import read_compressed
from plusx.data.decode import BadSample
from plusx.data.wav import MAX_SAMPLES, Wave, read_wav
from plusx.mel import FULL_SCALE, Mel

__all__ = ["EXTENSIONS", "BadSample", "SoundSpec", "decode", "prepare", "prepare_wave"]

EXTENSIONS = (".wav", ".wave", ".flac", ".ogg", ".oga", ".mp3")
"""The file endings, in lower case, by which sounds are found in folders."""
RATES = (1_000, 384_000)
MAX_WINDOW = 4096

Samples = Int16[np.ndarray, "samples 1"]


class SoundSpec(BaseModel, frozen=True, extra="forbid"):
    """How any sound becomes int16 samples (samples, 1), and what the network makes of them.

    >>> spec = SoundSpec(samples=16_000)
    >>> spec.shape, spec.features, spec.duration_s
    ((1, 16000), (1, 40, 101), 1.0)
    >>> SoundSpec(samples=6).prepare(np.array([1, 2], np.int16)).ravel().tolist()
    [0, 0, 1, 2, 0, 0]
    """

    modality: Literal["sound"] = "sound"
    rate: int = Field(default=16_000, ge=RATES[0], le=RATES[1])
    """Samples a second."""
    samples: int = Field(ge=1, le=1 << 24)
    """How many the network sees of each sound."""
    shorter: Literal["pad", "repeat"] = "pad"
    """What becomes of shorter sounds: they stand in the middle of zeros, or are repeated."""
    longer: Literal["middle", "refuse"] = "middle"
    """What becomes of longer sounds: their middle counts, or they are refused, since a part is not what was said."""
    max_samples: int = Field(default=MAX_SAMPLES, ge=1)
    """Sounds of more, all channels together, are refused before they are decoded."""
    front: Literal["logmel", "waveform"] = "logmel"
    """What the network sees: a log-mel spectrogram, or the samples themselves."""
    bands: Literal["rows", "channels"] = "rows"
    """What a spectrogram's bands are: a picture's rows, for networks of 2 dimensions, or channels, for those of 1."""
    mels: int = Field(default=40, ge=1, le=512)
    window_ms: float = Field(default=25, gt=0)
    hop_ms: float = Field(default=10, gt=0)
    low_hz: float = Field(default=20, ge=0)
    high_hz: float = Field(default_factory=lambda data: data.get("rate", 16_000) / 2, gt=0)
    mean: float = Field(default_factory=lambda data: -6.0 if data.get("front") == "logmel" else 0.0)
    """Of the log-mel values, or of the samples on int16's scale. The network subtracts it; `prepare` does not."""
    std: float = Field(default_factory=lambda data: 4.0 if data.get("front") == "logmel" else 3000.0, gt=0)
    """Of the same; the network divides by it."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        made = self.mel
        if not 2 <= made.window <= MAX_WINDOW:
            raise ValueError(f"window_ms {self.window_ms:g} is {made.window} samples; there must be 2 to {MAX_WINDOW}")
        if not 1 <= made.hop <= made.window:
            raise ValueError(f"hop_ms {self.hop_ms:g} must be a sample or more, and not above window_ms")
        if not self.low_hz < self.high_hz <= self.rate / 2:
            raise ValueError(f"low_hz and high_hz must rise, to {self.rate / 2:g} at most")
        return self

    @property
    def mel(self) -> Mel:
        """The spectrogram's numbers."""
        return Mel.of(self.model_dump())

    @property
    def duration_s(self) -> float:
        """Of what the network sees."""
        return self.samples / self.rate

    @property
    def shape(self) -> tuple[int, int]:
        """(1, samples): what is stored of one example, channels first."""
        return 1, self.samples

    @property
    def features(self) -> tuple[int, ...]:
        """What the front makes of one example: (1, mels, frames), (mels, frames) or (1, samples)."""
        if self.front == "waveform":
            return self.shape
        bands = self.mels, self.mel.frames(self.samples)
        return (1, *bands) if self.bands == "rows" else bands

    @property
    def dtype(self) -> np.dtype:
        """Of the values that `prepare` gives."""
        return np.dtype(np.int16)

    @property
    def words(self) -> str:
        """What a person is told of it."""
        return f"{self.duration_s:g} s at {self.rate / 1000:g} kHz, {self.front}, {self.shorter}"

    @property
    def storage_key(self) -> str:
        """JSON of all that decides what `prepare` gives."""
        return json.dumps(self.model_dump(mode="json", include={"modality", "rate", "samples", "shorter", "longer"}))

    def prepare(self, source: bytes | np.ndarray) -> Samples:
        """The same as the function `prepare`."""
        return prepare(source, self)


def prepare(source: bytes | np.ndarray, spec: SoundSpec) -> Samples:
    """One sound as the spec asks, shape (samples, 1), int16. Safe in threads.

    `source` is a file's bytes, or samples at the spec's rate, `(samples,)` or `(samples, channels)`: int16, or floats
    from -1 to 1.

    Raises:
        BadSample: it is no sound of the formats above, damaged, empty, or holds what is no number.
    """
    return prepare_wave(decode(source, spec.rate, spec.max_samples), spec)


def prepare_wave(wave: Wave, spec: SoundSpec) -> Samples:
    """A sound that is decoded, as the spec asks."""
    if spec.longer == "refuse" and len(wave.values) * spec.rate > spec.samples * wave.rate:
        seconds = len(wave.values) / wave.rate
        raise BadSample(f"it lasts {seconds:.1f} s, longer than the {spec.duration_s:g} s that are heard; part it")
    # What is cut off anyway need not be resampled.
    needed = math.ceil(spec.samples * wave.rate / spec.rate)
    mono = _middle(wave.values, needed).mean(axis=1, dtype=np.float32)
    mono = _fitted(_resampled(mono, wave.rate, spec.rate), spec)
    levels = np.clip(np.round(mono * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1)
    return levels.astype(np.int16)[:, None]


def decode(source: bytes | np.ndarray, rate: int, max_samples: int = MAX_SAMPLES) -> Wave:
    """A sound as it was recorded; samples that are decoded already have the given rate.

    One that may be above `max_samples`, all channels together, is refused before it is decoded.

    Raises:
        BadSample: as `prepare`.
    """
    # What float32 cannot hold becomes infinite, which is refused below.
    with np.errstate(over="ignore"):
        wave = _read(source, rate, max_samples)
    if not RATES[0] <= wave.rate <= RATES[1]:
        raise BadSample(f"{wave.rate:,} samples a second; there must be {RATES[0]:,} to {RATES[1]:,}")
    if len(wave.values) == 0:
        raise BadSample("there is not one sample in it; leave it out")
    if not np.isfinite(wave.values).all():
        raise BadSample("a sample is infinite or no number; save it anew")
    return wave


def _read(source: bytes | np.ndarray, rate: int, max_samples: int) -> Wave:
    if isinstance(source, np.ndarray):
        return Wave(_from_array(source), rate)
    if not source:
        raise BadSample("the file is empty; copy it again")
    if source.startswith(b"RIFF") and source[8:12] == b"WAVE":
        return read_wav(source, max_samples)
    return read_compressed(source, max_samples)


def _from_array(source: np.ndarray) -> Float32[np.ndarray, "samples channels"]:
    if source.ndim not in (1, 2) or source.shape[-1] == 0 or 0 in source.shape[1:]:
        raise BadSample(f"samples of shape {source.shape}, not (samples,) or (samples, channels)")
    if source.dtype == np.int16:
        values = source.astype(np.float32) / FULL_SCALE
    elif source.dtype in (np.float32, np.float64):
        values = source.astype(np.float32)
    else:
        raise BadSample(f"samples are {source.dtype}, not int16, float32 or float64")
    return values[:, None] if values.ndim == 1 else values


def _resampled(mono: Float32[np.ndarray, " samples"], rate: int, wanted: int) -> Float32[np.ndarray, " resampled"]:
    if rate == wanted:
        return mono
    # Here, because it takes a third of a second to import, and many sets have the right rate already.
    from scipy.signal import resample_poly

    common = math.gcd(rate, wanted)
    return resample_poly(mono, wanted // common, rate // common).astype(np.float32)


def _fitted(mono: Float32[np.ndarray, " samples"], spec: SoundSpec) -> Float32[np.ndarray, " wanted"]:
    missing = spec.samples - len(mono)
    if missing <= 0:
        return _middle(mono, spec.samples)
    before = missing // 2
    return np.pad(mono, (before, missing - before), mode="constant" if spec.shorter == "pad" else "wrap")


def _middle(values: np.ndarray, length: int) -> np.ndarray:
    start = max(0, (len(values) - length) // 2)
    return values[start : start + length]
