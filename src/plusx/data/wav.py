"""WAV files, by hand: what is damaged is told exactly, and 24 bits, A-law and mu-law need no other library."""

import struct
from collections.abc import Callable
from io import BytesIO
from typing import BinaryIO, NamedTuple

import numpy as np
from jaxtyping import Float32, UInt8

from plusx.data.decode import BadSample

PCM, FLOAT, A_LAW, MU_LAW, EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
# Programs that write to a pipe do not know the length when they write it.
UNKNOWN_SIZES = (0, 0xFFFFFFFF)
LEAST_FORMAT_BYTES = 16
MAX_SAMPLES = 1 << 30
# Of the extensible format, and where its kind stands among them.
EXTENSIBLE_BYTES, KIND_PLACE = 26, 24

Values = Float32[np.ndarray, "samples channels"]


class Wave(NamedTuple):
    """A sound as it was recorded: `values` between -1 and 1, and samples a second."""

    values: Values
    rate: int


class Format(NamedTuple):
    """What a WAV file says of its sound."""

    kind: int
    channels: int
    rate: int
    bits: int

    @property
    def frame_bytes(self) -> int:
        """Of one sample of every channel."""
        return self.channels * self.bits // 8

    def values(self, sound: bytes) -> Values:
        """The sound's whole samples."""
        whole = np.frombuffer(sound, np.uint8, len(sound) // self.frame_bytes * self.frame_bytes)
        return READERS[self.kind, self.bits](whole).astype(np.float32).reshape(-1, self.channels)


def read_wav(source: bytes, max_samples: int = MAX_SAMPLES) -> Wave:
    """PCM of 8, 16, 24 and 32 bits, floats of 32 and 64, A-law and mu-law, with any number of channels.

    Raises:
        BadSample: it is cut short, damaged, of another kind, or has more samples, all channels together.
    """
    file = BytesIO(source)
    format, size = open_wav(file)
    if (count := (len(source) - file.tell()) * 8 // format.bits) > max_samples:
        raise BadSample(f"{count} samples are above the limit of {max_samples} (max_samples); part it")
    sound = file.read(size)
    if size is not None and len(sound) < size:
        raise BadSample("the file is cut short; copy it again")
    return Wave(format.values(sound), format.rate)


def open_wav(file: BinaryIO) -> tuple[Format, int | None]:
    """A WAV file's format and the bytes of its sound, at which `file` then stands; None where the file does not know.

    Raises:
        BadSample: it is no WAV file, damaged, or of another kind.
    """
    start = file.read(12)
    if start[:4] != b"RIFF" or start[8:] != b"WAVE":
        raise BadSample("not a WAV file, whatever its name says")
    format: Format | None = None
    while len(header := file.read(8)) == 8:
        name, size = struct.unpack("<4sI", header)
        if name == b"data":
            if format is None:
                raise BadSample("the WAV file has no format before its sound; save it anew")
            return format, None if size in UNKNOWN_SIZES else size
        chunk = file.read(size + size % 2)
        if name == b"fmt ":
            format = _format(chunk)
    raise BadSample("the WAV file holds no sound, or is cut short; copy it again")


def _format(chunk: bytes) -> Format:
    if len(chunk) < LEAST_FORMAT_BYTES:
        raise BadSample("the WAV file's format is cut short; copy it again")
    kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
    if kind == EXTENSIBLE and len(chunk) >= EXTENSIBLE_BYTES:
        (kind,) = struct.unpack_from("<H", chunk, KIND_PLACE)
    if channels < 1:
        raise BadSample("the WAV file has no channels")
    if (kind, bits) not in READERS:
        raise BadSample(f"WAV of kind {kind} with {bits} bits is not supported; save it as PCM")
    return Format(kind, channels, rate, bits)


def _unsigned(sound: UInt8[np.ndarray, " bytes"]) -> np.ndarray:
    return (sound.astype(np.float32) - 128) / 128


def _three_bytes(sound: UInt8[np.ndarray, " bytes"]) -> np.ndarray:
    # As the upper bytes of 32 bits, so that the sign is in its place.
    four = np.zeros((len(sound) // 3, 4), np.uint8)
    four[:, 1:] = sound.reshape(-1, 3)
    return _whole("<i4")(four.reshape(-1))


def _whole(kind: str) -> Callable[[np.ndarray], np.ndarray]:
    return lambda sound: sound.view(kind) / -float(np.iinfo(kind).min)


def _floating(kind: str) -> Callable[[np.ndarray], np.ndarray]:
    return lambda sound: sound.view(kind)


def _a_law(sound: UInt8[np.ndarray, " bytes"]) -> np.ndarray:
    """ITU-T G.711: a sign, 3 bits of exponent and 4 of mantissa, every second bit inverted."""
    bits = (sound ^ 0x55).astype(np.int32)
    exponent, mantissa = bits >> 4 & 7, (bits & 15) << 4
    size = np.where(exponent == 0, mantissa + 8, mantissa + 264 << np.maximum(exponent - 1, 0))
    return np.where(bits & 128, size, -size) / 32_768


def _mu_law(sound: UInt8[np.ndarray, " bytes"]) -> np.ndarray:
    """ITU-T G.711: all bits inverted, and 132 added before the logarithm."""
    bits = (~sound).astype(np.int32)
    size = ((bits & 15) << 3) + 132 << (bits >> 4 & 7)
    return np.where(bits & 128, 132 - size, size - 132) / 32_768


READERS: dict[tuple[int, int], Callable[[UInt8[np.ndarray, " bytes"]], np.ndarray]] = {
    (PCM, 8): _unsigned,
    (PCM, 16): _whole("<i2"),
    (PCM, 24): _three_bytes,
    (PCM, 32): _whole("<i4"),
    (FLOAT, 32): _floating("<f4"),
    (FLOAT, 64): _floating("<f8"),
    (A_LAW, 8): _a_law,
    (MU_LAW, 8): _mu_law,
}
"""Each kind of WAV, by its number and its bits: bytes -> values between -1 and 1."""
