"""The application: what answers at which address."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from plusx.errors import PlusxError
from plusx.serving import metrics, page, plain
from plusx.serving.direct import Direct
from plusx.serving.guard import Guard
from plusx.serving.looking import Looking
from plusx.serving.observed import Observed
from plusx.serving.refusals import Refused, refusal_of, response_of
from plusx.serving.service import Service
from plusx.serving.v2 import routes as v2

ABOUT = "Residual networks behind HTTP: `POST /predict` for people's programs, `/v2` for the Open Inference Protocol."


def create_app(service: Service, *, proxied: bool = False) -> FastAPI:
    """The application of a service; it closes the service when it ends.

    Args:
        service: what answers.
        proxied: whether what is in front of it tells clients the ids of their requests.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        minding = [asyncio.create_task(service.tidy())]
        if service.settings.reload_s:
            minding.append(asyncio.create_task(service.watch()))
        yield
        for each in minding:
            each.cancel()
            with suppress(asyncio.CancelledError):
                await each
        await asyncio.get_running_loop().run_in_executor(None, service.close)

    app = FastAPI(title="plusx", description=ABOUT, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.service = service
    app.add_exception_handler(PlusxError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _unrouted)
    app.include_router(page.routes())
    looking = Looking(service)
    app.include_router(plain.routes(service, looking))
    app.include_router(v2.routes(service))
    figures = metrics.Metrics(service)
    app.include_router(metrics.routes(figures))
    app.add_middleware(Direct, ways=[*plain.ways(service, looking), *v2.ways(service)])
    app.add_middleware(Guard, settings=service.settings)
    # The last one added is the outermost.
    app.add_middleware(Observed, service=service, metrics=figures, tells_id=not proxied)
    return app


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, PlusxError)
    return response_of(error)


async def _unrouted(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    what = "there is no such address; /docs lists those there are" if error.status_code == 404 else error.detail
    return response_of(Refused(error.status_code, f"{request.method} {request.url.path[:100]}: {what}", error.headers))


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return response_of(refusal_of(error))
