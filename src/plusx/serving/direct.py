"""Requests for answers, past the routing that all others take."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from re import Pattern

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from plusx.errors import PlusxError
from plusx.serving.refusals import refusal_of, response_of


@dataclass(frozen=True)
class Way:
    """An address to which inputs are posted.

    Args:
        path: as FastAPI writes it, such as `/models/{name}/predict`.
        answer: from a request, whose `path_params` are the path's, to its answer.
    """

    path: str
    answer: Callable[[Request], Awaitable[Response]]
    pattern: Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pattern", compile_path(self.path)[0])


class Direct:
    """The application, which answers some addresses without FastAPI's routing, dependencies and validation: these were
    half of what a small network's answer costs the interpreter (by a sampling profiler, 32 clients).

    Args:
        app: has the same addresses, too, by which they are in its OpenAPI document.
        ways: the addresses.
    """

    def __init__(self, app: ASGIApp, ways: Sequence[Way]):
        self._app, self._ways = app, ways

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers as the application would."""
        if scope["type"] == "http" and scope["method"] == "POST":
            for way in self._ways:
                if (found := way.pattern.match(scope["path"])) is not None:
                    # As a router leaves them, for whoever looks at the request around this.
                    scope["route"], scope["path_params"] = way, found.groupdict()
                    response = await _answered(way, Request(scope, receive, send))
                    await response(scope, receive, send)
                    return
        await self._app(scope, receive, send)


async def _answered(way: Way, request: Request) -> Response:
    try:
        return await way.answer(request)
    except PlusxError as error:
        return response_of(error)
    except RequestValidationError as error:
        return response_of(refusal_of(error))
