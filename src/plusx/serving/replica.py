"""One of many that answer alike: the same application in each process of a Ray cluster."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fastapi import FastAPI

from plusx.errors import PlusxError
from plusx.serving.app import create_app
from plusx.serving.logs import JSON, logged
from plusx.serving.service import Service
from plusx.serving.settings import Settings

SHELF, NAMESPACE = "plusx-models", "plusx"
"""By which a replica finds what holds the models' files."""


@dataclass(frozen=True)
class Order:
    """What each replica of one version is told.

    Args:
        digests: of each model's file, SHA-256, by the model's name.
        engines: what runs each of them.
        settings: as for one server; files are not watched, since another file makes another version.
        number: of the version.
        threads: how many an engine may use.
    """

    digests: Mapping[str, str]
    engines: Mapping[str, str]
    settings: Settings
    number: int
    threads: int = 1


class Shelf:
    """An actor that holds the models' files, by digest: replicas on any machine begin with the very same ones, whatever
    was put in their place since."""

    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}

    def hold(self, digests: list[str]) -> list[str]:
        """Forgets all but these; gives those that are not here."""
        self._files = {digest: file for digest, file in self._files.items() if digest in digests}
        return [digest for digest in digests if digest not in self._files]

    def put(self, files: dict[str, bytes]) -> None:
        """Holds these, too."""
        self._files.update(files)

    def get(self, digest: str) -> bytes | None:
        """The file, or None where it is not here."""
        return self._files.get(digest)


class Replica:
    """What Ray Serve runs, with `ray.serve.ingress` around it."""

    async def __init__(self, order: Order):
        # Before a runtime is imported: it would take all cores of a machine that it shares with other replicas.
        os.environ["OMP_NUM_THREADS"] = str(order.threads)
        self._left = ExitStack()
        # Ray keeps what its processes say in files of its session.
        say = self._left.enter_context(logged(JSON, sys.stderr))
        settings = replace(order.settings, reload_s=0)
        with TemporaryDirectory() as folder:
            paths = {name: await _brought(digest, Path(folder)) for name, digest in order.digests.items()}
            self._service = Service(paths, order.engines, settings, say, number=order.number)

    def __serve_build_asgi_app__(self) -> FastAPI:
        """The same application that one server has; closed by Ray when it ends, as by a server."""
        return create_app(self._service, proxied=True)

    def check_health(self) -> None:
        """Nothing, or an error: then Ray puts another replica in this one's place."""
        if not self._service.alive:
            raise RuntimeError("a model's engine has stopped")

    async def __del__(self) -> None:
        self._left.close()


async def _brought(digest: str, folder: Path) -> Path:
    """A model's file, from the shelf into a folder of this machine."""
    import ray

    shelf: Any = ray.get_actor(SHELF, namespace=NAMESPACE)
    file = await shelf.get.remote(digest)
    if file is None:
        raise PlusxError("the models' files are on no shelf of this cluster; serve them again")
    path = folder / f"{digest}.plusx"
    path.write_bytes(file)
    return path
