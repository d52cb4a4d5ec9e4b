"""The protocol's addresses, asked without a client's help: what is refused, and how."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from servers import Answer, Running, ask, png, serving, write_model

from plusx.serving.settings import Settings


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "digits.plusx")


@pytest.fixture(scope="module")
def running(model: Path) -> Iterator[Running]:
    with serving(model, settings=Settings(parts=4)) as running:
        yield running


def infer(running: Running, name: str = "digits", **whole: Any) -> Answer:
    given = {"name": "input", "shape": [1], "datatype": "BYTES", "data": [base64.b64encode(png()).decode()]}
    given |= {"parameters": {"content_type": "base64"}}
    return ask(running.port, f"/v2/models/{name}/infer", json.dumps({"inputs": [given], **whole}).encode())


def error(answer: Answer) -> str:
    said = json.loads(answer.body)
    assert said.keys() == {"error"}
    assert answer.headers["content-type"] == "application/json"
    return said["error"]


def test_a_file_alone_is_a_body(running: Running) -> None:
    answer = ask(running.port, "/v2/models/digits/infer", png(), {"Inference-Header-Content-Length": "0"})
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    outputs = {one["name"]: one for one in json.loads(answer.body)["outputs"]}
    row = running.service.model("digits").now.answer(png()).row
    assert json.loads(outputs["answer"]["data"][0]) == row
    assert outputs["label"]["data"] == [row["label"]]
    assert json.loads(infer(running).body)["outputs"] == list(outputs.values())


def test_json_stays_json_where_numbers_are_none(running: Running) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(name)

    files = [base64.b64encode(one).decode() for one in (png(), b"no picture")]
    given = {
        "name": "input",
        "shape": [2],
        "datatype": "BYTES",
        "data": files,
        "parameters": {"content_type": "base64"},
    }
    answer = ask(running.port, "/v2/models/digits/infer", json.dumps({"inputs": [given]}).encode())
    outputs = {one["name"]: one["data"] for one in json.loads(answer.body, parse_constant=refuse)["outputs"]}
    assert outputs["probability"][1] is None
    assert outputs["probabilities"][2:] == [None, None]


def test_an_id_comes_back(running: Running) -> None:
    assert json.loads(infer(running, id="é7").body)["id"] == "é7"
    assert "id" not in json.loads(infer(running).body)


@pytest.mark.parametrize("path", ["/v2/models/digits/infer", "/v2/models/digits/versions/1/infer"])
def test_both_addresses_answer(running: Running, path: str) -> None:
    assert ask(running.port, path, png(), {"Inference-Header-Content-Length": "0"}).status == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("GET", "/v2/models/digit", 404, "no model 'digit'; did you mean digits?; there are digits"),
        ("GET", "/v2/models/digit/ready", 404, "no model 'digit'"),
        ("POST", "/v2/models/digit/infer", 404, "no model 'digit'"),
        ("GET", "/v2/models/digits/versions/2", 404, "digits is at version 1; there is no version '2'"),
        ("GET", "/v2/models/digits/versions/2/ready", 404, "there is no version '2'"),
        ("POST", "/v2/models/digits/versions/2/infer", 404, "there is no version '2'"),
        ("GET", "/v2/models/digits/infer", 404, "GET /v2/models/digits/infer: there is no such address"),
        ("GET", "/v2/models/digits/stats", 404, "GET /v2/models/digits/stats: there is no such address"),
        ("POST", "/v2/systemsharedmemory/region/a/register", 404, "there is no such address"),
        ("POST", "/v2/repository/models/digits/load", 400, "models are neither loaded nor unloaded by request"),
        ("POST", "/v2/repository/models/digits/unload", 400, "models are neither loaded nor unloaded by request"),
        ("POST", "/v2/models/digits/infer", 400, "the request is no JSON"),
    ],
)
def test_what_is_refused_says_why(running: Running, method: str, path: str, status: int, said: str) -> None:
    answer = ask(running.port, path, b"" if method == "POST" else None, method=method)
    assert answer.status == status
    assert said in error(answer)


def test_more_inputs_than_are_taken(running: Running) -> None:
    given = {"name": "input", "shape": [5], "datatype": "BYTES", "data": ["a"] * 5}
    answer = ask(running.port, "/v2/models/digits/infer", json.dumps({"inputs": [given]}).encode())
    assert answer.status == 413
    assert error(answer) == "input: the request holds more than 4 inputs; send several requests"


def test_one_too_many_is_told_when_to_ask_again(running: Running) -> None:
    admission = running.service.admission
    inside = [admission.__enter__() for _ in range(admission.most)]
    try:
        answer = infer(running)
    finally:
        for _ in inside:
            admission.__exit__(None, None, None)
    assert answer.status == 429
    assert int(answer.headers["retry-after"]) >= 1
    assert "as many requests as are allowed wait already" in error(answer)
    assert infer(running).status == 200


@pytest.mark.parametrize("parts", [{}, {"outputs": [{"name": "outputs"}]}])
def test_what_takes_too_long_is_told_so(model: Path, parts: dict[str, Any]) -> None:
    with serving(model, settings=Settings(timeout_s=1e-6)) as running:
        tensor = {"name": "input", "shape": [1, 1, 8, 8], "datatype": "UINT8", "data": [0] * 64}
        late = ask(running.port, "/v2/models/digits/infer", json.dumps({"inputs": [tensor], **parts}).encode())
        for answer in (late, infer(running, **parts)):
            assert answer.status == 504
            assert "not ready in the time" in error(answer)
        assert running.service.admission.inside == 0


def test_a_server_that_is_to_stop_is_ready_for_no_more(running: Running) -> None:
    paths = ["/v2/health/ready", "/v2/models/digits/ready", "/v2/models/digits/versions/1/ready"]
    assert [ask(running.port, path).status for path in paths] == [200] * 3
    running.service.draining = True
    try:
        refused = [ask(running.port, path) for path in paths]
        assert [one.status for one in refused] == [503] * 3
        assert all(json.loads(one.body)["ready"] is False for one in refused)
        assert ask(running.port, "/v2/health/live").status == 200
    finally:
        running.service.draining = False


def test_long_json_is_read_and_written_too(running: Running) -> None:
    tensor = {"name": "input", "shape": [4, 1, 8, 8], "datatype": "UINT8", "data": [0] * 256}
    body = json.dumps({"inputs": [tensor]}).encode()
    short = ask(running.port, "/v2/models/digits/infer", body)
    long = ask(running.port, "/v2/models/digits/infer", body + b" " * 100_000)
    assert short.status == long.status == 200
    assert short.body == long.body


def test_the_protocol_is_on_the_page_of_addresses(running: Running) -> None:
    paths = json.loads(ask(running.port, "/openapi.json").body)["paths"]
    assert "application/octet-stream" in paths["/v2/models/{name}/infer"]["post"]["requestBody"]["content"]
    assert {"/v2", "/v2/health/live", "/v2/health/ready", "/v2/repository/index"} <= paths.keys()
