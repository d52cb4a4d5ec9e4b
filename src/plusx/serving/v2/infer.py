"""An inference request, from its body to its answer."""

from __future__ import annotations

import asyncio

from fastapi import Request
from fastapi.responses import Response

from plusx.predict.one import Answered
from plusx.serving.admission import Full
from plusx.serving.held import Held, Version
from plusx.serving.refusals import Refused
from plusx.serving.service import Service
from plusx.serving.v2.metadata import taken_by
from plusx.serving.v2.offered import Chosen, chosen
from plusx.serving.v2.requests import JSON_LENGTH, InferRequest, read_request
from plusx.serving.v2.responses import Given, classified, write_response

SMALL_BYTES = 1 << 16
SMALL_ELEMENTS = 1 << 14
"""What is larger is read or written in a thread, so that it keeps nobody else waiting."""


async def infer(service: Service, held: Held, request: Request) -> Response:
    """The model's answer.

    Raises:
        Full: as many requests as are allowed wait already.
        Refused: it is no such request, or none of its inputs can be read.
        Late: it takes longer than `settings.timeout_s`.
    """
    # Before the body is read: a server that is full spends nothing on what it refuses.
    if service.admission.full:
        raise Full(service.admission.retry_after_s)
    body = await request.body()
    with service.admission:
        version = held.now
        asked = await _read(service, version, body, request.headers.get(JSON_LENGTH))
        outputs = chosen(version, asked)
        answers = await _answers(service, version, asked, outputs)
        content, headers = await _write(held, version, asked, outputs, answers)
    return Response(content, headers=headers)


async def _read(service: Service, version: Version, body: bytes, json_length: str | None) -> InferRequest:
    taken = taken_by(version, service.settings)
    if len(body) > SMALL_BYTES:
        return await asyncio.to_thread(read_request, body, json_length, taken)
    return read_request(body, json_length, taken)


async def _answers(service: Service, version: Version, asked: InferRequest, outputs: list[Chosen]) -> list[Answered]:
    if asked.values.dtype == object:
        answers = await service.answers(version, asked.values.tolist(), asked.top)
        if all(one.row["error"] is not None for one in answers):
            raise Refused(400, f"input: {answers[0].row['error']}")
        return answers
    given = await service.outputs(version, asked.values)
    if not any(one.offered.of_rows for one in outputs):
        return [Answered({}, outputs=one) for one in given]
    # What a task makes of outputs may take longer than the network did.
    return (await service.run([lambda: version.answer.of_outputs(given, asked.top)]))[0]


async def _write(
    held: Held, version: Version, asked: InferRequest, outputs: list[Chosen], answers: list[Answered]
) -> tuple[bytes, dict[str, str]]:
    head = {"model_name": held.name, "model_version": str(version.number)}
    head |= {} if asked.id is None else {"id": asked.id}

    def write() -> tuple[bytes, dict[str, str]]:
        return write_response(head, [_given(version, one, answers) for one in outputs])

    if len(answers) * sum(one.offered.elements for one in outputs) > SMALL_ELEMENTS:
        return await asyncio.to_thread(write)
    return write()


def _given(version: Version, one: Chosen, answers: list[Answered]) -> Given:
    (name, binary, classes), values = one.wanted, one.offered.made(answers)
    if classes:
        return Given(name, classified(values, classes, version.archive.manifest.classes), binary)
    return Given(name, values, binary, one.offered.is_text)
