"""What torchrun tells a process of itself, in the environment: read without torch."""

from __future__ import annotations

import os


def leads() -> bool:
    """Whether this process is the one that speaks, by the environment that torchrun gives it."""
    return os.environ.get("RANK", "0") == "0"


def restarts() -> int | None:
    """How often torchrun has restarted the processes; None where it did not start this one."""
    text = os.environ.get("TORCHELASTIC_RESTART_COUNT")
    return None if text is None else int(text)


def may_restart() -> bool:
    """Whether torchrun will restart the processes when one of them fails."""
    return int(os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0")) > 0
