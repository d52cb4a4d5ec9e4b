"""WAV files, beside SciPy's reader and the numbers of ITU-T G.711."""

import struct
from io import BytesIO

import numpy as np
import pytest
from scipy.io import wavfile
from waves import wav

from plusx.data.decode import BadSample
from plusx.data.wav import read_wav

RANDOM = np.random.default_rng(0)
KINDS = {
    "8 bits": (RANDOM.integers(0, 256, (50, 1), np.uint8), 1, 8),
    "16 bits": (RANDOM.integers(-32768, 32768, (50, 2), np.int16), 1, 16),
    "32 bits": (RANDOM.integers(-(2**31), 2**31, (50, 1), np.int32), 1, 32),
    "float": (RANDOM.normal(0, 0.3, (50, 2)).astype("<f4"), 3, 32),
    "double": (RANDOM.normal(0, 0.3, (50, 3)), 3, 64),
}
SCALE = {"8 bits": (128, 128), "16 bits": (0, 2**15), "32 bits": (0, 2**31), "float": (0, 1), "double": (0, 1)}


@pytest.mark.parametrize("name", KINDS)
def test_is_what_scipy_reads(name: str) -> None:
    values, kind, bits = KINDS[name]
    file = BytesIO()
    wavfile.write(file, 22_050, values)
    zero, full = SCALE[name]
    for source in (file.getvalue(), wav(values, 22_050, kind, bits)):
        wave = read_wav(source)
        assert wave.rate == 22_050
        np.testing.assert_allclose(wave.values, (values.astype(np.float64) - zero) / full, atol=1e-7)


def test_24_bits_keep_their_sign_and_size() -> None:
    levels = [0, 1, -1, 2**23 - 1, -(2**23)]
    packed = b"".join(level.to_bytes(3, "little", signed=True) for level in levels)
    values = read_wav(wav(np.frombuffer(packed, np.uint8), bits=24)).values[:, 0]
    np.testing.assert_allclose(values, np.array(levels) / 2**23, rtol=1e-6)


@pytest.mark.parametrize(
    ("kind", "codes", "levels"),
    [
        # ITU-T G.711, tables 1 and 2: the smallest and largest of each sign, on 16 bits' scale.
        (6, [0xD5, 0x55, 0xAA, 0x2A], [8, -8, 32256, -32256]),
        (7, [0xFF, 0x7F, 0x80, 0x00], [0, 0, 32124, -32124]),
    ],
)
def test_the_telephones_codes_are_the_standards(kind: int, codes: list[int], levels: list[int]) -> None:
    values = read_wav(wav(np.array(codes, np.uint8), 8000, kind, 8)).values[:, 0]
    assert (values * 32_768).tolist() == levels
    every = read_wav(wav(np.arange(256, dtype=np.uint8), 8000, kind, 8)).values[:, 0]
    np.testing.assert_array_equal(every[:128], -every[128:])


def test_the_extensible_format_names_its_kind_further_behind() -> None:
    plain = wav(np.array([1, -2], np.int16))
    long = struct.pack("<HHIIHHHHIH", 0xFFFE, 1, 16_000, 32_000, 2, 16, 22, 16, 4, 1) + bytes(14)
    source = plain[:12] + b"fmt " + struct.pack("<I", len(long)) + long + plain[plain.index(b"data") :]
    assert (read_wav(source).values[:, 0] * 32_768).tolist() == [1, -2]


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_file_that_was_written_to_a_pipe_is_read_to_its_end(size: int) -> None:
    assert len(read_wav(wav(np.zeros(7, np.int16), size=size)).values) == 7


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (wav(np.zeros(100, np.int16))[:-50], "cut short"),
        (wav(np.zeros(100, np.int16))[:30], "cut short"),
        (wav(np.zeros(0, np.int16))[:12], "holds no sound"),
        (wav(np.zeros(4, np.int16), kind=2, bits=4), "kind 2 with 4 bits"),
        (wav(np.zeros((4, 0), np.int16)), "no channels"),
        (b"RIFF\0\0\0\0WAVEdata\4\0\0\0abcd", "no format"),
    ],
)
def test_what_is_wrong_is_said(source: bytes, reason: str) -> None:
    with pytest.raises(BadSample, match=reason):
        read_wav(source)
