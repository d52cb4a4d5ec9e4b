"""A body and its headers -> what is asked, or why it is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from pydantic_core import from_json as parsed

from plusx.serving.limits import check_json
from plusx.serving.refusals import Refused
from plusx.serving.settings import Settings
from plusx.serving.v2.tensors import BYTES, SHOWN, count_of, dtype_of, from_binary, from_json

JSON_LENGTH = "Inference-Header-Content-Length"
MOST_JSON_BYTES = 8 << 20
"""Numbers in JSON keep all of Python busy while they are read, 8 MiB of them for a third of a second."""
INPUT = "input"
BASE64 = {"content_type": "base64"}
"""The parameters of a tensor of BYTES whose elements are base64 in JSON."""
MOST_TOP = 1000


class Wanted(NamedTuple):
    """An output that is asked for.

    Args:
        name: of it.
        binary: whether as bytes; else in JSON.
        classes: so many of the highest values as text, `value:place:label`; 0: the values themselves.
    """

    name: str
    binary: bool
    classes: int = 0


@dataclass(frozen=True)
class InferRequest:
    """What is asked.

    Args:
        values: the input: BYTES, or a tensor as the network takes it; along its first axis one example after another.
        id: what is sent back with the answer.
        outputs: those that are asked for; None: the usual ones.
        binary: whether the usual outputs are sent as bytes.
        top: how many of the likeliest labels an answer lists.
    """

    values: np.ndarray
    id: str | None = None
    outputs: tuple[Wanted, ...] | None = None
    binary: bool = False
    top: int = 5


class Taken(NamedTuple):
    """What a model takes.

    Args:
        most: examples in a request.
        datatype: of a tensor as the network takes it.
        shape: of one example of it.
        json_values: in a request's JSON.
    """

    most: int
    datatype: str
    shape: tuple[int, ...]
    json_values: int = Settings.json_values

    @property
    def words(self) -> str:
        """What a person is told of it.

        >>> Taken(8, "UINT8", (1, 28, 28)).words
        'BYTES [-1] or UINT8 [-1, 1, 28, 28]'
        """
        return f"{BYTES} [-1] or {self.datatype} {[-1, *self.shape]}"


def read_request(body: bytes, json_length: str | None, taken: Taken) -> InferRequest:
    """What a body asks.

    Args:
        body: JSON, and after it the bytes of the input where they are no part of it. Or, where `json_length` is 0, one
            example's bytes and nothing else.
        json_length: the header `Inference-Header-Content-Length`: so many bytes of the body are JSON; None: all.

    Raises:
        Refused: it is no such request.

    >>> taken = Taken(8, "UINT8", (1, 2, 2))
    >>> read_request(b"the file's bytes", "0", taken).values.tolist()
    [b"the file's bytes"]
    """
    length = _length(json_length, len(body))
    if length == 0 and json_length is not None:
        return InferRequest(_of_one(body))
    if length > MOST_JSON_BYTES:
        raise Refused(413, f"the JSON is longer than {MOST_JSON_BYTES >> 20} MiB; send tensors as binary data")
    check_json(body[:length], taken.json_values)
    try:
        asked = parsed(body[:length], allow_inf_nan=False)
    except ValueError as error:
        raise Refused(400, f"the request is no JSON: {error}") from None
    whole = _object(asked, "the request")
    parameters = _parameters(whole, "the request")
    if "sequence_id" in parameters:
        raise Refused(400, "parameters: there are no sequences here; leave sequence_id out")
    return InferRequest(
        values=_input(whole, memoryview(body)[length:], taken),
        id=_optional(whole, "id", str, None, "the request"),
        outputs=_outputs(whole, parameters),
        binary=_optional(parameters, "binary_data_output", bool, False, "parameters"),
        top=_within(parameters, "top", 5, 1, MOST_TOP, "parameters"),
    )


def _length(given: str | None, size: int) -> int:
    if given is None:
        return size
    # Python's int takes more than digits: signs, underscores, other scripts' digits.
    length = int(given) if given.isascii() and given.isdigit() and len(given) < 20 else -1
    if not 0 <= length <= size:
        raise Refused(400, f"{JSON_LENGTH}: {given[:SHOWN]!r} is no length within a body of {size} bytes")
    return length


def _of_one(body: bytes) -> np.ndarray:
    values = np.empty(1, object)
    values[0] = body
    return values


def _input(whole: Mapping[str, Any], binary: memoryview, taken: Taken) -> np.ndarray:
    inputs = whole.get("inputs")
    if not isinstance(inputs, list) or len(inputs) != 1:
        raise Refused(400, f"inputs: send one, {INPUT!r}, of {taken.words}")
    given = _object(inputs[0], "inputs")
    name = given.get("name")
    if name != INPUT:
        said = f"{name[:SHOWN]!r}" if isinstance(name, str) else "one without a name"
        raise Refused(400, f"inputs: there is no {said}; the model's input is {INPUT!r}, of {taken.words}")
    parameters = _parameters(given, INPUT)
    if "shared_memory_region" in parameters:
        raise Refused(400, f"{INPUT}: there is no shared memory here; send the data")
    datatype, shape = given.get("datatype"), given.get("shape")
    dtype_of(datatype, INPUT)
    count_of(shape, INPUT)
    assert isinstance(datatype, str)
    assert isinstance(shape, list)
    _check_kind(datatype, shape, taken)
    size = _size(parameters, given, len(binary))
    if size is not None:
        return from_binary(binary, datatype, shape, INPUT)
    is_base64 = parameters.get("content_type") == BASE64["content_type"]
    return from_json(given["data"], datatype, shape, INPUT, is_base64=is_base64)


def _check_kind(datatype: str, shape: list[int], taken: Taken) -> None:
    """Before any of the data is read, so that what is refused costs nothing."""
    fits = len(shape) == 1 if datatype == BYTES else datatype == taken.datatype and tuple(shape[1:]) == taken.shape
    if not fits or not shape:
        raise Refused(400, f"{INPUT}: {datatype} {shape} is not taken; send {taken.words}")
    if shape[0] == 0:
        raise Refused(400, f"{INPUT}: the request holds no example")
    if shape[0] > taken.most:
        raise Refused(413, f"{INPUT}: the request holds more than {taken.most} inputs; send several requests")


def _size(parameters: Mapping[str, Any], given: Mapping[str, Any], there: int) -> int | None:
    """How many bytes after the JSON are the input's; None where it is in the JSON."""
    size = parameters.get("binary_data_size")
    if (size is None) == ("data" not in given):
        raise Refused(400, f"{INPUT}: send data, or binary_data_size and as many bytes after the JSON")
    if size is not None and (type(size) is not int or size != there):
        said = size if type(size) is int and abs(size) < 1 << 63 else "no whole number"
        raise Refused(400, f"{INPUT}: binary_data_size is {said}, and {there} bytes come after the JSON")
    if size is None and there:
        raise Refused(400, f"{there} bytes come after the JSON, and no input says that they are its")
    return size


def _outputs(whole: Mapping[str, Any], parameters: Mapping[str, Any]) -> tuple[Wanted, ...] | None:
    given = _optional(whole, "outputs", list, None, "the request")
    if not given:
        return None
    usual = _optional(parameters, "binary_data_output", bool, False, "parameters")
    wanted = tuple(_wanted(_object(one, "outputs"), usual) for one in given)
    if len({one.name for one in wanted}) < len(wanted):
        raise Refused(400, "outputs: one is asked for twice")
    return wanted


def _wanted(given: Mapping[str, Any], usual: bool) -> Wanted:
    name = _optional(given, "name", str, "", "outputs")
    where = f"outputs: {name[:SHOWN]}"
    parameters = _parameters(given, where)
    if "shared_memory_region" in parameters:
        raise Refused(400, f"{where}: there is no shared memory here; leave shared_memory_region out")
    classes = _within(parameters, "classification", 0, 0, MOST_TOP, where)
    return Wanted(name, _optional(parameters, "binary_data", bool, usual, where), classes)


def _object(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Refused(400, f"{where}: it must be a JSON object")
    return value


def _parameters(given: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    return _object(given.get("parameters") or {}, f"{where}: parameters")


def _optional(given: Mapping[str, Any], key: str, kind: type, default: Any, where: str) -> Any:
    value = given.get(key)
    if value is None:
        return default
    if type(value) is not kind:
        named = {str: "text", bool: "true or false", int: "a whole number", list: "a list"}[kind]
        raise Refused(400, f"{where}: {key} must be {named}")
    return value


def _within(given: Mapping[str, Any], key: str, default: int, low: int, high: int, where: str) -> int:
    value = _optional(given, key, int, default, where)
    if not low <= value <= high:
        raise Refused(400, f"{where}: {key} goes from {low} to {high}")
    return value
