"""`POST /predict` for whoever has files and wants answers; `GET /models` for what there is."""

from __future__ import annotations

import base64
import binascii
import json
import time
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from starlette.datastructures import UploadFile

from plusx.data.modalities import MODALITIES
from plusx.serving.admission import Full
from plusx.serving.held import Held
from plusx.serving.refusals import Refused
from plusx.serving.service import Service

Top = Annotated[int, Query(ge=1, le=1000, description="How many of the likeliest labels to list.")]
MULTIPART = "multipart/form-data"


def routes(service: Service) -> APIRouter:
    """The plain part of the application."""
    router = APIRouter(tags=["plain"])

    @router.get("/models", summary="The models here, and what each is for")
    async def models() -> dict[str, Any]:
        return {"models": [about(held) for held in service.models.values()]}

    @router.get("/models/{name}", summary="One model, and what it is for")
    async def model(name: str) -> dict[str, Any]:
        return about(service.model(name))

    @router.post("/predict", summary="Answers, where there is one model")
    async def predict(request: Request, top: Top = 5) -> Response:
        return await _predicted(service, service.model(), request, top)

    @router.post("/models/{name}/predict", summary="Answers of a model")
    async def predict_by(name: str, request: Request, top: Top = 5) -> Response:
        return await _predicted(service, service.model(name), request, top)

    return router


async def _predicted(service: Service, held: Held, request: Request, top: int) -> Response:
    # Before the body is read: a server that is full spends nothing on what it refuses.
    if service.admission.full:
        raise Full(service.admission.retry_after_s)
    began = time.perf_counter()
    sources = await sources_in(request, service.settings.parts)
    with service.admission:
        version = held.now
        answered = await service.answers(version, [source for _, source in sources], top)
    rows = [{"name": name, **one.row} for (name, _), one in zip(sources, answered, strict=True)]
    took = {"duration_ms": round(1000 * (time.perf_counter() - began), 3)}
    return JSONResponse({"model": held.name, "version": str(version.number), "answers": rows, **took})


async def sources_in(request: Request, most: int) -> list[tuple[str | None, bytes]]:
    """The inputs in a request, each with its name where it has one: the files of a form; `{"inputs": [...]}` in JSON,
    each a `{"base64": ...}` or a `{"text": ...}`; or the body itself.

    Raises:
        Refused: there is none, there are too many, or the JSON is another.
    """
    found: list[tuple[str | None, bytes]]
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == MULTIPART:
        found = await _files(request, most)
    elif kind == "application/json":
        found = _from_json(await request.body())
    else:
        found = [(None, await request.body())]
    if not found:
        raise Refused(400, "the request holds no input; send a file as the body, or as a part of a form")
    if len(found) > most:
        raise Refused(413, f"the request holds more than {most} inputs; send several requests")
    return found


async def _files(request: Request, most: int) -> list[tuple[str | None, bytes]]:
    async with request.form(max_files=most + 1, max_fields=most + 1) as form:
        parts = [part for _, part in form.multi_items()]
        return [
            (part.filename, await part.read()) if isinstance(part, UploadFile) else (None, part.encode())
            for part in parts
        ]


def _from_json(body: bytes) -> list[tuple[str | None, bytes]]:
    wrong = Refused(400, 'JSON asks as {"inputs": [{"base64": "..."}]}, or {"text": "..."} for a model of texts')
    try:
        inputs = json.loads(body)["inputs"]
        return [(None, _one(each)) for each in inputs]
    except (ValueError, TypeError, KeyError, RecursionError, binascii.Error):
        raise wrong from None


def _one(each: Any) -> bytes:
    if "text" in each:
        return str(each["text"]).encode()
    return base64.b64decode(each["base64"], validate=True)


def about(held: Held) -> dict[str, Any]:
    """What people and programs are told of a model."""
    manifest, version = held.now.archive.manifest, held.now
    kind = MODALITIES[str(manifest.preprocessing["modality"])]
    return {
        "name": held.name,
        "version": str(version.number),
        "engine": version.batcher.name,
        "task": manifest.task["name"],
        "modality": manifest.preprocessing["modality"],
        "one": kind.one,
        "many": kind.many,
        "classes": list(manifest.classes),
        "precision": manifest.precision,
        "preprocessing": manifest.preprocessing,
        "card": None if manifest.card is None else manifest.card.model_dump(),
        "metrics": manifest.provenance.get("metrics"),
        "data": manifest.provenance.get("data"),
        "created_at": manifest.created_at,
        "loaded_at": version.loaded_at,
        "trouble": held.trouble,
    }
