"""NumPy's `.npy` files: numbers only, never a pickle, and no size is believed that the file does not have."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from typing import BinaryIO

import numpy as np

from plusx.data.decode import BadSample

MAGIC = b"\x93NUMPY"
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_NUMBERS = "buif"
PEEKED_AT = 16


def read_npy(source: bytes) -> np.ndarray:
    """The array in a `.npy` file's bytes; read-only, since it shares them.

    Raises:
        BadSample: no such file, cut short, or anything but whole or floating-point numbers.

    >>> file = BytesIO()
    >>> np.save(file, np.arange(3))
    >>> read_npy(file.getvalue()).tolist()
    [0, 1, 2]
    """
    file = BytesIO(source)
    shape, fortran, dtype = _header(file)
    if dtype.hasobject:
        raise BadSample("it holds Python objects (a pickle), which are never loaded; save it as numbers")
    if dtype.kind not in _NUMBERS:
        raise BadSample(f"values of type {dtype} are no numbers that can be used")
    count = int(np.prod(shape, dtype=object))
    if len(source) - file.tell() < count * dtype.itemsize:
        raise BadSample("the file is cut short; copy it again")
    values = np.frombuffer(source, dtype, count, file.tell())
    try:
        return values.reshape(shape, order="F" if fortran else "C")
    except ValueError:  # more axes than NumPy has, or longer ones
        raise BadSample("not a .npy file, or a damaged one") from None


def common_ndim(files: Iterable[str]) -> int | None:
    """The commonest number of dimensions of the first few `.npy` files, by their headers; None where none has one."""
    found: list[int] = []
    for path, _ in zip(files, range(PEEKED_AT), strict=False):
        try:
            with open(path, "rb") as file:
                found.append(len(_header(file)[0]))
        except (OSError, BadSample):
            continue
    return max(found, key=found.count) if found else None


def _header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype]:
    try:
        shape, fortran, dtype = _HEADERS[np.lib.format.read_magic(file)](file)
    # Whatever a parser of other people's text may raise.
    except Exception as error:
        raise BadSample("not a .npy file, or a damaged one") from error
    if any(type(size) is not int or size < 0 for size in shape):
        raise BadSample("not a .npy file, or a damaged one")
    return shape, fortran, dtype
