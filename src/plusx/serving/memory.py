"""How much memory examples may take that are decoded side by side."""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from plusx.serving.batcher import Closed, Late

LARGE_BYTES = 4 << 20
M_ARENA_MAX, ARENAS = -8, 2
M_MMAP_THRESHOLD = -3


class Memory:
    """A number of bytes that threads share: who needs more than is free waits, however many pass that need less.

    Args:
        limit: all together; who asks for more than that gets all of it.

    >>> memory = Memory(100)
    >>> with memory.of(1000, until=0.0):
    ...     memory.held
    100
    >>> memory.held
    0
    """

    def __init__(self, limit: int):
        self.limit, self.held = limit, 0
        self.untidy = False
        """Whether something large was held since this was last set to false."""
        self._closed = False
        self._freed = threading.Condition()

    def close(self) -> None:
        """Whoever waits, waits no more."""
        with self._freed:
            self._closed = True
            self._freed.notify_all()

    @contextmanager
    def of(self, size: int, until: float) -> Iterator[None]:
        """So many bytes, for as long as this is entered.

        Args:
            size: bytes.
            until: of `time.monotonic`.

        Raises:
            Late: so many were not free by then.
            Closed: `close` was called.
        """
        size = min(size, self.limit)
        with self._freed:
            left = max(0.0, until - time.monotonic())
            if not self._freed.wait_for(lambda: self._closed or self.held + size <= self.limit, left):
                raise Late
            if self._closed:
                raise Closed
            self.held += size
        try:
            yield
        finally:
            with self._freed:
                self.held -= size
                self.untidy = self.untidy or size >= LARGE_BYTES
                self._freed.notify_all()


def keep_little() -> None:
    """Has this process give back what it frees, as far as the system's allocator can.

    glibc has each thread keep what it freed, and after one large block is freed keeps later ones of that size, too: a
    hundred bombs to sixteen threads left 100 to 200 MiB, ten thousand hostile requests 142 MiB.
    """
    if (mallopt := _of_glibc("mallopt")) is not None:
        mallopt(M_ARENA_MAX, ARENAS)
        mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)


def give_back() -> None:
    """Gives the system what this process has freed."""
    if (trim := _of_glibc("malloc_trim")) is not None:
        trim(0)


def _of_glibc(name: str) -> Callable[..., int] | None:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
