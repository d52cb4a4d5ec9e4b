"""Tensors in both forms, held against the encoder and decoder of `tritonclient`."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from plusx.serving.refusals import Refused
from plusx.serving.v2.responses import Given, write_response
from plusx.serving.v2.tensors import DATATYPES, count_of, dtype_of, from_binary, from_json, to_binary, to_json

triton = pytest.importorskip(
    "tritonclient.http", reason="tritonclient is not installed: pip install tritonclient[http]"
)

SHAPES = hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4)


def numbers(datatype: str, finite: bool = False) -> st.SearchStrategy[np.ndarray]:
    plain = {"allow_nan": False, "allow_infinity": False} if finite and "FP" in datatype else {}
    return hnp.arrays(DATATYPES[datatype], SHAPES, elements=plain or None)


@st.composite
def elements(draw: st.DrawFn, one: st.SearchStrategy[bytes]) -> np.ndarray:
    shape = draw(SHAPES)
    array = np.empty(shape, object)
    for place in np.ndindex(*shape):
        array[place] = draw(one)
    return array


TEXTS = elements(st.text(st.characters(codec="utf-8"), max_size=9).map(str.encode))
ANY = st.sampled_from(sorted(DATATYPES)).flatmap(
    lambda datatype: st.tuples(
        st.just(datatype), elements(st.binary(max_size=9)) if datatype == "BYTES" else numbers(datatype)
    )
)
IN_JSON = st.sampled_from(sorted(DATATYPES.keys() - {"FP16"})).flatmap(
    lambda datatype: st.tuples(st.just(datatype), TEXTS if datatype == "BYTES" else numbers(datatype, finite=True))
)


def same(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and one.dtype == other.dtype and one.tolist() == other.tolist()


@given(ANY)
def test_what_tritonclient_sends_as_bytes_is_read_and_written_the_same(one: tuple[str, np.ndarray]) -> None:
    datatype, array = one
    sent = triton.InferInput("input", list(array.shape), datatype).set_data_from_numpy(array)._get_binary_data()
    read = from_binary(memoryview(sent), datatype, list(array.shape), "input")
    assert read.shape == array.shape
    assert read.dtype == array.dtype
    # Of numbers, so that NaN is NaN.
    np.testing.assert_array_equal(read, array)
    assert to_binary(array) == to_binary(read) == sent


@given(IN_JSON)
def test_what_tritonclient_sends_in_json_is_read_and_written_the_same(one: tuple[str, np.ndarray]) -> None:
    datatype, array = one
    sent = triton.InferInput("input", list(array.shape), datatype).set_data_from_numpy(array, binary_data=False)
    data = sent._get_tensor()["data"]
    assert same(from_json(data, datatype, list(array.shape), "input"), array)
    assert to_json(array) == data


@given(IN_JSON)
def test_nested_lists_are_the_same_as_flat_ones(one: tuple[str, np.ndarray]) -> None:
    datatype, array = one
    nested = np.vectorize(bytes.decode, otypes=[object])(array).tolist() if datatype == "BYTES" else array.tolist()
    assert same(from_json(nested, datatype, list(array.shape), "input"), array)


@given(elements(st.binary(max_size=9)))
def test_base64_holds_any_bytes(array: np.ndarray) -> None:
    sent = to_json(array, is_base64=True)
    assert same(from_json(sent, "BYTES", list(array.shape), "input", is_base64=True), array)


@given(st.lists(ANY, max_size=4), st.data())
def test_tritonclient_reads_what_is_written(several: list[tuple[str, np.ndarray]], data: st.DataObject) -> None:
    outputs = [
        Given(f"output-{place}", array, datatype == "FP16" or data.draw(st.booleans()), datatype != "BYTES")
        for place, (datatype, array) in enumerate(several)
    ]
    body, headers = write_response({"model_name": "digits"}, outputs)
    length = headers.get("Inference-Header-Content-Length")
    read = triton.InferenceServerClient.parse_response_body(body, header_length=length and int(length))
    assert read.get_response()["model_name"] == "digits"
    for name, values, binary, is_text in outputs:
        found = read.as_numpy(name)
        assert found is not None
        if is_text or binary:
            # What JSON cannot say is null there, which is read as NaN.
            finite = values.dtype.kind != "f" or binary
            expected = values if finite else np.where(np.isfinite(values), values, np.nan)
            np.testing.assert_array_equal(found, expected)
        else:
            assert read.get_output(name)["parameters"] == {"content_type": "base64"}


Wrong = tuple[Callable[[], Any], str]
WRONG: dict[str, Wrong] = {
    "too few bytes": (lambda: binary(b"\0" * 3, "FP32", [1]), "FP32 [1] needs 4 bytes, binary_data_size says 3"),
    "too many bytes": (lambda: binary(b"\0" * 5, "UINT8", [4]), "UINT8 [4] needs 4 bytes, binary_data_size says 5"),
    "no boolean": (lambda: binary(b"\2", "BOOL", [1]), "a BOOL is one byte, 0 or 1"),
    "an element's length cut": (lambda: binary(b"\1\0", "BYTES", [1]), "element 1 of 1 goes on after the end"),
    "an element cut": (lambda: binary(b"\4\0\0\0cat", "BYTES", [1]), "element 1 of 1 goes on after the end"),
    "an element of 4 GB": (lambda: binary(b"\xff" * 8, "BYTES", [1]), "element 1 of 1 goes on after the end"),
    "one element more": (lambda: binary(b"\0" * 8, "BYTES", [1]), "4 bytes are left after the 1 elements"),
    "one element less": (lambda: binary(b"\0" * 4, "BYTES", [2]), "element 2 of 2 goes on after the end"),
    "an unknown type": (lambda: dtype_of("INT7", "input"), "datatype 'INT7' is none of BOOL, UINT8"),
    "a type that is no text": (lambda: dtype_of(["INT8"], "input"), "datatype '' is none of BOOL, UINT8"),
    "a negative size": (lambda: count_of([2, -1], "input"), "shape must be a list of whole numbers"),
    "a size that is no number": (lambda: count_of([True], "input"), "shape must be a list of whole numbers"),
    "a size with a comma": (lambda: count_of([1.0], "input"), "shape must be a list of whole numbers"),
    "a huge size": (lambda: count_of([1 << 63], "input"), "shape must be a list of whole numbers"),
    "no shape": (lambda: count_of(None, "input"), "shape must be a list of whole numbers"),
    "many axes": (lambda: count_of([1] * 17, "input"), "shape has 17 axes; 16 are the most"),
    "sizes whose product is huge": (lambda: binary(b"", "FP32", [1 << 62, 1 << 62]), "needs"),
    "none of a huge kind": (lambda: binary(b"", "FP32", [0, 1 << 62, 1 << 62]), "is too large"),
    "no list": (lambda: json_data("1", "INT8", [1]), "data must be a list"),
    "too few": (lambda: json_data([1], "INT8", [2]), "the shape [2] has 2 elements, data has 1"),
    "far too few": (lambda: json_data([1], "INT8", [1 << 40]), "has 1099511627776 elements, data has 1"),
    "ragged": (lambda: json_data([[1, 2], [3]], "INT8", [2, 2]), "data is not nested as its shape [2, 2] says"),
    "half nested": (lambda: json_data([[1, 2, 3, 4]], "INT8", [1, 2, 2]), "data is not nested as its shape"),
    "nested otherwise": (lambda: json_data([[1, 2, 3], [4, 5, 6]], "INT8", [3, 2]), "data is not nested as its shape"),
    "nested too deep": (lambda: json_data([[[1]]], "INT8", [1, 1]), "data is not nested as its shape [1, 1] says"),
    "lists and numbers": (lambda: json_data([[1], 2], "INT8", [2, 1]), "data is not nested as its shape [2, 1] says"),
    "numbers and lists": (lambda: json_data([1, [2]], "INT8", [2]), "data holds other values than INT8's"),
    "objects": (lambda: json_data([{}], "FP32", [1]), "data holds other values than FP32's"),
    "null": (lambda: json_data([None], "FP32", [1]), "data holds other values than FP32's"),
    "a fraction": (lambda: json_data([1.0], "INT8", [1]), "data holds other values than INT8's"),
    "a boolean among numbers": (lambda: json_data([1, True], "INT8", [2]), "data holds other values than INT8's"),
    "a number among booleans": (lambda: json_data([True, 1], "BOOL", [2]), "data holds other values than BOOL's"),
    "a number as text": (lambda: json_data(["1"], "INT8", [1]), "data holds other values than INT8's"),
    "too large": (lambda: json_data([256], "UINT8", [1]), "a UINT8 goes from 0 to 255"),
    "negative": (lambda: json_data([-1], "UINT64", [1]), "a UINT64 goes from 0 to 18446744073709551615"),
    "far too large": (lambda: json_data([10**400], "FP64", [1]), "a FP64 goes from -1.797"),
    "no float32": (lambda: json_data([1e39], "FP32", [1]), "a FP32 goes from -3.402"),
    "half": (lambda: json_data([1.0], "FP16", [1]), "JSON has no FP16; send its bytes as binary data"),
    "no base64": (lambda: json_data(["a"], "BYTES", [1], is_base64=True), "an element is not base64"),
    "half a character": (lambda: json_data(["\ud800"], "BYTES", [1]), "an element is not text in UTF-8"),
}


def binary(data: bytes, datatype: str, shape: list[int]) -> np.ndarray:
    return from_binary(memoryview(data), datatype, shape, "input")


def json_data(data: Any, datatype: str, shape: list[int], is_base64: bool = False) -> np.ndarray:
    return from_json(data, datatype, shape, "input", is_base64=is_base64)


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_in_one_line(name: str) -> None:
    read, said = WRONG[name]
    with pytest.raises(Refused, match=re.escape(said)) as refused:
        read()
    assert refused.value.status == 400
    assert str(refused.value).startswith("input: ")
    assert "\n" not in str(refused.value)


@given(st.binary(max_size=40), st.sampled_from(sorted(DATATYPES)), st.lists(st.integers(0, 4), max_size=3))
def test_any_bytes_are_read_or_refused(data: bytes, datatype: str, shape: list[int]) -> None:
    try:
        read = binary(data, datatype, shape)
    except Refused:
        return
    assert to_binary(read) == data


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=9,
)


@given(JSON, st.sampled_from(sorted(DATATYPES)), st.lists(st.integers(0, 3), max_size=3), st.booleans())
def test_any_json_is_read_or_refused(data: Any, datatype: str, shape: list[int], is_base64: bool) -> None:
    try:
        read = json_data(data, datatype, shape, is_base64)
    except Refused:
        return
    assert read.shape == tuple(shape)
    assert read.dtype == DATATYPES[datatype]
