"""`POST /predict` for whoever has files and wants answers; `GET /models` for what there is."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from plusx.predict.one import Answered
from plusx.serving.about import about
from plusx.serving.admission import Full
from plusx.serving.direct import Way
from plusx.serving.forms import parts_of
from plusx.serving.held import Held, Version
from plusx.serving.limits import read_json
from plusx.serving.looking import Looking
from plusx.serving.masks import painted
from plusx.serving.refusals import Refused
from plusx.serving.service import Service
from plusx.serving.settings import Settings


class Wish(BaseModel):
    """What a request's query asks for."""

    model_config = ConfigDict(frozen=True)

    top: int = Field(default=5, ge=1, le=1000, description="How many of the likeliest labels to list.")
    explain: bool = Field(default=False, description="Whether to say where in a picture an answer comes from: `heat`.")
    masks: bool = Field(default=False, description="Whether to send a segmentation's mask: `mask`, `legend`.")


Asked = Annotated[Wish, Query()]
ONE = {"type": "object", "properties": {"base64": {"type": "string"}, "text": {"type": "string"}}}
BODY: dict[str, Any] = {
    "requestBody": {
        "description": "The files of a form; the bytes of a file; or JSON, each input a file in Base64 or a text.",
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}}
            },
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["inputs"],
                    "properties": {"inputs": {"type": "array", "minItems": 1, "items": ONE}},
                }
            },
        },
    }
}
MULTIPART = "multipart/form-data"


def routes(service: Service, looking: Looking) -> APIRouter:
    """The plain part of the application."""
    router = APIRouter(tags=["plain"])

    @router.get("/models", summary="The models here, and what each is for")
    async def models() -> dict[str, Any]:
        return {"models": [about(held) for held in service.models.values()]}

    @router.get("/models/{name}", summary="One model, and what it is for")
    async def model(name: str) -> dict[str, Any]:
        return about(service.model(name))

    @router.post("/predict", summary="Answers, where there is one model", openapi_extra=BODY)
    async def predict(request: Request, wish: Asked) -> Response:
        return await _predicted(service, looking, service.model(), request, wish)

    @router.post("/models/{name}/predict", summary="Answers of a model", openapi_extra=BODY)
    async def predict_by(name: str, request: Request, wish: Asked) -> Response:
        return await _predicted(service, looking, service.model(name), request, wish)

    return router


def ways(service: Service, looking: Looking) -> list[Way]:
    """Where inputs are posted."""

    async def answer(request: Request) -> Response:
        try:
            wish = Wish.model_validate(dict(request.query_params)) if request.query_params else Wish()
        except ValidationError as error:
            raise RequestValidationError([{**one, "loc": ("query", *one["loc"])} for one in error.errors()]) from None
        return await _predicted(service, looking, service.model(**request.path_params), request, wish)

    return [Way("/predict", answer), Way("/models/{name}/predict", answer)]


async def _predicted(service: Service, looking: Looking, held: Held, request: Request, wish: Wish) -> Response:
    # Before the body is read: a server that is full spends nothing on what it refuses.
    if service.admission.full:
        raise Full(service.admission.retry_after_s)
    began = time.perf_counter()
    sources = await sources_in(request, service.settings)
    with service.admission:
        version = held.now
        given = [source for _, source in sources]
        answered = await service.answers(version, given, wish.top)
        rows = [{"name": name, **one.row} for (name, _), one in zip(sources, answered, strict=True)]
        answer: dict[str, Any] = {"model": held.name, "version": str(version.number), "answers": rows}
        answer["duration_ms"] = round(1000 * (time.perf_counter() - began), 3)
        if wish.explain:
            heats = await looking.heats(version, given, answered)
            answer |= {"heat_error": heats.error, "heat_later": heats.later}
            for row, heat in zip(rows, heats.each, strict=True):
                row["heat"] = heat
        if wish.masks:
            await _add_masks(service, version, rows, answered)
    return JSONResponse(answer)


async def _add_masks(
    service: Service, version: Version, rows: Sequence[dict[str, Any]], answered: Sequence[Answered]
) -> None:
    classes = version.archive.manifest.classes
    there = [(row, one.mask) for row, one in zip(rows, answered, strict=True) if one.mask is not None]
    pictures = await service.run([lambda mask=mask: painted(mask, classes) for _, mask in there])
    for (row, _), picture in zip(there, pictures, strict=True):
        row.update(picture)


async def sources_in(request: Request, settings: Settings) -> list[tuple[str | None, bytes]]:
    """The inputs in a request, each with its name where it has one: the files of a form; `{"inputs": [...]}` in JSON,
    each a `{"base64": ...}` or a `{"text": ...}`; or the body itself.

    Raises:
        Refused: there is none, there are too many, or the JSON is another.
    """
    found: list[tuple[str | None, bytes]]
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == MULTIPART:
        found = parts_of(request.headers["content-type"], await request.body(), settings.parts)
    elif kind == "application/json":
        found = _from_json(read_json(await request.body(), settings))
    else:
        found = [(None, await request.body())]
    if not found:
        raise Refused(400, "the request holds no input; send a file as the body, or as a part of a form")
    if len(found) > settings.parts:
        raise Refused(413, f"the request holds more than {settings.parts} inputs; send several requests")
    return found


def _from_json(asked: Any) -> list[tuple[str | None, bytes]]:
    try:
        return [(None, _one(each)) for each in asked["inputs"]]
    except (ValueError, TypeError, KeyError, binascii.Error):
        what = 'JSON asks as {"inputs": [{"base64": "..."}]}, or {"text": "..."} for a model of texts'
        raise Refused(400, what) from None


def _one(each: Any) -> bytes:
    if "text" in each:
        return str(each["text"]).encode()
    return base64.b64decode(each["base64"], validate=True)
