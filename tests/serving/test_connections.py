"""Connections to a real server that keep to no protocol: slow, endless, cut short, or meant for somebody else."""

import http.client
import json
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from raw import HOST, chunked, connected, exchange, head, post, read
from servers import Running, ask, png, serving, write_model

from plusx.serving.http_connection import most_connections
from plusx.serving.settings import Settings

PATIENCE_S = 60
HEAD_S = 1.0
CHUNKED = head(b"/predict", b"Transfer-Encoding: chunked")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "cats.plusx")


@pytest.fixture(scope="module")
def running(path: Path) -> Iterator[Running]:
    settings = Settings(head_s=HEAD_S, body_s=3, write_s=1, idle_s=30, body_bytes=1 << 20, connections=400)
    with serving(path, settings=settings) as running:
        yield running


@pytest.fixture(autouse=True)
def answers_afterwards(running: Running) -> Iterator[None]:
    """Whatever a test did, the next client is answered, and nothing of it stays."""
    yield
    assert ask(running.port, "/predict", png()).status == 200
    until(lambda: not running.server.server_state.connections)
    assert running.service.admission.inside == 0


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_slow_heads_keep_nobody_waiting(running: Running) -> None:
    """200 connections that send a byte of their request each 0.2 s."""
    whole = head(b"/predict", b"X-Slow: " + b"a" * 200)
    with ExitStack() as stack:
        lines = [stack.enter_context(connected(running.port)) for _ in range(200)]
        stop = threading.Event()

        def drip() -> None:
            for place in range(len(whole)):
                for line in lines:
                    with suppress(OSError):
                        line.sendall(whole[place : place + 1])
                if stop.wait(0.2):
                    return

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            statuses = [ask(running.port, "/predict", png(seed)).status for seed in range(20)]
            # All of them are told, and closed, while they still send.
            replies = [read(line) for line in lines]
        finally:
            stop.set()
            dripping.join()
    assert statuses == [200] * 20
    assert {tuple(reply.statuses) for reply in replies} <= {(408,), ()}
    assert all(reply.ended for reply in replies)


def test_a_slow_body_is_given_up(running: Running) -> None:
    reply = exchange(running.port, head(b"/predict", b"Content-Length: 100") + b"some of it")
    assert reply.statuses == [408]


def test_chunks_of_one_byte_are_a_body_like_any_other(running: Running) -> None:
    body = png()
    start = head(b"/predict", b"Transfer-Encoding: chunked", b"Connection: close")
    pieces = chunked(body[place : place + 1] for place in range(len(body)))
    answers = []
    for sent in ([start + pieces], [start, *(pieces[place : place + 7] for place in range(0, len(pieces), 7))]):
        reply = exchange(running.port, *sent)
        assert reply.statuses == [200]
        answers.append(json.loads(reply.sent.partition(b"\r\n\r\n")[2])["answers"])
    whole = exchange(running.port, post(body)).sent
    assert answers == [json.loads(whole.partition(b"\r\n\r\n")[2])["answers"]] * 2


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ([head(b"/models", *[b"X-%d: 1" % number for number in range(200)], method=b"GET")], 431),
        ([head(b"/models", b"X: " + b"1" * 40_000, method=b"GET")], 431),
        ([head(b"/" + b"a" * 9_000, b"Connection: close", method=b"GET")], 414),
        # It never ends.
        ([head(b"/models", end=b"X: "), *[b"1" * 8_000] * 10], 431),
        ([b"GET /" + b"a" * 100_000], 431),
        ([b"\r\n" * 50_000], 431),
        # Of what comes in one read with a head, the rest is not counted.
        ([CHUNKED, b"1;", *[b"a" * 8_000] * 60], 431),
        ([CHUNKED, b"0\r\n", *[b"X: 1\r\n" * 1_500] * 60], 431),
        ([CHUNKED, b"0\r\nX: ", *[b"1" * 8_000] * 60], 431),
    ],
    ids=["many", "long", "address", "endless", "line", "empty lines", "chunk's extension", "trailers", "trailer"],
)
def test_heads_and_what_is_like_them_have_an_end(running: Running, sent: list[bytes], status: int) -> None:
    assert exchange(running.port, *sent).statuses == [status]


def test_a_trailer_changes_nothing(running: Running) -> None:
    body = b"1\r\nx\r\n0\r\nHost: evil.example\r\nContent-Type: application/json\r\n\r\n"
    reply = exchange(running.port, head(b"/predict", b"Transfer-Encoding: chunked", b"Connection: close") + body)
    assert reply.statuses == [200]
    assert b"not a PNG" in reply.sent


@pytest.mark.parametrize("size", [b"z", b"-1", b"+1", b"0x1", b"f" * 17, b"1 ", b"", b" 1", b"\x00", b"1_0"])
def test_a_chunk_has_a_size(running: Running, size: bytes) -> None:
    reply = exchange(running.port, CHUNKED + size + b"\r\nx\r\n0\r\n\r\n")
    assert reply.statuses == [400]
    assert reply.ended


INNER = b"GET /models HTTP/1.1\r\n" + HOST + b"\r\n"
SMUGGLED = {
    "both lengths": head(b"/predict", b"Content-Length: 4", b"Transfer-Encoding: chunked") + b"0\r\n\r\n" + INNER,
    "both, the other way": head(b"/predict", b"Transfer-Encoding: chunked", b"Content-Length: 4")
    + b"0\r\n\r\n"
    + INNER,
    "two lengths": head(b"/predict", b"Content-Length: 0", b"Content-Length: %d" % len(INNER)) + INNER,
    "two equal lengths": head(b"/predict", b"Content-Length: 0", b"Content-Length: 0") + INNER,
    "a list of lengths": head(b"/predict", b"Content-Length: 0, 0") + INNER,
    "a signed length": head(b"/predict", b"Content-Length: +0") + INNER,
    "a length of other digits": head(b"/predict", "Content-Length: ٣".encode()) + INNER,
    "an unknown encoding": head(b"/predict", b"Transfer-Encoding: xchunked") + b"0\r\n\r\n" + INNER,
    "chunked, but not last": head(b"/predict", b"Transfer-Encoding: chunked, identity") + b"0\r\n\r\n" + INNER,
    "space before the colon": head(b"/predict", b"Transfer-Encoding : chunked") + b"0\r\n\r\n" + INNER,
    "a folded header": head(b"/predict", b"X: a\r\n Transfer-Encoding: chunked") + b"0\r\n\r\n" + INNER,
    "a bare line feed": b"POST /predict HTTP/1.1\n" + HOST + b"Content-Length: 0\r\n\r\n" + INNER,
    "a bare carriage return": head(b"/predict", b"X: a\rTransfer-Encoding: chunked") + INNER,
    "a zero byte": head(b"/predict", b"X: a\x00Content-Length: 1") + INNER,
    "upgrade with a body": head(b"/predict", b"Upgrade: h2c", b"Connection: Upgrade", b"Content-Length: 200") + INNER,
}


@pytest.mark.parametrize("name", SMUGGLED)
def test_a_request_in_anothers_body_is_not_answered(running: Running, name: str) -> None:
    reply = exchange(running.port, SMUGGLED[name])
    assert len(reply.statuses) == 1
    assert 400 <= reply.statuses[0] <= 501
    assert b'"models"' not in reply.sent
    assert reply.ended


def test_two_encodings_of_a_body_are_refused(running: Running) -> None:
    encoded = head(b"/predict", b"Transfer-Encoding: gzip, chunked", b"Connection: close")
    assert exchange(running.port, encoded + b"0\r\n\r\n").statuses == [501]


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /\r\n\r\n",
        b"GET /predict\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\n" + HOST + b"\r\n",
        b"OPTIONS * HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"\x00" * 100,
        bytes(range(256)) * 4,
        b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/9.9\r\n" + HOST + b"\r\n",
        b"get / HTTP/1.1\r\n" + HOST + b"\r\n",
        "GET /käse HTTP/1.1\r\n".encode() + HOST + b"\r\n",
        b"GET http://[::1 HTTP/1.1\r\n" + HOST + b"\r\n",
        b"*",
    ],
)
def test_what_is_no_request_is_told_so(running: Running, sent: bytes) -> None:
    statuses = exchange(running.port, sent, wait_s=3 * HEAD_S).statuses
    assert len(statuses) == 1
    assert 400 <= statuses[0] <= 505


def test_tls_is_not_spoken(running: Running) -> None:
    context = ssl.create_default_context()
    with connected(running.port) as line, pytest.raises((ssl.SSLError, ConnectionError)):
        context.wrap_socket(line, server_hostname="localhost")


@pytest.mark.parametrize("seed", range(20))
def test_random_bytes_harm_nothing(running: Running, seed: int) -> None:
    with connected(running.port) as line:
        with suppress(ConnectionError):
            line.sendall(os.urandom(1000 + 50 * seed))
        line.shutdown(socket.SHUT_WR)
        assert read(line).ended


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_who_leaves_early_is_forgotten(running: Running, share: float) -> None:
    request = post(png())
    for _ in range(20):
        with connected(running.port) as line:
            line.sendall(request[: int(share * len(request))])


def test_requests_in_a_row_are_answered_in_order(running: Running) -> None:
    paths = [b"/models", b"/nothing", b"/v2/health/live", b"/models/cats", b"/v2"]
    asked = b"".join(head(path, method=b"GET") for path in paths[:-1]) + head(
        b"/v2", b"Connection: close", method=b"GET"
    )
    assert exchange(running.port, asked).statuses == [200, 404, 200, 200, 200]


def test_too_many_in_a_row_are_not_kept(running: Running) -> None:
    reply = exchange(running.port, head(b"/models", method=b"GET") * 2_000)
    assert set(reply.statuses) <= {200}
    assert reply.ended


def test_who_reads_nothing_is_given_up(running: Running) -> None:
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.connect(("127.0.0.1", running.port))
        line.settimeout(PATIENCE_S)
        request = head(b"/openapi.json", method=b"GET")
        ended = False
        # Each answer is larger than its request; at some time the server can write no more.
        while not ended:
            try:
                line.sendall(request)
            except ConnectionError:
                ended = True
            time.sleep(0.001)


def test_who_sends_too_much_still_reads_why(running: Running) -> None:
    """The answer is there before the body is; closed at once, the connection would be reset and the answer lost."""
    large = b"Content-Length: %d" % (8 << 20)
    for headers in ([large], [large, b"Connection: close"]):
        with connected(running.port) as line:
            line.sendall(head(b"/predict", *headers))
            for _ in range(40):
                line.sendall(bytes(1 << 16))
                time.sleep(0.002)
            line.shutdown(socket.SHUT_WR)
            assert read(line).statuses == [413]
    with connected(running.port) as line:
        line.sendall(CHUNKED)
        for _ in range(40):
            line.sendall(b"%x\r\n" % (1 << 16) + bytes(1 << 16) + b"\r\n")
        line.shutdown(socket.SHUT_WR)
        assert read(line).statuses == [413]


def test_an_open_connection_is_used_again_after_a_refusal(running: Running) -> None:
    refused = head(b"/nowhere", b"Content-Length: 3") + b"abc"
    asked = refused + head(b"/models", b"Connection: close", method=b"GET")
    assert exchange(running.port, asked).statuses == [404, 200]


def test_who_asks_first_gets_leave_to_send(running: Running) -> None:
    body = png()
    with connected(running.port) as line:
        line.sendall(
            head(b"/predict", b"Expect: 100-continue", b"Connection: close", b"Content-Length: %d" % len(body))
        )
        assert line.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        line.sendall(body)
        assert read(line).statuses == [200]


def test_there_is_always_room_for_one_more(path: Path) -> None:
    """More connections than are allowed: of those that say nothing, the oldest goes."""
    with serving(path, settings=Settings(connections=20)) as running, ExitStack() as stack:
        kept = http.client.HTTPConnection("127.0.0.1", running.port, timeout=PATIENCE_S)
        stack.callback(kept.close)
        kept.request("GET", "/models")
        assert kept.getresponse().read()
        flood = [stack.enter_context(connected(running.port)) for _ in range(100)]
        for line in flood[::2]:
            with suppress(ConnectionError):
                line.sendall(b"POST /predict HT")
        assert ask(running.port, "/predict", png()).status == 200
        until(lambda: len(running.server.server_state.connections) <= 20)
        assert read(flood[0]).ended
        # Who has been answered before is kept longest.
        there = kept.sock
        kept.request("GET", "/models")
        assert kept.getresponse().read()
        assert kept.sock is there


def test_where_all_are_busy_one_more_is_told_so(path: Path) -> None:
    with serving(path, settings=Settings(connections=5)) as running, ExitStack() as stack:
        for _ in range(5):
            busy = stack.enter_context(connected(running.port))
            busy.sendall(head(b"/predict", b"Content-Length: 100") + b"begun")
        until(lambda: len(running.server.server_state.tasks) == 5)
        assert exchange(running.port, head(b"/models", method=b"GET")).statuses == [503]


def test_there_are_no_more_connections_than_files(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrlimit", lambda which: (256, 4096))
    assert most_connections(1024) == 128
    monkeypatch.setattr(resource, "getrlimit", lambda which: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert most_connections(1024) == 1024
