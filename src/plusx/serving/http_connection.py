"""Of a connection what is not its requests': how many there may be, what refuses one, how an answer ends it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

SPARE_FILES = 128
"""File descriptors that are left for models, logs and uploads."""
HEAD = (
    b"content-type: application/json\r\nx-content-type-options: nosniff\r\nconnection: close\r\n"
    b"content-length: %d\r\n\r\n"
)


def most_connections(wanted: int) -> int:
    """So many connections, or fewer where the system lets this process open fewer files."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return wanted
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if soft == resource.RLIM_INFINITY else max(1, min(wanted, soft - SPARE_FILES))


def refusal(status: int, why: str) -> bytes:
    """A whole answer of HTTP, after which the connection ends.

    >>> refusal(400, "this is not HTTP/1.1")[:26]
    b'HTTP/1.1 400 Bad Request\\r\\n'
    """
    body = json.dumps({"error": why}).encode()
    return STATUS_LINE[status] + HEAD % len(body) + body


class Ending:
    """A connection as its answers see it: what they close is closed with care.

    Args:
        transport: gives the connection's.
        end: is called when an answer is the last one.
    """

    def __init__(self, transport: Callable[[], asyncio.Transport], end: Callable[[], None]):
        self._transport, self._end = transport, end

    def write(self, data: bytes) -> None:
        """Sends."""
        self._transport().write(data)

    def close(self) -> None:
        """Ends the connection."""
        self._end()

    def is_closing(self) -> bool:
        """Whether it has ended, or will when all is sent."""
        return self._transport().is_closing()
