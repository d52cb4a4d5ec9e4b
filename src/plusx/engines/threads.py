"""How many threads an engine takes: one rule for all of them, so that several may share a machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_SHARING: ContextVar[bool] = ContextVar("sharing", default=False)


def threads() -> int:
    """What `OMP_NUM_THREADS` says, which torch keeps to by itself; 0 where it says nothing: as many as there are cores.

    >>> from unittest.mock import patch
    >>> with patch.dict(os.environ, OMP_NUM_THREADS="2"):
    ...     threads()
    2
    """
    said = os.environ.get("OMP_NUM_THREADS", "")
    return int(said) if said.isdecimal() else 0


@contextmanager
def sharing() -> Iterator[None]:
    """Engines that are made in here leave the cores to others between two calls.

    ONNX Runtime's threads else wait for the next call in a loop, which is a little sooner for a loop of calls; of a
    server that is asked now and then it took 7.6 ms of the cores for an answer of 0.3 ms.
    """
    token = _SHARING.set(True)
    try:
        yield
    finally:
        _SHARING.reset(token)


def spins() -> bool:
    """Whether an engine's threads may wait in a loop.

    >>> with sharing():
    ...     spins()
    False
    """
    return not _SHARING.get()
