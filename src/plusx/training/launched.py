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


def launch() -> str | None:
    """What all processes of one call of torchrun share, restarted ones too; None where it is not known.

    Which of them are restarted `restarts` alone does not tell: where several machines train, it counts each one's own.
    """
    name = os.environ.get("TORCHELASTIC_RUN_ID")
    return None if name in (None, "none") else name
