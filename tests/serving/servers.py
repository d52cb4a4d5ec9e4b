"""Real servers for tests: tiny models, uvicorn in a thread or `plusx serve` in a process, and requests to them."""

import asyncio
import http.client
import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image

from plusx.archive import write_archive
from plusx.data.image import ImageSpec
from plusx.data.modalities import Spec
from plusx.model.resnet import ResNet
from plusx.serving.run import Server, listening
from plusx.serving.service import Service, named
from plusx.serving.settings import Settings
from plusx.tasks import Task
from plusx.tasks.classify import Classify
from plusx.training.recipe import Recipe
from plusx.training.store import build_archive

PICTURES = ImageSpec(height=8, width=8, channels=1)
PATIENCE_S = 180


class Running(NamedTuple):
    """A server that answers now.

    Args:
        service: what answers.
        server: what listens.
        port: at 127.0.0.1.
    """

    service: Service
    server: Server
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class Answer(NamedTuple):
    """What a server sent back; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def write_model(
    path: Path,
    spec: Spec = PICTURES,
    task: Task | None = None,
    classes: Sequence[str] = ("a", "b"),
    seed: int = 0,
    **options: Any,
) -> Path:
    """A tiny model that was never trained, at `path`; another seed gives other answers, `options` another network."""
    torch.manual_seed(seed)
    task = task or Classify()
    seen = {"in_channels": spec.features[0], "dims": len(spec.features) - 1}
    small = {"num_layers": [1], "num_filters": 4}
    net = ResNet(**{**small, **seen, **task.network_options(classes), **options}).eval()
    recipe = Recipe(model="resnet8", preprocessing=spec)
    write_archive(build_archive(net, recipe, task, tuple(classes), {}), path)
    return path


def png(seed: int = 0, size: int = 8, channels: int = 1) -> bytes:
    """A picture of noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, channels), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(file, "PNG")
    return file.getvalue()


@contextmanager
def serving(*paths: str | Path, engine: str = "torch", settings: Settings | None = None) -> Iterator[Running]:
    """A server of these models in a thread of this process; it has ended when this ends."""
    service = Service(named(list(paths)), engine, settings or Settings())
    with listening("127.0.0.1", 0) as place:
        server = Server(service)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([place])), name="server")
        thread.start()
        try:
            _until(lambda: server.started or not thread.is_alive())
            yield Running(service, server, place.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def command(
    *arguments: str | Path, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """`plusx serve ARGUMENTS` as a process on a free port: (the process, its port). It is ended afterwards."""
    asked = [sys.executable, "-m", "plusx", "serve", *map(str, arguments), "--port", "0", "--json"]
    given = {**os.environ, "PYTHONWARNINGS": "ignore", **(environment or {})}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(asked, **pipes, text=True, env=given) as process:
        try:
            yield process, _port(process)
        finally:
            process.kill()


def _port(process: subprocess.Popen[str]) -> int:
    """The port that the process says it listens at; it says so once it answers there."""
    assert process.stdout is not None
    said = process.stdout.readline()
    assert said, f"plusx serve ended with {process.wait()}"
    return int(json.loads(said)["url"].rpartition(":")[2])


def resident_bytes(pid: int) -> int:
    """The memory that a process holds now; Linux tells it."""
    status = Path(f"/proc/{pid}/status").read_text()
    return 1024 * int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


def ask(
    port: int, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None, method: str | None = None
) -> Answer:
    """One request on a connection of its own: GET, or POST where there is a body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request(method or ("GET" if body is None else "POST"), path, body, dict(headers or {}))
        response = connection.getresponse()
        return Answer(response.status, {key.lower(): value for key, value in response.getheaders()}, response.read())
    finally:
        connection.close()


def _until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end, "the server did not start"
        time.sleep(0.01)


def assert_close(one: Any, other: Any) -> None:
    """That two answers are the same but for how batches of another size round."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key, value in one.items():
            assert_close(value, other[key])
    elif isinstance(one, list):
        for left, right in zip(one, other, strict=True):
            assert_close(left, right)
    elif isinstance(one, float):
        assert one == pytest.approx(other, rel=1e-4, abs=1e-5)
    else:
        assert one == other
