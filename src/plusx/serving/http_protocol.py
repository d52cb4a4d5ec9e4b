"""uvicorn's protocol with the limits that it lacks: time and bytes for a request's head, connections, slow readers."""

from __future__ import annotations

import asyncio
from asyncio.events import TimerHandle
from typing import Any, ClassVar, Literal, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from plusx.serving.http_connection import Ending, most_connections, refusal
from plusx.serving.settings import Settings

PIPELINED = 8
"""Requests that may wait behind the one that is being answered, on one connection."""
DISCARD_S = 5.0
"""How long the rest of a body may come that nobody reads any more: a client that still sends it would else see its
connection break, and not the answer."""
LINGER_S = 1.0
LAST_S = 0.25
"""How long a request may still begin on an open connection when the server stops."""
OF_BODIES = (b"content-length", b"transfer-encoding")
"""What says that a body follows: with Upgrade the parser would not read it, and take it for the next request."""


def protocol_of(settings: Settings) -> type[HttpToolsProtocol]:
    """The class that uvicorn makes one of for each connection, held to these settings."""

    class Held(LimitedProtocol):
        limits = settings
        most = most_connections(settings.connections)

    return Held


class LimitedProtocol(HttpToolsProtocol):
    """One connection: what it may send, and how long it may take.

    A request's body is `guard.Guard`'s business; here only what comes while nobody reads it is bounded.
    """

    limits: ClassVar[Settings]
    most: ClassVar[int]

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, **options)
        self._stage: Literal["idle", "head", "body", "whole"] = "idle"
        # Bytes since the parser last had something to give: a head, a piece of a body, a chunk's size.
        self._unparsed = 0
        self._served = 0
        self._refusal: tuple[int, str] | None = None
        self._deaf = False
        self._last = False
        self._due: float | None = None
        self._since = 0.0
        self._timer: TimerHandle | None = None
        self._writing: TimerHandle | None = None
        self._for_answers = Ending(lambda: self.transport, self.end_answer)

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._since = self.loop.time()
        self._due_in(self.limits.head_s)
        if len(self.connections) > self.most:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        for timer in (self._timer, self._writing):
            if timer is not None:
                timer.cancel()
        self._due = self._timer = self._writing = None

    def data_received(self, data: bytes) -> None:
        if self._deaf or self.parser is None:
            return
        self._unset_keepalive_if_required()
        self._unparsed += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # The parser takes what follows for another protocol.
            self._end_after_answer()
        except httptools.HttpParserError:
            self._refuse(*(self._refusal or (400, "this is not HTTP/1.1")))
        else:
            if self._unparsed > self.limits.head_bytes:
                self._refuse(431, f"the request's headers are above {self.limits.head_bytes} bytes")

    # What the parser calls

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._stage = "head"
        if not self._last:
            self._due_in(self.limits.head_s)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._stage == "body":
            # A trailer: it would change the headers after they were checked.
            return
        if len(self.headers) >= self.limits.head_count:
            self._fail(431, f"the request has more than {self.limits.head_count} headers")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self.limits.head_bytes:
            self._fail(431, f"the request's headers are above {self.limits.head_bytes} bytes")
        if len(self.pipeline) >= PIPELINED:
            self._fail(429, f"more than {PIPELINED} requests wait on this connection; read their answers first")
        if self.parser and self.parser.should_upgrade() and any(name in OF_BODIES for name, _ in self.headers):
            self._fail(501, "a request with Upgrade has no body here; send it without Upgrade")
        super().on_headers_complete()
        self.cycle.transport = cast(asyncio.Transport, self._for_answers)
        self.cycle.keep_alive = self.cycle.keep_alive and not self._last
        self._stage, self._unparsed, self._due = "body", 0, None

    def on_chunk_header(self) -> None:
        self._unparsed = 0

    def on_body(self, body: bytes) -> None:
        self._unparsed = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._stage, self._unparsed = "whole", 0
        if self.cycle.response_complete:
            self._between()

    # What the answer calls

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._served += 1
        if self.transport.is_closing():
            self._flush()
        elif self._stage == "whole" and not self._answering:
            self._between()
        elif self._stage == "body" and not self._answering:
            self._due_in(DISCARD_S)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._writing is None:
            self._writing = self.loop.call_later(self.limits.write_s, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._writing is not None and not self.transport.is_closing():
            self._writing.cancel()
            self._writing = None

    # Time

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _between(self) -> None:
        self._stage, self._since = "idle", self.loop.time()
        self._due_in(self.limits.idle_s)

    def _due_in(self, seconds: float) -> None:
        """The connection must have come further by then. To set it anew costs an assignment, no timer."""
        self._due = self.loop.time() + seconds
        if self._timer is None or self._timer.when() > self._due:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self.loop.call_at(self._due, self._look)

    def shutdown(self) -> None:
        """The server stops: what is inside is answered, and what is on its way has little time to come."""
        self._last = True
        if self._answering:
            super().shutdown()
            if self._stage == "body":
                self._due_in(DISCARD_S)
        else:
            # Whoever sent a request just now does not see it fail.
            self._due_in(LAST_S)

    def _look(self) -> None:
        self._timer = None
        if self._due is None:
            return
        if self.loop.time() < self._due:
            self._timer = self.loop.call_at(self._due, self._look)
            return
        self._due = None
        if self._stage == "head" and not self._deaf and not self._last:
            self._refuse(408, f"the request's headers took longer than {self.limits.head_s:g} s")
        elif self._stage == "body" and self._answering:
            self._refuse(503, "the server stops before the request has come; ask again")
        else:
            self._close()

    # Ends

    def _fail(self, status: int, why: str) -> None:
        """Stops the parser, which asks no further; `data_received` refuses."""
        self._refusal = (status, why)
        raise ValueError(why)

    def _refuse(self, status: int, why: str) -> None:
        """Answers what cannot be read any further, and ends the connection."""
        if self._answering and self._stage != "body":
            self._end_after_answer()
            return
        quiet = self._answering and (self.cycle.response_started or bool(self.pipeline))
        if self._answering:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._deaf = True
        if quiet:
            self._close()
            return
        self.transport.write(refusal(status, why))
        self._linger()

    def end_answer(self) -> None:
        """The answer is written, and no other will be."""
        if self._stage == "body":
            self._deaf = True
            self._linger()
        else:
            self._close()

    def _end_after_answer(self) -> None:
        self._deaf = True
        if self._answering:
            self.cycle.keep_alive = False
        else:
            self._close()

    def _linger(self) -> None:
        # Closed at once, with bytes of the client's unread, the connection would be reset and the answer lost.
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._due_in(LINGER_S)

    def _close(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()
        self._flush()

    def _flush(self) -> None:
        """Closing waits until the client has read all; not for ever."""
        if self._writing is None and self.transport.get_write_buffer_size():
            self._writing = self.loop.call_later(self.limits.write_s, self.transport.abort)

    def _make_room(self) -> None:
        """Ends the connection that has no request inside and waits longest, of those that never had one first; where
        all have one, this one."""
        others: list[Any] = [one for one in self.connections if one is not self]
        idle = [one for one in others if isinstance(one, LimitedProtocol) and one._is_idle]
        if not idle:
            self._deaf = True
            self.transport.write(refusal(503, f"{self.most} connections are open already; ask again"))
            self._close()
            return
        longest = min(idle, key=lambda one: (one._served > 0, one._since))
        longest._deaf = True
        longest.transport.abort()

    @property
    def _is_idle(self) -> bool:
        return self._stage in ("idle", "head") and not self._answering and not self.transport.is_closing()
