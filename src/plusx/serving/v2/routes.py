"""The protocol's addresses."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from plusx.serving.direct import Way
from plusx.serving.refusals import Refused
from plusx.serving.service import Service
from plusx.serving.v2.infer import infer
from plusx.serving.v2.metadata import about_model, about_server, index

NO_LOADING = "models are neither loaded nor unloaded by request; start the server with them, or replace a model's file"
REQUEST: dict[str, Any] = {
    "requestBody": {
        "description": "JSON; or JSON and then tensors as bytes, where Inference-Header-Content-Length says how long "
        "the JSON is.",
        "required": True,
        "content": {
            "application/json": {"schema": {"type": "object", "required": ["inputs"]}},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


def routes(service: Service) -> APIRouter:
    """The Open Inference Protocol's part of the application."""
    router = APIRouter(prefix="/v2", tags=["Open Inference Protocol"])
    _add_server(router, service)
    _add_models(router, service)
    _add_inference(router, service)

    @router.api_route("/{rest:path}", methods=["GET", "POST"], include_in_schema=False)
    async def nothing(request: Request) -> Response:
        raise Refused(404, f"{request.method} {request.url.path[:100]}: there is no such address")

    return router


def _add_server(router: APIRouter, service: Service) -> None:
    @router.get("", summary="The server, and which extensions it has")
    @router.get("/", include_in_schema=False)
    async def server() -> dict[str, Any]:
        return about_server()

    @router.get("/health/live", summary="Whether the server is there")
    async def live() -> Response:
        return JSONResponse({"live": service.alive}, 200 if service.alive else 503)

    @router.get("/health/ready", summary="Whether all its models answer: 503 where not, and once it is to stop")
    async def ready() -> Response:
        return _readiness({"ready": is_ready(service)})


def is_ready(service: Service) -> bool:
    """Whether it answers new requests: not where it has no model, and no more once it has been told to stop."""
    return bool(service.models) and service.alive and not service.draining


def _readiness(said: dict[str, Any]) -> Response:
    return JSONResponse(said, 200 if said["ready"] else 503)


def _add_models(router: APIRouter, service: Service) -> None:
    async def metadata(name: str, version: str | None) -> dict[str, Any]:
        held = service.model(name, version)
        return about_model(held, held.now, service.settings)

    @router.get("/models/{name}", summary="A model's inputs and outputs")
    async def model(name: str) -> dict[str, Any]:
        return await metadata(name, None)

    @router.get("/models/{name}/versions/{version}", summary="A version's inputs and outputs")
    async def model_version(name: str, version: str) -> dict[str, Any]:
        return await metadata(name, version)

    @router.get("/models/{name}/ready", summary="Whether a model answers")
    async def model_ready(name: str) -> Response:
        return _readiness({"name": service.model(name).name, "ready": is_ready(service)})

    @router.get("/models/{name}/versions/{version}/ready", summary="Whether a version answers")
    async def version_ready(name: str, version: str) -> Response:
        return _readiness({"name": service.model(name, version).name, "ready": is_ready(service)})

    @router.post("/repository/index", summary="The models here, as Triton lists them")
    async def repository() -> list[dict[str, str]]:
        return index(service)

    @router.post("/repository/models/{name}/load", summary="Refused: models come with the server")
    @router.post("/repository/models/{name}/unload", summary="Refused: models come with the server")
    async def loading(name: str) -> Response:
        raise Refused(400, NO_LOADING)


def ways(service: Service) -> list[Way]:
    """Where inputs are posted."""

    async def answer(request: Request) -> Response:
        return await infer(service, service.model(**request.path_params), request)

    return [Way(f"/v2/models/{{name}}{version}/infer", answer) for version in ("", "/versions/{version}")]


def _add_inference(router: APIRouter, service: Service) -> None:
    @router.post("/models/{name}/infer", summary="A model's answers", openapi_extra=REQUEST)
    async def answer(name: str, request: Request) -> Response:
        return await infer(service, service.model(name), request)

    @router.post("/models/{name}/versions/{version}/infer", summary="A version's answers", openapi_extra=REQUEST)
    async def version_answer(name: str, version: str, request: Request) -> Response:
        return await infer(service, service.model(name, version), request)
