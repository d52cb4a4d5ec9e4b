"""Named arrays to safetensors bytes and back."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from plusx.archive.refusal import MAKE_AGAIN, refusal

# float64 is left out on purpose: no network here needs it, and it would double the file unnoticed.
STORED_TYPES = frozenset(
    ["float32", "float16", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
)

_LENGTH_BYTES = 8
_MAX_HEADER_BYTES = 100_000_000


def array_bytes(path: Path, member: str, arrays: Mapping[str, np.ndarray]) -> bytes:
    """Arrays of any shapes as safetensors; equal arrays give equal bytes, in whatever order they are named.

    `path` and `member` say what is being written.

    Raises:
        BadArchive: a type outside `STORED_TYPES`, or a name safetensors cannot hold.

    >>> data = array_bytes(Path("cat.plusx"), "weights.safetensors", {"bias": np.ones(2, np.float32)})
    >>> arrays_from(Path("cat.plusx"), "weights.safetensors", data)
    {'bias': array([1., 1.], dtype=float32)}
    """
    for name, array in arrays.items():
        _check_type(path, member, name, array)
    if "__metadata__" in arrays:
        raise refusal(path, f"{member} cannot hold an array named '__metadata__'", "give it another name")
    try:
        # The library reads an array's memory from its first byte on: a view with strides must be copied.
        data = save({name: np.asarray(array, order="C") for name, array in arrays.items()})
    except UnicodeEncodeError as error:
        raise refusal(path, f"{member} cannot hold an array named {error.object!r}", "name it in UTF-8") from error
    _check_header(path, member, data)
    return data


def arrays_from(path: Path, member: str, data: bytes) -> dict[str, np.ndarray]:
    """The arrays in `data`, the bytes of `member` of the model file `path`: writable copies, of any shapes.

    Raises:
        BadArchive: bytes that are no safetensors, or a type outside `STORED_TYPES`.

    >>> arrays_from(Path("cat.plusx"), "weights.safetensors", b"1234")
    Traceback (most recent call last):
    plusx.archive.refusal.BadArchive: cat.plusx: weights.safetensors is malformed (no header); \
train or export it again with plusx
    """
    _check_header(path, member, data)
    try:
        arrays = load(data)
    except KeyError as error:
        what = f"{member} holds numbers of type {error}, which a model file does not store"
        raise refusal(path, what, MAKE_AGAIN) from error
    except (SafetensorError, ValueError) as error:
        raise refusal(path, f"{member} is malformed ({error})", MAKE_AGAIN) from error
    for name, array in arrays.items():
        _check_type(path, member, name, array)
    return arrays


def _check_header(path: Path, member: str, data: bytes) -> None:
    if len(data) < _LENGTH_BYTES:
        raise refusal(path, f"{member} is malformed (no header)", MAKE_AGAIN)
    declared = int.from_bytes(data[:_LENGTH_BYTES], "little")
    present = len(data) - _LENGTH_BYTES
    if declared > min(present, _MAX_HEADER_BYTES):
        raise refusal(path, f"{member} declares a header of {declared} bytes and has {present}", MAKE_AGAIN)


def _check_type(path: Path, member: str, name: str, array: np.ndarray) -> None:
    if array.dtype.name not in STORED_TYPES:
        what = f"{member} has {name!r} as {array.dtype.name}; a model file stores float32, float16 and integers"
        raise refusal(path, what, "convert it to float32")
