"""The page for people at `/`, and the list of operations at `/docs`: files of this package, each served by its name."""

from __future__ import annotations

import hashlib
from importlib.resources import files

from fastapi import APIRouter, Request
from fastapi.responses import Response

from plusx.serving.refusals import Refused

HTML, CSS, SCRIPT = (f"text/{kind}; charset=utf-8" for kind in ("html", "css", "javascript"))
FILES: dict[str, str] = {
    "index.html": HTML,
    "docs.html": HTML,
    "style.css": CSS,
    "main.js": SCRIPT,
    "api.js": SCRIPT,
    "token.js": SCRIPT,
    "elements.js": SCRIPT,
    "inputs.js": SCRIPT,
    "draw.js": SCRIPT,
    "record.js": SCRIPT,
    "tap.js": SCRIPT,
    "wav.js": SCRIPT,
    "results.js": SCRIPT,
    "result.js": SCRIPT,
    "answers.js": SCRIPT,
    "overlay.js": SCRIPT,
    "previews.js": SCRIPT,
    "card.js": SCRIPT,
    "docs.js": SCRIPT,
}
"""Each file that the page has, with its content type; no name from a request is ever opened."""

POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' blob: data:",
        "media-src blob:",
        "worker-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
"""What the page may load: its own files, and what a person gave it."""


def routes() -> APIRouter:
    """The page's part of the application. Its files are read once, when this is called."""
    router = APIRouter(include_in_schema=False)
    held = {name: _Held(name) for name in FILES}

    @router.api_route("/", methods=["GET", "HEAD"])
    async def page(request: Request) -> Response:
        return held["index.html"].answer(request)

    @router.api_route("/docs", methods=["GET", "HEAD"])
    async def docs(request: Request) -> Response:
        return held["docs.html"].answer(request)

    @router.api_route("/page/{file}", methods=["GET", "HEAD"])
    async def part(file: str, request: Request) -> Response:
        if file not in held:
            raise Refused(404, "the page has no such file")
        return held[file].answer(request)

    return router


class _Held:
    """A file of the page in memory."""

    def __init__(self, name: str):
        self._content = files("plusx.serving.page").joinpath(name).read_bytes()
        self._etag = f'"{hashlib.sha256(self._content).hexdigest()[:32]}"'
        self._headers = {
            "ETag": self._etag,
            # A browser asks each time whether it changed: a newer server's page never meets an older one's script.
            "Cache-Control": "no-cache",
            "Content-Security-Policy": POLICY,
            "Content-Type": FILES[name],
        }

    def answer(self, request: Request) -> Response:
        """The file; or that the browser has it already."""
        known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
        if self._etag in known:
            return Response(status_code=304, headers=self._headers)
        return Response(self._content, headers=self._headers)
