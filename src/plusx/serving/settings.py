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
        batch: the most examples that are answered at once. On two cores a ResNet-50 answers no more a second from 4 on,
            and larger batches only wait for one another; a GPU wants more.
        batch_wait_s: how long a batch's first example waits for others that are on their way.
        body_bytes: of a request.
        body_s: the longest that a request's bytes may take to come.
        body_rate: bytes a second that must come of a body that is not there after a few seconds.
        bodies_bytes: of all requests' bodies together; what is more gets 503.
        parts: files in a request.
        json_values: numbers, texts, lists and objects in a request's JSON.
        pixels: of a picture; a model's own `max_pixels` holds where it is smaller.
        voxels: of a volume; likewise.
        samples: of a sound, all channels together; likewise.
        values: of a signal, all channels together; likewise.
        decoding_bytes: what may be in memory at once of examples that are being decoded; the others wait.
        url_bytes: of a request's address.
        head_bytes: of a request's line and headers together.
        head_count: headers of a request.
        head_s: the longest that a request's line and headers may take to come.
        idle_s: how long a connection may say nothing between two requests.
        write_s: how long a client may read nothing of its answer.
        connections: open at once; for one more, the one that has said least goes.
        reload_s: how often it is looked whether a model's file was replaced; 0: never.
    """

    token: str | None = None
    inside: int = 64
    timeout_s: float = 30.0
    batch: int = 8
    batch_wait_s: float = 0.002
    body_bytes: int = 32 << 20
    body_s: float = 30.0
    body_rate: int = 4096
    bodies_bytes: int = 512 << 20
    parts: int = 64
    json_values: int = 1_000_000
    pixels: int = 50_000_000
    voxels: int = 1 << 26
    samples: int = 1 << 26
    values: int = 1 << 22
    decoding_bytes: int = 1 << 30
    url_bytes: int = 8 << 10
    head_bytes: int = 32 << 10
    head_count: int = 100
    head_s: float = 10.0
    idle_s: float = 75.0
    write_s: float = 30.0
    connections: int = 1024
    reload_s: float = 2.0
