"""Who may ask, and how much a request may bring: the guard around a tiny application, and around a real server."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from servers import Running, ask, png, serving, write_model
from starlette.types import Message, Receive, Scope, Send

from plusx.serving.guard import HEADERS, Guard
from plusx.serving.settings import Settings

SECRET = "a-secret-of-these-tests"
OWN = {"host": "localhost:8000"}


class Got(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes
    pieces: list[int]
    """How long each piece was that the application read."""


def asked(
    settings: Settings | None = None,
    headers: dict[str, str] | list[tuple[str, str]] | None = None,
    path: str = "/predict",
    method: str = "POST",
    pieces: tuple[bytes, ...] = (b"body",),
    stall: bool = False,
    server: str = "127.0.0.1",
    version: str = "1.1",
    app: Callable[[Receive, Send], Any] | None = None,
) -> Got:
    """One request to an application that reads all and answers 200."""
    given = headers.items() if isinstance(headers, dict) else headers or OWN.items()
    scope: Scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "http_version": version,
        "server": (server, 8000),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in given],
    }
    rest = list(pieces)
    sent: list[Message] = []
    read: list[int] = []

    async def receive() -> Message:
        if not rest:
            if stall:
                await asyncio.sleep(60)
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": rest.pop(0), "more_body": bool(rest) or stall}

    async def send(message: Message) -> None:
        sent.append(message)

    async def reading(_: Scope, receive: Receive, send: Send) -> None:
        if app is not None:
            await app(receive, send)
            return
        more = True
        while more:
            message = await receive()
            read.append(len(message["body"]))
            more = message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"fine"})

    asyncio.run(Guard(reading, settings or Settings())(scope, receive, send))
    starts = [message for message in sent if message["type"] == "http.response.start"]
    assert len(starts) == 1
    names = {name.decode(): value.decode() for name, value in starts[0]["headers"]}
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return Got(starts[0]["status"], names, body, read)


def test_what_is_allowed_is_answered_with_the_headers_for_browsers() -> None:
    got = asked()
    assert (got.status, got.body, got.pieces) == (200, b"fine", [4])
    assert {name.decode() for name in HEADERS} <= set(got.headers)


def test_a_policy_of_the_application_is_kept() -> None:
    async def page(receive: Receive, send: Send) -> None:
        own = [(b"Content-Security-Policy", b"default-src 'self'")]
        await send({"type": "http.response.start", "status": 200, "headers": own})
        await send({"type": "http.response.body", "body": b""})

    got = asked(app=page)
    assert got.headers["Content-Security-Policy"] == "default-src 'self'"
    assert "content-security-policy" not in got.headers
    assert got.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (f"Bearer {SECRET}", 200),
        (f"bearer  {SECRET}", 200),
        (None, 401),
        ("", 401),
        (SECRET, 401),
        (f"Basic {SECRET}", 401),
        ("Bearer", 401),
        ("Bearer ", 401),
        (f"Bearer {SECRET[:-1]}", 401),
        (f"Bearer {SECRET}x", 401),
        (f"Bearer {SECRET.upper()}", 401),
        ("Bearer \xff\xfe", 401),
    ],
)
def test_the_token_is_asked_for(authorization: str | None, status: int) -> None:
    headers = OWN if authorization is None else {**OWN, "authorization": authorization}
    got = asked(Settings(token=SECRET), headers)
    assert got.status == status
    if status == 401:
        assert got.headers["www-authenticate"] == 'Bearer realm="plusx"'
        assert got.pieces == []
        assert SECRET.encode() not in got.body


@pytest.mark.parametrize("path", ["/", "/page/page.js", "/v2/health/live", "/v2/health/ready"])
def test_some_paths_are_open(path: str) -> None:
    assert asked(Settings(token=SECRET), path=path, method="GET").status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/metrics",
        "/docs",
        "/openapi.json",
        "/predict",
        "/models",
        "/v2",
        "/v2/models/a/ready",
        "/page",
        "//",
        "/pages/",
    ],
)
def test_the_others_are_not(path: str) -> None:
    assert asked(Settings(token=SECRET), path=path, method="GET").status == 401


def test_a_page_of_another_server_is_not_answered() -> None:
    for headers, status in [
        ({}, 200),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "http://localhost:8000"}, 403),
        ({"origin": "http://localhost:8000"}, 200),
        ({"origin": "HTTP://LOCALHOST:8000"}, 200),
        ({"origin": "http://localhost:3000"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
    ]:
        assert asked(headers={**OWN, **headers}).status == status, headers
    foreign = {**OWN, "sec-fetch-site": "cross-site"}
    assert asked(headers=foreign, method="GET").status == 200  # a link from elsewhere
    # With a token, it says who asks; no browser brings it of itself.
    assert asked(Settings(token=SECRET), {**foreign, "authorization": f"Bearer {SECRET}"}).status == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("localhost:8000", 200),
        ("LOCALHOST:8000", 200),
        ("127.0.0.1:8000", 200),
        ("127.9.9.9", 200),
        ("[::1]:8000", 200),
        ("evil.example", 421),
        ("evil.example:8000", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost@evil.example", 421),
        ("192.168.1.7", 421),
        ("[::1", 421),
        ("", 421),
        ("0", 421),
        ("2130706433", 421),
    ],
)
def test_on_this_machine_it_answers_by_this_machines_names(host: str, status: int) -> None:
    assert asked(headers={"host": host}, method="GET").status == status
    assert asked(headers={"host": host}, method="GET", server="::1").status == status


def test_elsewhere_or_with_a_token_any_name_is_right() -> None:
    assert asked(headers={"host": "models.example"}, server="10.0.0.7").status == 200
    with_token = {"host": "models.example", "authorization": f"Bearer {SECRET}"}
    assert asked(Settings(token=SECRET), with_token).status == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "SEARCH"])
def test_other_methods_are_refused(method: str) -> None:
    got = asked(method=method)
    assert got.status == 405
    assert got.headers["allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-encoding": "gzip"}, 415),
        ({"content-encoding": "deflate, gzip"}, 415),
        ({"content-encoding": "identity"}, 200),
        ({"transfer-encoding": "chunked"}, 200),
        ({"transfer-encoding": "gzip, chunked"}, 501),
        ({"transfer-encoding": "identity"}, 501),
        ({"content-length": "4"}, 200),
        ({"content-length": "x"}, 400),
        ({"content-length": "-1"}, 400),
        ({"content-length": "1" * 5000}, 413),
        ({"content-length": str((32 << 20) + 1)}, 413),
        ({"content-type": "multipart/form-data; boundary=a; charset=utf-8"}, 200),
        ({"content-type": 'text/plain; CHARSET="UTF-8"'}, 200),
        ({"content-type": "multipart/form-data; boundary=a; charset=punycode"}, 415),
        ({"content-type": "text/plain; charset=unicode_escape"}, 415),
    ],
)
def test_bodies_come_plain(headers: dict[str, str], status: int) -> None:
    assert asked(headers={**OWN, **headers}).status == status


def test_heads_have_a_size() -> None:
    assert asked(path="/" + "a" * 9000).status == 414
    assert asked(headers={**OWN, **{f"x-{number}": "1" for number in range(100)}}).status == 431
    assert asked(headers={**OWN, "x": "1" * 33_000}).status == 431
    assert asked(headers=[("x", "1")]).status == 400
    assert asked(version="0.9").status == 505
    assert asked(headers={**OWN, "transfer-encoding": "chunked"}, version="1.0").status == 400


@pytest.mark.parametrize("name", ["host", "authorization", "content-length", "content-type", "transfer-encoding"])
def test_what_counts_once_is_there_once(name: str) -> None:
    twice = [*((one, value) for one, value in OWN.items() if one != name), (name, "localhost"), (name, "localhost")]
    assert asked(headers=twice).status == 400


def test_a_body_is_counted_as_it_comes() -> None:
    small = Settings(body_bytes=10)
    assert asked(small, pieces=(b"12345", b"67890")).pieces == [5, 5]
    got = asked(small, pieces=(b"12345", b"67890", b"1", b"2"))
    assert (got.status, got.pieces) == (413, [5, 5])


def test_a_refusal_stands_whatever_the_application_makes_of_it() -> None:
    async def stubborn(receive: Receive, send: Send) -> None:
        try:
            await receive()
        except Exception:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"as if nothing had been"})

    got = asked(Settings(body_bytes=3), app=stubborn)
    assert got.status == 413
    assert set(json.loads(got.body)) == {"error"}


def test_a_body_that_does_not_come_is_given_up() -> None:
    assert asked(Settings(body_s=0.05), stall=True).status == 408


def test_all_bodies_together_have_a_size() -> None:
    """One that is held leaves no room for another; when it is answered, there is room again."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        if scope["path"] == "/first":
            entered.set()
            await leave.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def status(path: str) -> int:
        scope: Scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "query_string": b"",
            "headers": [(b"host", b"localhost")],
        }
        statuses: list[int] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": bytes(60), "more_body": False}

        async def send(message: Message) -> None:
            statuses.extend([message["status"]] if "status" in message else [])

        await guard(scope, receive, send)
        return statuses[0]

    async def all_of_it() -> list[int]:
        first = asyncio.create_task(status("/first"))
        await entered.wait()
        meanwhile = await status("/second")
        leave.set()
        return [await first, meanwhile, await status("/third")]

    guard = Guard(app, Settings(body_bytes=100, bodies_bytes=100))
    entered, leave = asyncio.Event(), asyncio.Event()
    assert asyncio.run(all_of_it()) == [200, 503, 200]


def test_who_waits_for_leave_and_gets_none_is_told_to_begin_anew() -> None:
    expecting = {**OWN, "expect": "100-continue", "content-length": str(1 << 40)}
    assert asked(headers=expecting).headers["connection"] == "close"
    assert "connection" not in asked(headers={**OWN, "expect": "100-continue"}).headers


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory):
    model = write_model(tmp_path_factory.mktemp("models") / "cats.plusx")
    with serving(model, settings=Settings(token=SECRET, body_bytes=10_000)) as running:
        yield running


def test_a_real_server_is_guarded(running: Running) -> None:
    port = running.port
    right = {"Authorization": f"Bearer {SECRET}"}
    assert ask(port, "/predict", png()).status == 401
    answer = ask(port, "/predict", png(), right)
    assert answer.status == 200
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert ask(port, "/predict", bytes(10_001), right).status == 413
    assert ask(port, "/predict", iter([bytes(6000)] * 2), right).status == 413
    assert ask(port, "/openapi.json").status == 401
    assert ask(port, "/nowhere").status == 401
    assert ask(port, "/nowhere", headers=right).headers["x-frame-options"] == "DENY"


def test_a_model_file_is_never_named_by_a_request(running: Running, tmp_path: Path) -> None:
    right = {"Authorization": f"Bearer {SECRET}"}
    picture = tmp_path / "picture.png"
    picture.write_bytes(png())
    for body in (str(picture).encode(), f"file://{picture}".encode()):
        answer = json.loads(ask(running.port, "/predict", body, right).body)["answers"][0]
        assert answer["label"] is None
        assert "not a PNG" in answer["error"]
