"""What a request's body asks, held against the bodies that `tritonclient` makes."""

import json
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plusx.serving.refusals import Refused
from plusx.serving.v2.requests import InferRequest, Taken, Wanted, read_request

triton = pytest.importorskip(
    "tritonclient.http", reason="tritonclient is not installed: pip install tritonclient[http]"
)

TAKEN = Taken(4, "UINT8", (1, 2, 2))


def read(inputs: list[Any], outputs: list[Any] | None = None, **options: Any) -> InferRequest:
    """What is read of what tritonclient sends."""
    body, length = triton.InferenceServerClient.generate_request_body(inputs, outputs=outputs, **options)
    return read_request(body, None if length is None else str(length), TAKEN)


def tensor(values: np.ndarray, datatype: str, binary: bool = True) -> Any:
    return triton.InferInput("input", list(values.shape), datatype).set_data_from_numpy(values, binary_data=binary)


@pytest.mark.parametrize("in_bytes", [True, False])
def test_raw_tensors(in_bytes: bool) -> None:
    values = np.arange(8, dtype=np.uint8).reshape(2, 1, 2, 2)
    asked = read([tensor(values, "UINT8", in_bytes)])
    assert asked.values.tolist() == values.tolist()
    assert asked.values.flags.writeable
    assert (asked.id, asked.outputs, asked.binary, asked.top) == (None, None, True, 5)


@pytest.mark.parametrize("in_bytes", [True, False])
def test_files(in_bytes: bool) -> None:
    files = np.array([b"one", "zwölf".encode()], object)
    asked = read([tensor(files, "BYTES", in_bytes)], request_id="7", parameters={"top": 3})
    assert asked.values.tolist() == files.tolist()
    assert (asked.id, asked.top) == ("7", 3)


def test_outputs_say_their_form_each() -> None:
    outputs = [
        triton.InferRequestedOutput("answer"),
        triton.InferRequestedOutput("label", binary_data=False),
        triton.InferRequestedOutput("outputs", class_count=2),
    ]
    asked = read([tensor(np.array([b"one"], object), "BYTES")], outputs)
    assert asked.outputs == (Wanted("answer", True), Wanted("label", False), Wanted("outputs", True, 2))


def test_a_whole_requests_form_is_the_one_of_outputs_that_say_none() -> None:
    body = whole(outputs=[{"name": "answer"}, {"name": "label", "parameters": {"binary_data": False}}])
    body["parameters"] = {"binary_data_output": True}
    assert read_request(json.dumps(body).encode(), None, TAKEN).outputs == (
        Wanted("answer", True),
        Wanted("label", False),
    )


def whole(one: dict[str, Any] | None = None, **others: Any) -> dict[str, Any]:
    given = {"name": "input", "shape": [1], "datatype": "BYTES", "data": ["a"], **(one or {})}
    return {"inputs": [given], **others}


BIG = {"datatype": "UINT8", "shape": [5, 1, 2, 2], "data": [0] * 20}
WRONG: dict[str, tuple[Any, int, str]] = {
    "a list": ([], 400, "the request: it must be a JSON object"),
    "no inputs": ({}, 400, "inputs: send one, 'input', of BYTES [-1] or UINT8 [-1, 1, 2, 2]"),
    "two inputs": ({"inputs": [{}, {}]}, 400, "inputs: send one, 'input'"),
    "another input": (whole({"name": "picture"}), 400, "inputs: there is no 'picture'; the model's input is 'input'"),
    "an input without a name": (whole({"name": None}), 400, "inputs: there is no one without a name"),
    "another datatype": (whole({"datatype": "INT8"}), 400, "input: INT8 [1] is not taken; send BYTES [-1] or UINT8"),
    "another shape": (whole({"datatype": "UINT8", "shape": [1, 1, 3, 3]}), 400, "input: UINT8 [1, 1, 3, 3] is not"),
    "files in two axes": (whole({"shape": [1, 1]}), 400, "input: BYTES [1, 1] is not taken"),
    "one number": (whole({"datatype": "UINT8", "shape": []}), 400, "input: UINT8 [] is not taken"),
    "no example": (whole({"shape": [0], "data": []}), 400, "input: the request holds no example"),
    "too many": (whole(BIG), 413, "input: the request holds more than 4 inputs; send several requests"),
    "both forms": (whole({"parameters": {"binary_data_size": 0}}), 400, "input: send data, or binary_data_size"),
    "shared memory": (whole({"parameters": {"shared_memory_region": "a"}}), 400, "input: there is no shared memory"),
    "parameters in a list": (whole(parameters=[1]), 400, "the request: parameters: it must be a JSON object"),
    "a sequence": (whole(parameters={"sequence_id": 1}), 400, "parameters: there are no sequences here"),
    "no boolean": (whole(parameters={"binary_data_output": 1}), 400, "binary_data_output must be true or false"),
    "a large top": (whole(parameters={"top": 1001}), 400, "parameters: top goes from 1 to 1000"),
    "a number as id": (whole(id=7), 400, "the request: id must be text"),
    "outputs in an object": (whole(outputs={"name": "a"}), 400, "the request: outputs must be a list"),
    "an output twice": (whole(outputs=[{"name": "a"}, {"name": "a"}]), 400, "outputs: one is asked for twice"),
    "an output in shared memory": (
        whole(outputs=[{"name": "a", "parameters": {"shared_memory_region": "b"}}]),
        400,
        "outputs: a: there is no shared memory here",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_in_one_line(name: str) -> None:
    body, status, said = WRONG[name]
    refused(json.dumps(body).encode(), None, status, said)


@pytest.mark.parametrize(
    ("body", "length", "said"),
    [
        (b"", None, "the request is no JSON"),
        (b"\xff\xd8\xff", None, "the request is no JSON"),
        (b"[" * 100_000, None, "the request is no JSON"),
        (b'{"inputs": [NaN]}', None, "the request is no JSON"),
        (b"{}", "3", "Inference-Header-Content-Length: '3' is no length within a body of 2 bytes"),
        (b"{}", "-1", "Inference-Header-Content-Length: '-1' is no length"),
        (b"{}", "1_0", "Inference-Header-Content-Length: '1_0' is no length"),
        (b"{}", "\u0661", "Inference-Header-Content-Length: '\u0661' is no length"),
        (b"{}", "9" * 5000, "is no length"),
        (b"{} ", "2", "inputs: send one"),
    ],
)
def test_bodies_that_are_none(body: bytes, length: str | None, said: str) -> None:
    refused(body, length, 400, said)


def test_bytes_that_nobody_asked_for_are_refused() -> None:
    text = json.dumps(whole()).encode()
    refused(text + b"\0", str(len(text)), 400, "1 bytes come after the JSON, and no input says that they are its")
    sized = {"parameters": {"binary_data_size": 5}}
    text = json.dumps({"inputs": [{"name": "input", "shape": [1], "datatype": "BYTES", **sized}]}).encode()
    for after, count in ((b"\1\0\0\0a\0", 6), (b"\1\0\0\0", 4)):
        refused(text + after, str(len(text)), 400, f"binary_data_size is 5, and {count} bytes come after the JSON")
    assert read_request(text + b"\1\0\0\0a", str(len(text)), TAKEN).values.tolist() == [b"a"]


@pytest.mark.parametrize("size", [-1, 1 << 70, 5.0, True, "5", []])
def test_a_size_is_a_whole_number(size: Any) -> None:
    given = {"name": "input", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": size}}
    text = json.dumps({"inputs": [given]}).encode()
    refused(text + b"\1\0\0\0a", str(len(text)), 400, "input: binary_data_size is ")


def test_long_json_is_refused_before_it_is_read() -> None:
    refused(b" " * ((8 << 20) + 1), None, 413, "the JSON is longer than 8 MiB; send tensors as binary data")


def test_long_names_are_not_said_back() -> None:
    for body in (whole({"name": "n" * 10_000}), whole({"datatype": "d" * 10_000})):
        with pytest.raises(Refused) as found:
            read_request(json.dumps(body).encode(), None, TAKEN)
        assert len(str(found.value)) < 300


def test_base64_is_a_content_type() -> None:
    body = whole({"parameters": {"content_type": "base64"}, "data": ["/9j/"]})
    assert read_request(json.dumps(body).encode(), None, TAKEN).values.tolist() == [b"\xff\xd8\xff"]


def refused(body: bytes, length: str | None, status: int, said: str) -> None:
    with pytest.raises(Refused, match=re.escape(said)) as found:
        read_request(body, length, TAKEN)
    assert found.value.status == status
    assert "\n" not in str(found.value)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=6,
)
NEAR = st.fixed_dictionaries(
    {},
    optional={
        "id": VALUES,
        "parameters": st.fixed_dictionaries({}, optional={"binary_data_output": VALUES, "top": VALUES}) | VALUES,
        "inputs": st.lists(
            st.fixed_dictionaries(
                {"name": st.just("input")},
                optional={
                    "shape": st.lists(st.integers(-1, 3) | VALUES, max_size=4) | VALUES,
                    "datatype": st.sampled_from(["BYTES", "UINT8"]) | VALUES,
                    "data": VALUES,
                    "parameters": st.fixed_dictionaries({}, optional={"binary_data_size": VALUES}) | VALUES,
                },
            ),
            max_size=2,
        )
        | VALUES,
        "outputs": st.lists(st.fixed_dictionaries({"name": VALUES}, optional={"parameters": VALUES})) | VALUES,
    },
)


@given(NEAR | VALUES, st.binary(max_size=9), st.none() | st.text(max_size=3), st.booleans())
def test_any_body_is_read_or_refused(body: Any, after: bytes, length: str | None, right: bool) -> None:
    text = json.dumps(body).encode()
    try:
        asked = read_request(text + after, str(len(text)) if right else length, TAKEN)
    except Refused:
        return
    assert 1 <= len(asked.values) <= TAKEN.most
