"""Requests a second of `plusx serve`, of the server that tutorials write, and of LitServe; and what overload does.

    python benchmarks/serving.py [--rounds 5] [--seconds 8] [--write]

Needs `hey` (https://github.com/rakyll/hey, a Debian package) and `pip install litserve`. All servers get the same JSON
with one picture in base64, a JPEG of 500x375 for ResNet-50 and a PNG of 28x28 for a small network, and take turns
within a round; `hey` runs on the same cores. LitServe runs plusx's own decoding, engine and answers.
"""

from __future__ import annotations

import argparse
import base64
import csv
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np

from engines import UNSET_FOR_STARTS
from plusx.archive import read_archive
from plusx.engines import ENGINES
from plusx.engines.timing import median_seconds
from plusx.predict.one import Answering
from results import setting, spread, write_section
from serving_models import make_models, make_pictures

HEADING = "Serving"
PEERS = Path(__file__).with_name("peers")
# OpenVINO prepares itself anew for each batch size, which takes a second of the first ones.
ENGINE = {"large": "onnx", "small": "onnx"}
WAITING = 32
PORT = 18_080
OVERLOAD = 10


class Load(NamedTuple):
    """What a load tool saw: answers a second, the latencies of those with 200 and of those with 429, seconds; other
    statuses, and errors."""

    rate: float
    good: np.ndarray
    refused: np.ndarray
    other: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--write", action="store_true", help="put the tables into RESULTS.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        models, pictures = make_models(folder), make_pictures(folder)
        bodies = {size: body_of(picture) for size, picture in pictures.items()}
        body = "\n\n".join(
            [
                f"{setting()}, {', '.join(f'{one} {version(one)}' for one in ('litserve', 'fastapi', 'uvicorn'))}",
                f"`python benchmarks/serving.py --rounds {options.rounds} --seconds {options.seconds} --write`",
                *(rates(size, models[size], bodies[size], options) for size in models),
                *(alone(size, models[size], bodies[size], pictures[size]) for size in models),
                *(overloaded(size, models[size], bodies[size], options.seconds) for size in models),
            ]
        )
    print(body)
    if options.write:
        write_section(HEADING, body)


def body_of(picture: Path) -> Path:
    """A request with the picture in base64, which all servers take: LitServe's workers fail on bodies."""
    inputs = [{"base64": base64.b64encode(picture.read_bytes()).decode()}]
    path = picture.with_suffix(".json")
    path.write_text(json.dumps({"inputs": inputs}), encoding="utf-8")
    return path


def servers(size: str, model: Path, port: int, *more: str) -> dict[str, list[str]]:
    plusx = ["-m", "plusx", "serve", str(model), "--engine", ENGINE[size], "--port", str(port), *more]
    return {
        "FastAPI, torchvision, eager": [str(PEERS / "fastapi_eager.py"), size, str(port)],
        f"LitServe, {ENGINE[size]}": [str(PEERS / "litserve_same.py"), str(model), ENGINE[size], str(port)],
        f"plusx serve, {ENGINE[size]}": plusx,
    }


@contextmanager
def running(command: list[str], port: int, request: Path) -> Iterator[str]:
    """A server's address for predictions, once it answers."""
    environment = {name: value for name, value in os.environ.items() if name not in UNSET_FOR_STARTS}
    # A group of its own: LitServe's workers outlive a parent that is told to end.
    server = subprocess.Popen(
        [sys.executable, "-W", "ignore", *command],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}/predict"
    try:
        wait_for(url, request, server)
        yield url
    finally:
        server.terminate()
        with suppress(subprocess.TimeoutExpired):
            server.wait(10)
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def wait_for(url: str, request: Path, server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if server.poll() is not None:
            sys.exit(f"{server.args} ended with {server.returncode}")
        try:
            ask(url, request)
            return
        except OSError:
            time.sleep(0.2)
    sys.exit(f"{url} does not answer")


def ask(url: str, request: Path) -> bytes:
    kind = {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, request.read_bytes(), kind)) as answer:
        return answer.read()


def loaded(url: str, request: Path, workers: int, seconds: int, each_per_second: float | None = None) -> Load:
    """`hey` with so many workers, each as fast as it is answered, or at most so many requests a second."""
    command = [
        "hey",
        "-z",
        f"{seconds}s",
        "-c",
        str(workers),
        "-t",
        "60",
        "-m",
        "POST",
        "-D",
        str(request),
        "-o",
        "csv",
    ]
    command += ["-T", "application/json"]
    command += [] if each_per_second is None else ["-q", f"{each_per_second:.3f}"]
    done = subprocess.run([*command, url], capture_output=True, text=True, check=True)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    by_code: dict[str, list[float]] = {}
    for row in rows:
        by_code.setdefault(row["status-code"], []).append(float(row["response-time"]))
    good, refused = (np.array(by_code.get(code, [])) for code in ("200", "429"))
    ends = [float(row["offset"]) + float(row["response-time"]) for row in rows if row["status-code"] == "200"]
    return Load(len(good) / max(ends, default=1.0), good, refused, len(rows) - len(good) - len(refused))


def rates(size: str, model: Path, request: Path, options: argparse.Namespace) -> str:
    """Answers a second with as many clients as wait in a queue that takes them all."""
    found: dict[str, list[float]] = {}
    tails: dict[str, list[float]] = {}
    for number in range(options.rounds):
        for title, command in servers(size, model, PORT).items():
            with running(command, PORT, request) as url:
                loaded(url, request, WAITING, 2)
                load = loaded(url, request, WAITING, options.seconds)
            assert not load.other, f"{title}: {load.other} answers are neither 200 nor 429"
            assert not len(load.refused), f"{title}: refused {len(load.refused)}"
            found.setdefault(title, []).append(load.rate)
            tails.setdefault(title, []).append(1000 * float(np.quantile(load.good, 0.99)))
        latest = {title: round(own[-1], 1) for title, own in found.items()}
        print(f"{size}, round {number + 1}: {latest}", file=sys.stderr)
    return rate_table(size, found, tails)


def rate_table(size: str, found: Mapping[str, list[float]], tails: Mapping[str, list[float]]) -> str:
    ours = list(found)[-1]
    lines = [f"| {size}, {WAITING} clients | requests a second | p99, ms | plusx is so many times as fast |"]
    lines.append("|---|---|---|---|")
    for title, own in found.items():
        ratios = [mine / other for mine, other in zip(found[ours], own, strict=True)]
        shown = "" if title == ours else spread(ratios, ".2f")
        lines.append(f"| {title} | {spread(own)} | {median(tails[title]):.0f} | {shown} |")
    return "\n".join(lines)


def alone(size: str, model: Path, request: Path, picture: Path) -> str:
    """What a request on its own takes beside what its parts take in Python."""
    archive = read_archive(model)
    engine = ENGINES[ENGINE[size]](archive)
    inputs = archive.golden.inputs[:1]
    engine_ms = 1000 * median_seconds({"engine": engine}, inputs, 2.0)["engine"]
    answering, source = Answering(archive, engine), picture.read_bytes()
    python_ms = 1000 * median(timed(lambda: answering(source)) for _ in range(200))
    with running(servers(size, model, PORT)[f"plusx serve, {ENGINE[size]}"], PORT, request) as url:
        load = loaded(url, request, 1, 5)
    whole_ms = 1000 * float(np.median(load.good))
    return (
        f"{size}, one client: {whole_ms:.2f} ms from request to answer (median of {len(load.good):,}); the engine "
        f"alone {engine_ms:.2f} ms, decoding, engine and answer in Python {python_ms:.2f} ms: the server adds "
        f"{whole_ms - python_ms:.2f} ms, and {whole_ms - engine_ms:.2f} ms with decoding."
    )


def timed(run: object) -> float:
    assert callable(run)
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def overloaded(size: str, model: Path, request: Path, seconds: int) -> str:
    """Ten times the requests that it can answer, and what those wait that it lets in."""
    title = f"plusx serve, {ENGINE[size]}"
    with running(servers(size, model, PORT, "--queue", "2")[title], PORT, request) as url:
        loaded(url, request, 2, 2)
        calm = loaded(url, request, 1, seconds)
        most = loaded(url, request, 2, seconds).rate
        # hey's workers send in step: of many, each burst would find a free server and leave it idle until the next.
        workers = 12
        flood = loaded(url, request, workers, seconds, OVERLOAD * most / workers)
    asked = (len(flood.good) + len(flood.refused) + flood.other) / seconds
    calm_ms, p99_ms = (1000 * float(np.quantile(one.good, 0.99)) for one in (calm, flood))
    refused_ms = 1000 * np.quantile(flood.refused, [0.5, 0.99]) if len(flood.refused) else np.zeros(2)
    return (
        f"{size}, overload (`--queue 2`): {most:.0f} requests a second are answered at full load; {asked:.0f} a "
        f"second were sent, {flood.rate:.0f} a second answered with a p99 of {p99_ms:.1f} ms, "
        f"{p99_ms / calm_ms:.1f} times the {calm_ms:.1f} ms of one client alone; "
        f"{len(flood.refused):,} got 429 (median {refused_ms[0]:.1f} ms, p99 "
        f"{refused_ms[1]:.1f} ms), {flood.other} anything else."
    )


if __name__ == "__main__":
    main()
