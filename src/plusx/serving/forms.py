"""The parts of a form, in memory: a body is bounded by then, and nothing is written to disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from plusx.serving.refusals import Refused

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

DISPOSITION = b"content-disposition"


def parts_of(content_type: str, body: bytes, most: int) -> list[tuple[str | None, bytes]]:
    """Each part's file name, None where it is no file, and its content, in order.

    Raises:
        Refused: the form is damaged or cut short (400), or has more parts (413).

    >>> part = b'--a\\r\\nContent-Disposition: form-data; name="f"; filename="b.png"\\r\\n\\r\\nbytes\\r\\n--a--\\r\\n'
    >>> parts_of("multipart/form-data; boundary=a", part, 1)
    [('b.png', b'bytes')]
    """
    boundary = parse_options_header(content_type.encode("latin-1"))[1].get(b"boundary")
    if not boundary:
        raise Refused(400, "the form's Content-Type has no boundary")
    form = _Form(most)
    try:
        parser = MultipartParser(boundary, form.callbacks())
        parser.write(body)
        parser.finalize()
    except (FormParserError, ValueError) as error:
        raise Refused(400, f"the form cannot be read: {error}") from None
    if not form.whole:
        raise Refused(400, "the form is cut short; send it again")
    return form.parts


class _Form:
    """What a parser finds."""

    def __init__(self, most: int):
        self.parts: list[tuple[str | None, bytes]] = []
        self.whole = False
        self._most = most
        self._content: list[bytes] = []
        self._name: str | None = None
        self._header, self._value = b"", b""

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._add_header,
            "on_header_value": self._add_value,
            "on_header_end": self._end_header,
            "on_part_data": self._add,
            "on_part_end": self._end,
            "on_end": self._finish,
        }

    def _begin(self) -> None:
        if len(self.parts) == self._most:
            raise Refused(413, f"the request holds more than {self._most} inputs; send several requests")
        self._content, self._name = [], None

    def _add_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._header.lower() == DISPOSITION:
            name = parse_options_header(self._value)[1].get(b"filename")
            self._name = None if name is None else name.decode(errors="replace")
        self._header, self._value = b"", b""

    def _add(self, data: bytes, start: int, end: int) -> None:
        self._content.append(data[start:end])

    def _end(self) -> None:
        self.parts.append((self._name, b"".join(self._content)))

    def _finish(self) -> None:
        self.whole = True
