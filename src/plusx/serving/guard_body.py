"""A request's body, counted and timed while it comes."""

from __future__ import annotations

import asyncio

from starlette.types import Message, Receive

from plusx.serving.guard_head import too_large
from plusx.serving.refusals import Refused
from plusx.serving.settings import Settings

GRACE_S = 5.0
"""How long a body may come as slowly as it likes: a line that stumbles is not an attack."""
RETRY_AFTER_S = 1


class Bodies:
    """How many bytes of all requests' bodies are held now."""

    def __init__(self) -> None:
        self.held = 0


class Body:
    """ASGI's `receive` of one request, which the application calls instead.

    Args:
        receive: the server's.
        settings: what is allowed.
        bodies: those of all requests; this one's bytes are among them until `forget`.
    """

    def __init__(self, receive: Receive, settings: Settings, bodies: Bodies):
        self._receive, self._settings, self._bodies = receive, settings, bodies
        self._began: float | None = None
        self._came = 0
        self._whole = False
        self.refusal: Refused | None = None

    @property
    def asked_for(self) -> bool:
        """Whether the application has read any of it."""
        return self._began is not None

    async def __call__(self) -> Message:
        """The next piece, or that the client has gone.

        Raises:
            Refused: it is too large (413), too slow (408), or there are too many of them (503).
        """
        if self._whole:
            return await self._receive()
        if self.refusal is not None:
            raise self.refusal
        message = await self._in_time()
        if message["type"] == "http.request":
            self._count(len(message.get("body", b"")))
            self._whole = not message.get("more_body", False)
        return message

    def forget(self) -> None:
        """The request has ended."""
        self._bodies.held -= self._came
        self._came = 0

    async def _in_time(self) -> Message:
        now = asyncio.get_running_loop().time()
        began = self._began = now if self._began is None else self._began
        due = began + min(self._settings.body_s, GRACE_S + self._came / self._settings.body_rate)
        try:
            async with asyncio.timeout_at(due):
                return await self._receive()
        except TimeoutError:
            what = f"{self._settings.body_s:g} s, or {self._settings.body_rate} bytes a second"
            slow = Refused(408, f"the body came slower than in {what}; send it faster", {"Connection": "close"})
            raise self._refused(slow) from None

    def _count(self, size: int) -> None:
        self._came += size
        self._bodies.held += size
        if self._came > self._settings.body_bytes:
            raise self._refused(too_large(self._settings))
        if self._bodies.held > max(self._settings.bodies_bytes, self._settings.body_bytes):
            what = "other requests' bodies fill the memory that there is for them; ask again"
            raise self._refused(Refused(503, what, {"Retry-After": str(RETRY_AFTER_S)}))

    def _refused(self, why: Refused) -> Refused:
        self.refusal = why
        return why
