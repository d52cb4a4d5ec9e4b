"""What a request is told that gets no answer."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response

from plusx.errors import PlusxError
from plusx.serving.admission import Full
from plusx.serving.batcher import Closed, Late


class Refused(PlusxError):
    """A request that is wrong.

    Args:
        status: of HTTP.
        what: one line, which names what is wrong and the mend.
        headers: that go with the status.
    """

    def __init__(self, status: int, what: str, headers: Mapping[str, str] | None = None):
        super().__init__(what)
        self.status, self.headers = status, dict(headers or {})


def status_of(error: PlusxError) -> int:
    """HTTP's status for an error.

    >>> status_of(Full(2)), status_of(Refused(404, "no such model")), status_of(PlusxError("broken"))
    (429, 404, 500)
    """
    if isinstance(error, Refused):
        return error.status
    return {Full: 429, Late: 504, Closed: 503}.get(type(error), 500)


def refusal_of(error: RequestValidationError) -> Refused:
    """What FastAPI finds wrong with a request, as one line.

    >>> str(refusal_of(RequestValidationError([{"loc": ("query", "top"), "msg": "it is no number"}])))
    'query top: it is no number'
    """
    first = error.errors()[0]
    return Refused(400, f"{' '.join(str(part) for part in first['loc'])}: {first['msg']}")


def response_of(error: PlusxError) -> Response:
    """The error as an answer: `{"error": "..."}`.

    >>> response_of(Full(2)).headers["retry-after"]
    '2'
    """
    headers = error.headers if isinstance(error, Refused) else {}
    if isinstance(error, Full):
        headers = {"Retry-After": str(error.retry_after_s)}
    return JSONResponse({"error": str(error)}, status_of(error), headers)
