"""One pass around each request: its id, its figures and its line in the log."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time

from fastapi.responses import JSONResponse
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plusx.serving.guard import HEADERS
from plusx.serving.logs import REQUESTS, fields
from plusx.serving.metrics import Metrics
from plusx.serving.service import Service

HEADER = b"x-request-id"
ID = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
GONE, BROKEN = 499, 500
"""The status of a request whose client left before its answer, as proxies have it; and of one that failed here."""
NO_ROUTE, NO_MODEL, NOT_OURS = "none", "", "unknown"
PATH_LENGTH = 200


class Observed:
    """The application, watched; outermost, so that it also sees what the others refuse.

    Args:
        app: what answers.
        service: whose models' names may be labels.
        metrics: is told each request.
        tells_id: whether answers have their request's id.
    """

    def __init__(self, app: ASGIApp, service: Service, metrics: Metrics, tells_id: bool = True):
        self._app, self._service, self._metrics = app, service, metrics
        self._tells_id = tells_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers as the application does, with an `X-Request-Id`: the request's own, where it has a right one."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seen = _Seen(scope, receive, send, self._tells_id)
        try:
            await self._app(scope, seen.receive, seen.send)
        except ClientDisconnect:
            seen.status = seen.status or GONE
        except asyncio.CancelledError:
            seen.status = seen.status or GONE
            raise
        except Exception as error:
            # Said here, in one line with the request's id, and nowhere again.
            seen.error = error
            if seen.status is None:
                what = f"the server failed; its log says why at request {seen.id}"
                headers = {name.decode(): value.decode() for name, value in HEADERS.items()}
                await JSONResponse({"error": what}, BROKEN, headers)(scope, receive, seen.send)
        finally:
            self._tell(scope, seen)

    def _tell(self, scope: Scope, seen: _Seen) -> None:
        seconds = time.perf_counter() - seen.began
        route = getattr(scope.get("route"), "path", None) or NO_ROUTE
        model, status = self._model(scope, route), BROKEN if seen.error else seen.status or GONE
        self._metrics.request(route, model, status, seconds)
        if seen.error or REQUESTS.isEnabledFor(logging.INFO):
            client = scope.get("client")
            about = fields(
                request_id=seen.id,
                method=scope["method"],
                route=route,
                path=scope["path"][:PATH_LENGTH] if route == NO_ROUTE else None,
                model=model or None,
                status=status,
                duration_ms=round(1000 * seconds, 3),
                bytes_in=seen.bytes_in,
                bytes_out=seen.bytes_out,
                client=client[0][:64] if client else None,
            )
            level = logging.ERROR if seen.error else logging.INFO
            REQUESTS.log(level, "request", extra=about, exc_info=seen.error)

    def _model(self, scope: Scope, route: str) -> str:
        """The model that a request was for; names that are not the service's are one."""
        name = scope.get("path_params", {}).get("name")
        if name is not None:
            return name if name in self._service.models else NOT_OURS
        if route.endswith("/predict") and len(self._service.models) == 1:
            return next(iter(self._service.models))
        return NO_MODEL


class _Seen:
    """What is seen of one request on its way in and out."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, tells_id: bool):
        self.began = time.perf_counter()
        self.id = _id_of(scope)
        self.status: int | None = None
        self.error: Exception | None = None
        self.bytes_in = self.bytes_out = 0
        self._receive, self._send, self._tells_id = receive, send, tells_id

    async def receive(self) -> Message:
        message = await self._receive()
        self.bytes_in += len(message.get("body", b""))
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if self._tells_id:
                MutableHeaders(scope=message)[HEADER.decode()] = self.id
        else:
            self.bytes_out += len(message.get("body", b""))
        await self._send(message)


def _id_of(scope: Scope) -> str:
    given = next((value for name, value in scope["headers"] if name == HEADER), b"")
    return given.decode() if ID.fullmatch(given) else secrets.token_hex(8)
