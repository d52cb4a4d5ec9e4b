"""Signals from files, against SciPy and values counted by hand."""

import io

import numpy as np
import pytest
from scipy.signal import resample_poly

from plusx.data.decode import BadSample
from plusx.data.signal import SignalSpec, read_signal

THREE = np.array([[1, 10], [2, 20], [3, 30]], np.float32)
TABLES = {
    "plain": b"1,10\n2,20\n3,30\n",
    "no last line end": b"1,10\n2,20\n3,30",
    "names": b"left,right\n1,10\n2,20\n3,30\n",
    "quoted names": b'"left","right"\n1,10\n2,20\n3,30\n',
    "windows": b"\xef\xbb\xbfleft;right\r\n1;10\r\n2;20\r\n3;30\r\n",
    "tabs": b"1\t10\n2\t20\n3\t30\n",
    "exponents": b"1e0,1.0e1\n2.0,20\n3,30\n",
    "empty lines": b"\n1,10\n\n2,20\n3,30\n\n",
}


def npy(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


@pytest.mark.parametrize("source", TABLES.values(), ids=TABLES.keys())
def test_a_table_is_a_row_a_sample(source: bytes):
    found = read_signal(source)
    np.testing.assert_array_equal(found.values, THREE)
    assert found.rate_hz is None


@pytest.mark.parametrize(
    ("table", "rate_hz"),
    [
        (b"time,a\n0,1\n0.004,2\n0.008,3\n", 250),
        (b"a,Time_MS\n1,10\n2,30\n3,50\n", 50),
        (b"seconds;a\n5;1\n5.3;2\n5.6;3\n", 10 / 3),
    ],
)
def test_a_column_of_times_is_the_rate_and_no_channel(table: bytes, rate_hz: float):
    found = read_signal(table)
    np.testing.assert_array_equal(found.values, [[1], [2], [3]])
    assert found.rate_hz == pytest.approx(rate_hz)


def test_arrays_and_their_files_are_the_same():
    spec = SignalSpec(length=5, channels=2)
    values = np.random.default_rng(0).normal(size=(9, 2))
    prepared = spec.prepare(values)
    assert prepared.dtype == np.float32
    np.testing.assert_array_equal(prepared, values[2:7].astype(np.float32))
    np.testing.assert_array_equal(prepared, spec.prepare(npy(values)))
    text = "\n".join(",".join(map(repr, row.tolist())) for row in values)
    np.testing.assert_array_equal(prepared, spec.prepare(text.encode()))
    np.testing.assert_array_equal(SignalSpec(length=9).prepare(values[:, 0]), values[:, :1].astype(np.float32))


def test_another_rate_is_resampled_as_scipy_does():
    values = np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32)
    spec = SignalSpec(length=40, channels=2, rate_hz=100, file_rate_hz=250)
    expected = resample_poly(values, 2, 5, axis=0, padtype="line")
    np.testing.assert_allclose(spec.prepare(values), expected, atol=1e-6)


def test_a_sine_keeps_its_seconds_whatever_the_file_says_of_its_rate():
    spec = SignalSpec(length=200, rate_hz=100)
    wanted = np.sin(2 * np.pi * 3 * np.arange(200) / 100)
    for rate in (50, 250, 360):
        times = np.arange(2 * rate) / rate
        rows = "\n".join(f"{time:.6f},{np.sin(2 * np.pi * 3 * time):.6f}" for time in times)
        prepared = spec.prepare(f"time,lead\n{rows}\n".encode())[:, 0]
        np.testing.assert_allclose(prepared[10:-10], wanted[10:-10], atol=0.02)


@pytest.mark.parametrize(("fill", "ends"), [("edge", (1, 3)), ("zero", (0, 0))])
def test_a_short_signal_is_padded_at_both_ends(fill: str, ends: tuple[int, int]):
    prepared = SignalSpec(length=6, fill=fill).prepare(np.array([1.0, 2.0, 3.0]))
    assert prepared.ravel().tolist() == [ends[0], 1, 2, 3, ends[1], ends[1]]


BAD = {
    "empty": (b"", "empty"),
    "blank": (b" \n\n", "empty"),
    "names alone": (b"a,b\n", "no line of numbers"),
    "no samples": (npy(np.zeros((0, 2))), "no samples"),
    "no channels": (npy(np.zeros((3, 0))), "no samples"),
    "NaN": (npy(np.array([[1.0, 2], [np.nan, 3]])), "sample 2 of channel 1 is missing"),
    "missing": (b"1,2\n3,\n", "sample 2 of channel 2 is missing"),
    "infinite": (b"1,2\n3,inf\n", "sample 2 of channel 2 is missing, infinite"),
    "channels": (b"1,2,3\n4,5,6\n", "3 channels, not 2"),
    "words": (b"a,b\n1,2\n3,four\n", "line 3: 'four' is no number"),
    "uneven rows": (b"1,2\n3\n", "line 2 has 1 columns, the first has 2"),
    "uneven names": (b"a,b,c\n1,2\n", "3 names over 2 columns"),
    "uneven times": (b"time,a,b\n0,1,1\n1,2,2\n5,3,3\n", "not evenly spaced"),
    "backward times": (b"time,a,b\n2,1,1\n1,2,2\n0,3,3\n", "not evenly spaced"),
    "latin": (b"d\xe9but,b\n1,2\n", "UTF-8"),
    "three axes": (npy(np.zeros((3, 3, 3))), "no .time,. or .time, channels."),
    "pickle": (npy(np.array([None], object)), "pickle"),
    "text": (npy(np.array(["1"])), "no numbers"),
}


@pytest.mark.parametrize(("source", "words"), BAD.values(), ids=BAD.keys())
def test_what_cannot_be_used_is_a_bad_sample(source: bytes, words: str):
    with pytest.raises(BadSample, match=words) as caught:
        SignalSpec(length=3, channels=2).prepare(source)
    assert "\n" not in caught.value.reason


def test_rates_that_are_worlds_apart_are_refused():
    with pytest.raises(BadSample, match="50000 samples a second cannot become 1"):
        SignalSpec(length=3, rate_hz=1, file_rate_hz=50_000).prepare(np.zeros(10))


@pytest.mark.parametrize("wrong", [{"mean": (1, 2)}, {"std": (0,)}, {"file_rate_hz": 5}])
def test_a_spec_that_makes_no_sense_is_refused(wrong: dict):
    with pytest.raises(ValueError, match=r"mean|std|file_rate_hz"):
        SignalSpec(length=1, **wrong)
