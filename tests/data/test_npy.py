"""Arrays from files, against what NumPy saved and what a forger might."""

import io
import pickle
from pathlib import Path

import numpy as np
import pytest

from plusx.data.decode import BadSample
from plusx.data.npy import common_ndim, read_npy


def npy(values: np.ndarray, **how) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, values, **how)
    return file.getvalue()


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
@pytest.mark.parametrize("dtype", ["uint8", ">i2", "<f8", "bool", "float16"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_numbers_come_back(version, dtype: str, order: str):
    values = np.asarray(np.arange(24).reshape(2, 3, 4) % 2, dtype, order=order)
    read = read_npy(npy(values, version=version))
    assert read.dtype == values.dtype
    np.testing.assert_array_equal(read, values)


class Trap:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


def header(shape: str, dtype: str = "<f4") -> bytes:
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


BAD = {
    "pickle": (npy(np.array([Trap()], object)), "pickle"),
    "bare pickle": (pickle.dumps([1]), "not a .npy file"),
    "text": (npy(np.array(["a"])), "no numbers"),
    "complex": (npy(np.array([1j])), "no numbers"),
    "records": (npy(np.zeros(2, [("a", "f4")])), "no numbers"),
    "short": (npy(np.zeros(9))[:-1], "cut short"),
    "headless": (npy(np.zeros(9))[:40], "not a .npy file"),
    "huge": (header("(1000000, 1000000, 1000000)"), "cut short"),
    "negative": (header("(-1, 4)"), "not a .npy file"),
    "code": (header("__import__('os')"), "not a .npy file"),
    "empty": (b"", "not a .npy file"),
}


@pytest.mark.parametrize(("source", "words"), BAD.values(), ids=BAD.keys())
def test_anything_else_is_a_bad_sample(source: bytes, words: str):
    with pytest.raises(BadSample, match=words):
        read_npy(source)


def test_the_commonest_number_of_axes_is_told_by_headers(tmp_path: Path):
    for number, shape in enumerate([(3, 3, 3), (4,), (5, 2), (6, 2)]):
        np.save(tmp_path / f"{number}.npy", np.zeros(shape))
    (tmp_path / "4.npy").write_bytes(b"rubbish")
    assert common_ndim(sorted(map(str, tmp_path.iterdir()))) == 2
    assert common_ndim([str(tmp_path / "none.npy"), str(tmp_path / "4.npy")]) is None
