"""`plusx.serve`: models behind HTTP."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from plusx.engines.installed import needed
from plusx.serving.settings import Settings


def serve(
    models: str | Path | Sequence[str | Path],
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    engine: str = "auto",
    settings: Settings | None = None,
    insecure: bool = False,
    say: Callable[[str], None] = lambda text: None,
    started: Callable[[dict[str, Any]], None] = lambda about: None,
    ray: str | None = None,
    replicas: str = "2",
) -> None:
    """Serves models until SIGTERM or Ctrl-C, when what is being asked is still answered.

    Args:
        models: `.plusx` files or run folders; each is asked for by its file's or folder's name, or by the name that is
            given as `NAME=PATH`.
        host: the address to listen at; any but this machine's own needs `settings.token` or `insecure`.
        port: of it; 0 is any free one.
        engine: `torch`, `onnx`, `openvino`, or `auto` for the fastest.
        settings: how much it takes on; None: as `Settings` has it.
        insecure: whether others may ask without a token.
        say: is told what a person should know, such as the address.
        started: is told once, for programs, when it takes requests: the `url`, the `pid`, and the `models`, each with
            its `name`, `version`, `engine`, `precision` and `task`.
        ray: serves by Ray Serve: `local` on this machine, `auto` on the cluster it is of, `host:port` on that one.
        replicas: with `ray` how many answer side by side: `2`, or `1-8` as many as are asked for.

    Raises:
        PlusxError: a model cannot be read, the address is taken, or the extra `serve` is not installed.
        WrongUse: others could ask and nothing keeps them from it.
    """
    for package in ("fastapi", "uvicorn", "python_multipart", "prometheus_client"):
        needed(package, "serve", "serve")
    from plusx.serving.memory import keep_little
    from plusx.serving.run import check_address, listening, run
    from plusx.serving.service import Service, named, summary

    settings = settings or Settings()
    check_address(host, settings.token, insecure)
    many = [models] if isinstance(models, str | Path) else models
    paths = named(many)

    def ready(port: int, about: list[dict[str, Any]]) -> None:
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        say(f"serving {', '.join(paths)} at {url}")
        started({"url": url, "pid": os.getpid(), "models": about})

    # Before the models are read, which takes seconds: a taken address is told at once.
    with listening(host, port) as place:
        port = place.getsockname()[1]
        if ray is None:
            # Before the runtimes' threads come, each of which would keep its own.
            keep_little()
            service = Service(paths, engine, settings, say)
            run(service, place, lambda: ready(port, summary(service)))
            return
    # The proxies listen for themselves.
    from plusx.serving.ray import Cluster, Scale
    from plusx.serving.ray import run as run_on_ray

    cluster = Cluster(paths, engine, settings, Scale.parse(replicas), say)
    run_on_ray(cluster, ray, host, port, lambda: ready(port, cluster.models))
