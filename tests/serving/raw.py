"""Bytes to a server and back, as a client sends them that keeps to no protocol."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

PATIENCE_S = 30
HOST = b"Host: localhost\r\n"


class Reply(NamedTuple):
    """What came back.

    Args:
        sent: all bytes.
        ended: whether the server closed the connection.
    """

    sent: bytes
    ended: bool

    @property
    def statuses(self) -> list[int]:
        """Of each answer, in order."""
        return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", self.sent)]


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)


def exchange(port: int, *pieces: bytes, pause_s: float = 0.0, wait_s: float = PATIENCE_S) -> Reply:
    """Sends these pieces, and reads until the server closes, or says nothing for so long."""
    with connected(port) as line:
        line.settimeout(wait_s)
        # A server that refuses need not read on.
        with suppress(ConnectionError):
            for piece in pieces:
                line.sendall(piece)
                time.sleep(pause_s)
        return read(line)


def read(line: socket.socket) -> Reply:
    came: list[bytes] = []
    try:
        while piece := line.recv(1 << 16):
            came.append(piece)
    except TimeoutError:
        return Reply(b"".join(came), ended=False)
    except ConnectionError:
        pass
    return Reply(b"".join(came), ended=True)


def head(path: bytes = b"/predict", *headers: bytes, method: bytes = b"POST", end: bytes = b"\r\n") -> bytes:
    """A request's line and headers."""
    lines = [method + b" " + path + b" HTTP/1.1\r\n", HOST, *(header + b"\r\n" for header in headers)]
    return b"".join(lines) + end


def post(body: bytes, *headers: bytes, path: bytes = b"/predict") -> bytes:
    """A whole request, after which the connection is to be closed."""
    return head(path, b"Content-Length: %d" % len(body), b"Connection: close", *headers) + body


def chunked(pieces: Iterable[bytes]) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
