"""What a request's line and headers must be like, before anything else is looked at."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from starlette.types import Scope

from plusx.serving.refusals import Refused
from plusx.serving.settings import Settings

METHODS = ("GET", "HEAD", "POST")
SAFE_METHODS = ("GET", "HEAD")
VERSIONS = ("1.0", "1.1", "2")
ONCE = frozenset(
    b"authorization content-encoding content-length content-type host origin sec-fetch-site transfer-encoding".split()
)
"""Headers that two readers would understand differently where they are there twice."""
CHARSETS = ("utf-8", "utf8", "us-ascii")
OPEN_PATHS = ("/", "/v2/health/live", "/v2/health/ready")
OPEN_FOLDER = "/page/"


class Head(NamedTuple):
    """A request without its body; header names in lower case."""

    method: str
    version: str
    path: str
    url_bytes: int
    headers: dict[bytes, bytes]
    header_count: int
    size: int
    local: bool
    """Whether it came to an address of this machine alone."""


def head_of(scope: Scope) -> Head:
    """The head of an ASGI request.

    Raises:
        Refused: a header that counts once is there twice.
    """
    headers: dict[bytes, bytes] = {}
    size = 0
    for name, value in scope["headers"]:
        if name in headers and name in ONCE:
            raise Refused(400, f"the request has {name.decode('latin-1')} twice")
        headers[name] = value
        size += len(name) + len(value) + 4
    raw = scope.get("raw_path") or scope["path"].encode()
    url = len(raw) + len(scope["query_string"])
    version = scope.get("http_version", "1.1")
    local = is_loopback((scope.get("server") or ("",))[0])
    return Head(scope["method"], version, scope["path"], url, headers, len(scope["headers"]), size, local)


def check_head(head: Head, settings: Settings) -> None:
    """Nothing, or why the request is not answered.

    Raises:
        Refused: with the status that says why.
    """
    _check_form(head, settings)
    if settings.token is None:
        if head.local:
            _check_host(head.headers[b"host"])
        if head.method not in SAFE_METHODS:
            _check_origin(head.headers)
    elif not _is_open(head.path):
        _check_token(head.headers.get(b"authorization", b""), settings.token)
    _check_body(head, settings)


def _check_form(head: Head, settings: Settings) -> None:
    if head.version not in VERSIONS:
        raise Refused(505, f"HTTP/{head.version} is not spoken here; ask by HTTP/1.1")
    if head.method not in METHODS:
        raise Refused(405, f"only {', '.join(METHODS)} are answered", {"Allow": ", ".join(METHODS)})
    if head.url_bytes > settings.url_bytes:
        raise Refused(414, f"the address is above {settings.url_bytes} bytes; send the rest as the body")
    if head.header_count > settings.head_count or head.size > settings.head_bytes:
        raise Refused(431, f"the headers are above {settings.head_count}, or {settings.head_bytes} bytes")
    if b"host" not in head.headers:
        raise Refused(400, "the request has no Host")


def _check_host(host: bytes) -> None:
    """A foreign page can have its own name point at this machine, and its browser would let it read the answers; the
    name in Host is then the page's."""
    if not is_loopback(_name_in(host.decode("latin-1"))):
        raise Refused(421, "this server answers to localhost alone; start it with a token to be asked by other names")


def _name_in(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


@lru_cache(maxsize=64)
def is_loopback(host: str) -> bool:
    """Whether a name or address is that of the machine itself.

    >>> [is_loopback(host) for host in ("localhost", "127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "a.example")]
    [True, True, True, True, False, False]
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def _check_origin(headers: dict[bytes, bytes]) -> None:
    """A page of another server can have a browser send forms here. Browsers say whose page asks; programs say
    nothing."""
    site, origin = headers.get(b"sec-fetch-site"), headers.get(b"origin")
    if site is not None:
        foreign = site not in (b"same-origin", b"none")
    else:
        foreign = origin is not None and origin.partition(b"://")[2].lower() != headers[b"host"].lower()
    if foreign:
        raise Refused(403, "a page of another server may not ask this one; ask from this server's own page")


def _is_open(path: str) -> bool:
    return path in OPEN_PATHS or path.startswith(OPEN_FOLDER)


def _check_token(authorization: bytes, token: str) -> None:
    scheme, _, given = authorization.partition(b" ")
    # In a time that does not depend on how much of it is right.
    right = hmac.compare_digest(given.strip(), token.encode())
    if scheme.lower() != b"bearer" or not right:
        what = "the request needs the header Authorization: Bearer TOKEN, with the server's token"
        raise Refused(401, what, {"WWW-Authenticate": 'Bearer realm="plusx"'})


def _check_body(head: Head, settings: Settings) -> None:
    headers = head.headers
    if headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
        what = "packed bodies are not taken; send it without Content-Encoding"
        raise Refused(415, what, {"Accept-Encoding": "identity"})
    if headers.get(b"transfer-encoding", b"chunked").strip().lower() != b"chunked":
        raise Refused(501, "of Transfer-Encoding only chunked is understood")
    if b"transfer-encoding" in headers and head.version == "1.0":
        raise Refused(400, "HTTP/1.0 has no Transfer-Encoding; ask by HTTP/1.1")
    length = headers.get(b"content-length", b"0").strip()
    # Compared by its digits first: a number of thousands of them is not worth making.
    if not length.isdigit():
        raise Refused(400, "Content-Length is no number")
    if len(length) > 18 or int(length) > settings.body_bytes:
        raise too_large(settings)
    if any(charset not in CHARSETS for charset in _charsets(headers.get(b"content-type", b""))):
        raise Refused(415, "text is taken in UTF-8; send it so, with charset=utf-8 or without")


def _charsets(kind: bytes) -> Iterable[str]:
    """Python knows text encodings that take quadratic time, or make letters that are none."""
    for part in kind.decode("latin-1").split(";")[1:]:
        name, _, value = part.partition("=")
        if name.strip().lower() == "charset":
            yield value.strip().strip('"').lower()


def too_large(settings: Settings) -> Refused:
    """The refusal of a body."""
    return Refused(413, f"the request is above {settings.body_bytes / (1 << 20):g} MiB; send less at once (--max-body)")
