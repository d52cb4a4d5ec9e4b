"""What a server says on stderr: a JSON object a line for programs, words for a person at a terminal."""

from __future__ import annotations

import json
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TextIO

from plusx.errors import WrongUse, nearest

REQUESTS = logging.getLogger("plusx.requests")
"""A record of INFO for each request; without `logged` nobody hears it."""
NOTICES = logging.getLogger("plusx.serving")
FIELDS = "plusx_fields"
"""The attribute by which a record has its fields."""
JSON, TEXT, OFF = "json", "text", "off"
MOST_LINES = 10_000


def fields(**values: Any) -> dict[str, Any]:
    """What a logger takes as `extra` so that its line has these fields; those that are None are left out."""
    return {FIELDS: {name: value for name, value in values.items() if value is not None}}


class JsonLine(logging.Formatter):
    """A record as one JSON object in ASCII, so that nothing of a client's ends a line or moves a terminal's cursor."""

    def format(self, record: logging.LogRecord) -> str:
        """Time in UTC, level and event; then the record's fields."""
        line: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, FIELDS, {}),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line)


class TextLine(logging.Formatter):
    """A record for a person: what happened, then `name=value`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and a trace below it where there is one."""
        own = [printable(record.getMessage())]
        own += [f"{name}={printable(str(value))}" for name, value in getattr(record, FIELDS, {}).items()]
        if record.levelno >= logging.WARNING:
            own.insert(0, f"{record.levelname.lower()}:")
        if record.name == REQUESTS.name:
            own.insert(0, _time(record)[11:19])
        trace = self.formatException(record.exc_info).splitlines() if record.exc_info else []
        return "\n".join([" ".join(own), *map(printable, trace)])


def printable(text: str) -> str:
    r"""The text, with what no terminal shows as a letter written out.

    >>> printable("a\nb\x1b[2J Käse")
    'a\\nb\\x1b[2J Käse'
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def _time(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Lines(logging.Handler):
    """Writes lines by a thread of its own: whoever reads them too slowly holds up no request.

    Args:
        stream: where they go.
        most: so many may wait; later ones are counted instead, and the count is said.
    """

    def __init__(self, stream: TextIO, most: int = MOST_LINES):
        super().__init__()
        self._stream, self._most = stream, most
        self._waiting: deque[str] = deque()
        self._dropped = self._told = 0
        self._more = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="plusx-log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Lets the line be written soon."""
        if len(self._waiting) >= self._most:
            self._dropped += 1
            return
        self._waiting.append(self.format(record))
        self._more.set()

    def close(self) -> None:
        """Writes what waits, for a second at most: a reader that is stuck keeps nobody from leaving."""
        self._closing = True
        self._more.set()
        self._thread.join(1.0)
        super().close()

    def _work(self) -> None:
        while not self._closing or self._waiting:
            self._more.wait()
            self._more.clear()
            self._write()

    def _write(self) -> None:
        lines = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if (dropped := self._dropped) > self._told:
            what = "log lines were dropped, which nobody read in time"
            record = logging.LogRecord(NOTICES.name, logging.WARNING, "", 0, what, (), None)
            record.__dict__.update(fields(count=dropped - self._told))
            lines.append(self.format(record))
            self._told = dropped
        try:
            self._stream.write("".join(f"{line}\n" for line in lines))
            self._stream.flush()
        except (OSError, ValueError):
            # Nobody reads stderr any more; requests are answered all the same.
            return


def form_for(name: str | None, stream: TextIO) -> str:
    """`json`, `text` or `off`: the one that is named, or what suits the stream.

    Raises:
        WrongUse: no such form.
    """
    if name is None:
        return TEXT if stream.isatty() else JSON
    if name not in (JSON, TEXT, OFF):
        raise WrongUse(f"--log {name}: there are json, text, off{nearest(name, [JSON, TEXT, OFF])}")
    return name


@contextmanager
def logged(name: str | None, stream: TextIO) -> Iterator[Callable[[str], None]]:
    """Has requests, uvicorn's errors and what a person should know written; gives the function that says the latter.

    Args:
        name: `json`, `text`, or `off` for no line a request; None: text for a terminal, else JSON.
        stream: such as stderr.

    Raises:
        WrongUse: no such form.
    """
    form = form_for(name, stream)
    handler = Lines(stream)
    handler.setFormatter(JsonLine() if form == JSON else TextLine())
    levels = {
        REQUESTS: logging.WARNING if form == OFF else logging.INFO,
        NOTICES: logging.INFO,
        logging.getLogger("uvicorn"): logging.WARNING,
    }
    before = {logger: (logger.level, logger.propagate) for logger in levels}
    for logger, level in levels.items():
        logger.addHandler(handler)
        logger.setLevel(level)
        logger.propagate = False
    try:
        yield NOTICES.info
    finally:
        for logger, (level, propagate) in before.items():
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagate
        handler.close()
