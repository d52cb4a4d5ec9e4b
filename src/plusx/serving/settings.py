"""What a server is told when it starts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """How much a server takes on, and from whom.

    Args:
        token: what a request must bring as `Authorization: Bearer TOKEN`; None: nothing.
        inside: so many requests may wait or be answered at once; others get 429.
        timeout_s: the time from a request's last byte to its answer; then it gets 504.
        batch: the most examples that are answered at once.
        batch_wait_s: how long a batch's first example waits for others that are on their way.
        body_bytes: of a request.
        body_s: the longest that a request's bytes may take to come.
        parts: files in a request.
        reload_s: how often it is looked whether a model's file was replaced; 0: never.
    """

    token: str | None = None
    inside: int = 64
    timeout_s: float = 30.0
    batch: int = 32
    batch_wait_s: float = 0.002
    body_bytes: int = 32 << 20
    body_s: float = 30.0
    parts: int = 64
    reload_s: float = 2.0
