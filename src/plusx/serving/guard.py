"""Around the application: who may ask, how much a request may bring, and what its answer tells browsers."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plusx.serving.guard_body import Bodies, Body
from plusx.serving.guard_head import check_head, head_of
from plusx.serving.refusals import Refused, response_of
from plusx.serving.settings import Settings

HEADERS: dict[bytes, bytes] = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"content-security-policy": b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    b"cache-control": b"no-store",
}
"""Of every answer that does not say otherwise itself, as the page does."""


class Guard:
    """The application, for requests that are allowed.

    Args:
        app: the application.
        settings: what is allowed.
    """

    def __init__(self, app: ASGIApp, settings: Settings):
        self._app, self._settings = app, settings
        self._bodies = Bodies()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers as the application does, or why not."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._guarded(scope, receive, send)

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = Body(receive, self._settings, self._bodies)
        answer = _Answer(scope, body, send)
        try:
            check_head(head_of(scope), self._settings)
            await self._app(scope, body, answer)
        except Refused as refusal:
            if answer.started:
                raise
            await answer.refuse(refusal)
        finally:
            body.forget()


class _Answer:
    """ASGI's `send` of one request."""

    def __init__(self, scope: Scope, body: Body, send: Send):
        self._scope, self._body, self._send = scope, body, send
        self.started = False
        self._over = False

    async def __call__(self, message: Message) -> None:
        if self._body.refusal is not None and not self.started:
            # Whatever the application made of it.
            await self.refuse(self._body.refusal)
        if not self._over:
            await self._sent(message)

    async def refuse(self, why: Refused) -> None:
        """Answers why not, and nothing else."""
        await response_of(why)(self._scope, self._body, self._sent)
        self._over = True

    async def _sent(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = list(message.get("headers", []))
            there = {name.lower() for name, _ in headers}
            headers += [(name, value) for name, value in HEADERS.items() if name not in there]
            if self._waits_for_leave and b"connection" not in there:
                headers.append((b"connection", b"close"))
            message = {**message, "headers": headers}
        await self._send(message)

    @property
    def _waits_for_leave(self) -> bool:
        """Whether the client asked before it sends its body, and gets no leave: then nobody knows whether what comes
        next is the body or another request."""
        return not self._body.asked_for and any(name == b"expect" for name, _ in self._scope["headers"])
