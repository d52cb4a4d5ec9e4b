"""How many requests are let in, and how long the others are told to wait."""

from __future__ import annotations

import math
import threading
from types import TracebackType

from plusx.errors import PlusxError

SHARE_OF_NEW = 0.1


class Full(PlusxError):
    """As many requests as are allowed wait already.

    Args:
        retry_after_s: when it is worth to ask again, whole seconds.
    """

    def __init__(self, retry_after_s: int):
        super().__init__(f"as many requests as are allowed wait already; ask again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class Admission:
    """Counts the requests inside; used as a context by each of them.

    Args:
        most: so many may be inside, those that are being answered included.

    >>> admission = Admission(1)
    >>> with admission, admission:
    ...     pass
    Traceback (most recent call last):
    plusx.serving.admission.Full: as many requests as are allowed wait already; ask again in 1 s
    >>> admission.inside
    0
    """

    def __init__(self, most: int):
        self.most, self.inside = most, 0
        self._seconds = 0.0
        self._lock = threading.Lock()

    @property
    def full(self) -> bool:
        """Whether the next one would be refused."""
        return self.inside >= self.most

    @property
    def retry_after_s(self) -> int:
        """When those inside will about have been answered, whole seconds."""
        return max(1, math.ceil(self.most * self._seconds))

    def __enter__(self) -> None:
        with self._lock:
            if self.full:
                raise Full(self.retry_after_s)
            self.inside += 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        with self._lock:
            self.inside -= 1

    def answered(self, count: int, seconds: float) -> None:
        """So many examples took the engine so long: what waiting times are guessed from."""
        with self._lock:
            self._seconds += SHARE_OF_NEW * (seconds / count - self._seconds)
