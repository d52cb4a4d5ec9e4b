"""How many threads an engine takes: one rule for all of them, so that several may share a machine."""

from __future__ import annotations

import os


def threads() -> int:
    """What `OMP_NUM_THREADS` says, which torch keeps to by itself; 0 where it says nothing: as many as there are cores.

    >>> from unittest.mock import patch
    >>> with patch.dict(os.environ, OMP_NUM_THREADS="2"):
    ...     threads()
    2
    """
    said = os.environ.get("OMP_NUM_THREADS", "")
    return int(said) if said.isdecimal() else 0
