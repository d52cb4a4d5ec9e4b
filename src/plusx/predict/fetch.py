"""Inputs read ahead from disks and addresses, many at once: who answers them does not wait for a network."""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from plusx.data.content import MAX_FILE_BYTES, file_bytes
from plusx.data.decode import BadSample
from plusx.data.places import is_address, read_address
from plusx.errors import PlusxError
from plusx.predict.ahead import mapped

READERS = 32
READERS_OF_LARGE = 4
LARGE = ("volume",)
"""Modalities of which a few examples fill a gigabyte."""

Row = dict[str, Any]


def readers_for(modality: str) -> int:
    """How many examples are read at once."""
    return READERS_OF_LARGE if modality in LARGE else READERS


def fetched_rows(
    rows_of: Callable[[Iterable[bytes]], Iterator[Row]],
    inputs: Iterable[tuple[str, str]],
    answer: Iterable[str],
    readers: int = READERS,
) -> Iterator[Row]:
    """A row an input, in order, as `predict_stream` gives it; an input that cannot be read has its `error`.

    Args:
        rows_of: answers files' bytes, in order.
        inputs: what each is called in its row, and where it is: a path or an address.
        answer: a row's parts between `path` and `error`.
        readers: how many are read at once.

    Raises:
        PlusxError: a package is missing that is needed to read an address.
    """
    waiting: deque[tuple[str, str | None]] = deque()

    def good() -> Iterator[bytes]:
        for (name, _), content in mapped(lambda each: content_of(each[1]), inputs, readers, readers):
            waiting.append((name, content if isinstance(content, str) else None))
            if isinstance(content, bytes):
                yield content

    def bad() -> Iterator[Row]:
        while waiting and waiting[0][1] is not None:
            name, reason = waiting.popleft()
            yield {"path": name, **dict.fromkeys(answer), "error": reason}

    for row in rows_of(good()):
        yield from bad()
        yield {**row, "path": waiting.popleft()[0]}
    yield from bad()


def content_of(place: str) -> bytes | str:
    """The bytes at a path or an address, or why there are none.

    Raises:
        PlusxError: a package is missing that is needed to read the address.

    >>> content_of("none.png")
    'there is no such file'
    """
    try:
        if not is_address(place):
            return file_bytes(place)
        content = read_address(place, 0, MAX_FILE_BYTES + 1)
    except BadSample as error:
        return error.reason
    except FileNotFoundError:
        return "there is no such file"
    except PlusxError as error:
        if isinstance(error.__cause__, ImportError):
            raise
        # Nothing can be asked of an empty file but all of it.
        empty = getattr(error.__cause__, "errno", None) == errno.EINVAL
        return b"" if empty else str(error).removeprefix(f"{place}: ")
    return content if len(content) <= MAX_FILE_BYTES else "the file is larger than 1 GiB"
