"""Tensors as the protocol writes them, in JSON and as bytes, to NumPy's arrays and back."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from jaxtyping import Shaped

from plusx.errors import nearest
from plusx.serving.refusals import Refused

BYTES = "BYTES"
DATATYPES: dict[str, np.dtype] = {
    "BOOL": np.dtype("?"),
    "UINT8": np.dtype("u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
    BYTES: np.dtype(object),
}
"""NumPy's types by the protocol's names. BYTES are Python's `bytes`, of any length each."""

MOST_AXES = 16
SHOWN = 60
"""So many characters of what was sent are said back."""
_LENGTH_BYTES = 4
_JSON_TYPES: dict[str, set[type]] = {"b": {bool}, "u": {int}, "i": {int}, "f": {int, float}, "O": {str}}


def datatype_of(dtype: np.dtype) -> str:
    """The protocol's name for NumPy's type.

    >>> datatype_of(np.dtype(np.float32))
    'FP32'
    """
    return next(name for name, own in DATATYPES.items() if own == dtype)


def dtype_of(datatype: Any, where: str) -> np.dtype:
    """NumPy's type for the protocol's name.

    Raises:
        Refused: there is no such datatype, or none that NumPy has.

    >>> dtype_of("FP23", "input")
    Traceback (most recent call last):
    plusx.serving.refusals.Refused: input: datatype 'FP23' is none of BOOL, UINT8, UINT16, UINT32, UINT64, INT8, \
INT16, INT32, INT64, FP16, FP32, FP64, BYTES; did you mean FP32?
    """
    given = str(datatype)[:SHOWN] if isinstance(datatype, str) else ""
    if given not in DATATYPES:
        hint = nearest(given, list(DATATYPES))
        raise Refused(400, f"{where}: datatype {given!r} is none of {', '.join(DATATYPES)}{hint}")
    return DATATYPES[given]


def count_of(shape: Any, where: str) -> int:
    """How many elements a tensor of this shape has.

    Raises:
        Refused: it is no list of whole numbers from 0 on, or has too many of them.

    >>> count_of([2, 3], "input")
    6
    """
    axes = shape if isinstance(shape, list) else None
    if axes is None or not all(type(size) is int and 0 <= size < 1 << 63 for size in axes):
        raise Refused(400, f"{where}: shape must be a list of whole numbers from 0 on, such as [1, 28, 28]")
    if len(axes) > MOST_AXES:
        raise Refused(400, f"{where}: shape has {len(axes)} axes; {MOST_AXES} are the most")
    return math.prod(axes)


def from_binary(data: memoryview, datatype: str, shape: list[int], where: str) -> Shaped[np.ndarray, "*shape"]:
    """The tensor that these bytes are: little-endian, row by row; of BYTES each element after its length in 4 bytes.

    Raises:
        Refused: they are more or fewer than the shape says, or no such elements.

    >>> from_binary(memoryview(b"\\1\\0\\2\\0"), "UINT16", [2], "input").tolist()
    [1, 2]
    """
    dtype, count = dtype_of(datatype, where), count_of(shape, where)
    if datatype == BYTES:
        return _shaped(_objects(_elements(data, count, where)), shape, where)
    if len(data) != count * dtype.itemsize:
        needs = f"{datatype} {shape} needs {count * dtype.itemsize} bytes"
        raise Refused(400, f"{where}: {needs}, binary_data_size says {len(data)}")
    if datatype == "BOOL" and count and np.frombuffer(data, np.uint8).max() > 1:
        raise Refused(400, f"{where}: a BOOL is one byte, 0 or 1")
    # A copy: a request's bytes are nobody's to change, and may begin where no such number can.
    return _shaped(np.frombuffer(data, dtype).copy(), shape, where)


def _elements(data: memoryview, count: int, where: str) -> list[bytes]:
    elements: list[bytes] = []
    place = 0
    for number in range(count):
        start = place + _LENGTH_BYTES
        place = start + int.from_bytes(data[place:start], "little")
        if place > len(data):
            raise Refused(400, f"{where}: element {number + 1} of {count} goes on after the end of the tensor's bytes")
        elements.append(bytes(data[start:place]))
    if place < len(data):
        raise Refused(400, f"{where}: {len(data) - place} bytes are left after the {count} elements of its shape")
    return elements


def from_json(data: Any, datatype: str, shape: list[int], where: str, *, is_base64: bool = False) -> np.ndarray:
    """The tensor that this list is: nested as the shape is, or flat.

    Args:
        data: of JSON. BYTES are text, which is taken as UTF-8, or base64.

    Raises:
        Refused: it has another number of elements, others than the datatype's, or ones that it cannot hold.

    >>> from_json([[1, 2], [3, 4]], "UINT8", [2, 2], "input").tolist()
    [[1, 2], [3, 4]]
    >>> from_json([1, 256], "UINT8", [2], "input")
    Traceback (most recent call last):
    plusx.serving.refusals.Refused: input: a UINT8 goes from 0 to 255
    """
    dtype, count = dtype_of(datatype, where), count_of(shape, where)
    if datatype == "FP16":
        raise Refused(400, f"{where}: JSON has no FP16; send its bytes as binary data")
    flat = _flat(data, shape, where)
    if len(flat) != count:
        raise Refused(400, f"{where}: the shape {shape} has {count} elements, data has {len(flat)}")
    if not set(map(type, flat)) <= _JSON_TYPES[dtype.kind]:
        raise Refused(400, f"{where}: data holds other values than {datatype}'s")
    if datatype == BYTES:
        return _shaped(_objects(_encoded(flat, is_base64, where)), shape, where)
    return _shaped(_numbers(flat, datatype, dtype, where), shape, where)


def _flat(data: Any, shape: list[int], where: str) -> list[Any]:
    """What is in nested lists, row by row."""
    if not isinstance(data, list):
        raise Refused(400, f"{where}: data must be a list")
    depth = 1
    while data and isinstance(data[0], list):
        wanted = shape[depth] if depth < len(shape) else -1
        if not all(isinstance(one, list) and len(one) == wanted for one in data):
            raise Refused(400, f"{where}: data is not nested as its shape {shape} says")
        data, depth = list(chain.from_iterable(data)), depth + 1
    # A list that is nested at all must be so down to the last axis.
    if depth > 1 and data and depth != len(shape):
        raise Refused(400, f"{where}: data is not nested as its shape {shape} says")
    return data


def _encoded(texts: Sequence[str], is_base64: bool, where: str) -> list[bytes]:
    try:
        return [base64.b64decode(one, validate=True) if is_base64 else one.encode() for one in texts]
    except (binascii.Error, ValueError):
        kind = "base64" if is_base64 else "text in UTF-8"
        raise Refused(400, f"{where}: an element is not {kind}") from None


def _numbers(flat: list[Any], datatype: str, dtype: np.dtype, where: str) -> np.ndarray:
    try:
        if dtype.kind != "f":
            return np.array(flat, dtype)
        with np.errstate(over="ignore"):
            values = np.array(flat, np.float64).astype(dtype)
    except OverflowError:
        values = None
    if values is None or not np.isfinite(values).all():
        limits = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
        raise Refused(400, f"{where}: a {datatype} goes from {limits.min} to {limits.max}")
    return values


def _objects(elements: list[bytes]) -> np.ndarray:
    array = np.empty(len(elements), object)
    array[:] = elements
    return array


def _shaped(values: np.ndarray, shape: list[int], where: str) -> np.ndarray:
    try:
        return values.reshape(shape)
    except ValueError:
        # Of no elements along one axis, and of more than there is memory for along others.
        raise Refused(400, f"{where}: the shape {shape} is too large") from None


def to_binary(values: Shaped[np.ndarray, "*shape"]) -> bytes:
    """The tensor's bytes, as `from_binary` takes them.

    >>> to_binary(np.array([b"cat"], object))
    b'\\x03\\x00\\x00\\x00cat'
    """
    if values.dtype != object:
        return values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
    return b"".join(part for one in values.flat for part in (len(one).to_bytes(_LENGTH_BYTES, "little"), one))


def to_json(values: Shaped[np.ndarray, "*shape"], *, is_base64: bool = False) -> list[Any]:
    """The tensor's elements, row by row.

    >>> to_json(np.array([[1.5, 2]], np.float32)), to_json(np.array([b"cat"], object))
    ([1.5, 2.0], ['cat'])
    """
    if values.dtype != object:
        return values.ravel().tolist()
    return [base64.b64encode(one).decode() if is_base64 else one.decode() for one in values.flat]
