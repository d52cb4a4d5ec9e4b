"""The way past FastAPI's routing: the same addresses, the same answers."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from servers import png, write_model

from plusx.serving.app import create_app
from plusx.serving.direct import Direct
from plusx.serving.service import Service
from plusx.serving.settings import Settings

NOT_OF_THE_ANSWER = (b"x-request-id",)


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service({"digits": write_model(tmp_path / "digits.plusx")}, "torch", Settings(reload_s=0))


def direct_and_routed(service: Service) -> tuple[FastAPI, FastAPI]:
    """The application, and as FastAPI alone routes it."""
    routed = create_app(service)
    routed.user_middleware = [one for one in routed.user_middleware if one.cls is not Direct]
    return create_app(service), routed


def ways_of(app: FastAPI) -> list[str]:
    middleware = next(one for one in app.user_middleware if one.cls is Direct)
    return [way.path for way in middleware.kwargs["ways"]]


def asked(app: FastAPI, target: str, body: bytes) -> tuple[int, dict[bytes, bytes], Any]:
    """(status, headers, JSON) of a POST."""
    path, _, query = target.partition("?")
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http"}
    scope |= {"path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": ""}
    scope |= {"headers": [(b"host", b"localhost")], "client": ("127.0.0.1", 1), "server": ("localhost", 80)}
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    headers = {name: value for name, value in sent[0]["headers"] if name not in NOT_OF_THE_ANSWER}
    return sent[0]["status"], headers, json.loads(b"".join(one.get("body", b"") for one in sent))


def test_each_way_is_in_the_openapi_document(service: Service) -> None:
    app = create_app(service)
    described = app.openapi()["paths"]
    assert ways_of(app)
    assert all("post" in described[path] for path in ways_of(app))


@pytest.mark.parametrize("name", ["digits", "none"])
@pytest.mark.parametrize("body", [b"", b"{}", b"no json"])
def test_wrong_requests_are_told_the_same(service: Service, name: str, body: bytes) -> None:
    direct, routed = direct_and_routed(service)
    for path in ways_of(direct):
        one, other = (asked(app, path.format(name=name, version="1"), body) for app in (direct, routed))
        if one[0] != 200:
            assert one == other


def test_right_ones_get_the_same_answer(service: Service) -> None:
    direct, routed = direct_and_routed(service)
    for path in ways_of(direct):
        target, body = path.format(name="digits", version="1"), png(3)
        if "/v2/" in path:
            values = {"name": "input", "shape": [1, 1, 8, 8], "datatype": "UINT8", "data": [7] * 64}
            body = json.dumps({"inputs": [values]}).encode()
        one, other = (asked(app, target, body) for app in (direct, routed))
        assert one[0] == other[0] == 200
        assert {**one[2], "duration_ms": 0} == {**other[2], "duration_ms": 0}


def test_other_addresses_are_told_in_the_same_form(service: Service) -> None:
    told = {"error": "POST /nothing: there is no such address; /docs lists those there are"}
    assert asked(create_app(service), "/nothing", b"")[::2] == (404, told)
    assert asked(create_app(service), "/metrics", b"")[::2] == (405, {"error": "POST /metrics: Method Not Allowed"})
