"""`plusx serve`."""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stdout
from typing import Annotated, Any

import typer

from plusx.cli.output import Json, print_json


def serve(
    models: Annotated[list[str], typer.Argument(help=".plusx files or run folders, by their names or as NAME=PATH.")],
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Its port; 0 for any free one.")] = 8000,
    engine: Annotated[str, typer.Option(help="torch, onnx, openvino, or auto: the fastest, measured once.")] = "auto",
    queue: Annotated[int, typer.Option(min=1, help="Requests that may wait at once; others get 429.")] = 64,
    timeout: Annotated[float, typer.Option(min=0.001, help="Seconds that an answer may take; then 504.")] = 30.0,
    batch: Annotated[int, typer.Option(min=1, help="The most examples that are answered at once.")] = 8,
    batch_wait: Annotated[
        float, typer.Option(min=0, metavar="MS", help="Milliseconds that a batch waits for others on their way.")
    ] = 2.0,
    max_body: Annotated[int, typer.Option(min=1, metavar="MIB", help="The largest request, MiB.")] = 32,
    max_pixels: Annotated[
        float, typer.Option(min=0.001, metavar="MILLIONS", help="The largest picture, millions of pixels.")
    ] = 50.0,
    memory: Annotated[
        int, typer.Option(min=1, metavar="MIB", help="What is decoded at once, MiB; half as much for what is sent.")
    ] = 1024,
    insecure: Annotated[
        bool,
        typer.Option("--insecure", help="Let others than this machine ask without a token."),
    ] = False,
    ray: Annotated[
        str | None,
        typer.Option(
            "--ray",
            metavar="[ADDRESS]",
            help="Serve by Ray Serve: on this machine, or at an address: auto, or host:port of a cluster.",
        ),
    ] = None,
    replicas: Annotated[
        str, typer.Option(metavar="N", help="With --ray: so many answer side by side; 1-8: as many as are asked for.")
    ] = "2",
    log: Annotated[
        str | None,
        typer.Option(help="Of each request a line on stderr: json, text, or off.", show_default="as stderr is read"),
    ] = None,
    json: Json = False,
) -> None:
    """Put models behind HTTP: a page for people at /, the Open Inference Protocol for programs at /v2.

    Others than this machine may ask with the secret in the environment's PLUSX_TOKEN, as `Authorization: Bearer ...`.
    With --json one object is printed when it takes requests: its url, and its models.
    """
    from plusx.api.serve import serve as run
    from plusx.serving.logs import logged
    from plusx.serving.settings import Settings

    settings = Settings(
        token=os.environ.get("PLUSX_TOKEN") or None,
        inside=queue,
        timeout_s=timeout,
        batch=batch,
        batch_wait_s=batch_wait / 1000,
        body_bytes=max_body << 20,
        bodies_bytes=memory << 19,
        pixels=round(max_pixels * 1_000_000),
        decoding_bytes=memory << 20,
    )

    out = sys.stdout

    def started(about: dict[str, Any]) -> None:
        if json:
            with redirect_stdout(out):
                print_json(about)
            # A pipe's reader waits for this line while the server runs on.
            out.flush()

    # Ray tells of machines that died on stdout, where programs expect JSON.
    with redirect_stdout(sys.stderr), logged(log, sys.stderr) as say:
        run(
            models,
            host=host,
            port=port,
            engine=engine,
            settings=settings,
            insecure=insecure,
            say=say,
            started=started,
            ray=ray,
            replicas=replicas,
        )
