"""Hostile requests to a real server: bombs of each kind, bodies that are not what they say, and whatever hypothesis and
schemathesis think of. The process lives, its memory comes back, and others are answered meanwhile."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import schemathesis
from attacks import BOMBS, GOOD, SPECS, WRONG, requests, throw, write_models
from hypothesis import HealthCheck, given, settings
from servers import Answer, Running, ask, png, serving

from plusx.serving.settings import Settings


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def running(models: list[Path]) -> Iterator[Running]:
    limits = Settings(body_bytes=8 << 20, head_s=2, body_s=2, pixels=1 << 21, samples=1 << 22, voxels=1 << 20)
    with serving(*models, settings=limits) as running:
        yield running


def row(answer: Answer) -> dict[str, object]:
    assert answer.status == 200, answer.body
    return json.loads(answer.body)["answers"][0]


@pytest.mark.parametrize("name", SPECS)
def test_what_is_good_is_answered(running: Running, name: str) -> None:
    assert row(ask(running.port, f"/models/{name}/predict", GOOD[name]))["error"] is None


def test_bombs_get_their_reasons(running: Running) -> None:
    for name, bomb in BOMBS:
        found = row(ask(running.port, f"/models/{name}/predict", bomb))
        # The first of many frames, and the first words of many, are answered.
        assert (found["error"] is None) == bomb.startswith((b"GIF", b"aaa")), (name, bomb[:20], found)


def test_all_bombs_at_once_leave_room_for_others(running: Running) -> None:
    with ThreadPoolExecutor(12) as pool:
        thrown = [pool.submit(ask, running.port, f"/models/{name}/predict", bomb) for name, bomb in 2 * BOMBS]
        others = [pool.submit(ask, running.port, f"/models/{name}/predict", GOOD[name]) for name in 4 * list(GOOD)]
        assert {one.result().status for one in thrown} <= {200, 429}
        assert {one.result().status for one in others} <= {200, 429}


@pytest.mark.parametrize("case", range(len(WRONG)))
@pytest.mark.parametrize("path", ["/models/picture/predict", "/v2/models/picture/infer"])
def test_what_is_not_what_it_says_is_refused(running: Running, case: int, path: str) -> None:
    headers, body = WRONG[case]
    answer = ask(running.port, path, body, headers)
    assert answer.status < 500
    if answer.status == 200:
        # As the bytes of a file they are answered, with the reason why not.
        assert path.endswith("predict")
        assert all(one["error"] or one["label"] for one in json.loads(answer.body)["answers"])
    else:
        assert set(json.loads(answer.body)) in ({"error"}, {"detail"})


def test_names_that_nobody_would_give(running: Running) -> None:
    for path in (
        "/models/" + "%2e%2e%2f" * 20,
        "/page/..%2f..%2fsettings.py",
        "/page/../app.py",
        "/models/%00/predict",
        "/models/" + "a" * 4000,
        "/v2/models/" + "%F0%9F%98%80" * 100 + "/infer",
        "/predict?top=" + "9" * 4000,
        "/predict?top=-1&top=0&explain=maybe",
        "/models/picture/predict?" + "a=b&" * 1500,
        "//evil.example/",
        "/%",
    ):
        for body in (None, png()):
            assert 200 <= ask(running.port, path, body).status < 500


@given(requests())
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_sent_the_server_does_not_break(running: Running, request_bytes: bytes) -> None:
    assert all(status < 500 or status in (501, 505) for status in throw(running.port, request_bytes))


def test_what_its_description_allows_does_not_break_it(running: Running) -> None:
    described = json.loads(ask(running.port, "/openapi.json").body)
    operations = [found.ok() for found in schemathesis.openapi.from_dict(described).get_all_operations()]
    assert len(operations) > 10
    for operation in operations:
        call_it(operation, running.url, examples=8)


def call_it(operation: schemathesis.APIOperation, url: str, examples: int) -> None:
    @given(operation.as_strategy())
    @settings(max_examples=examples, suppress_health_check=list(HealthCheck), database=None)
    def call(case: schemathesis.Case) -> None:
        response = case.call(base_url=url, timeout=60)
        assert response.status_code < 500, (case.as_curl_command(), response.content)

    call()
