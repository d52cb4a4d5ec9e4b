"""How much memory examples may take that are decoded side by side."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from plusx.serving.batcher import Closed, Late


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
                self._freed.notify_all()
