"""A server under mixed requests for an hour: does it grow, does it slow down?

    python benchmarks/soak.py [--minutes 60] [--write]

Two clients send pictures as bodies, forms, JSON and tensors of the Open Inference Protocol, every seventh a bad one; a
third opens connections and leaves in the middle of a request; each ten minutes the model's file is replaced by a copy.
The first minute warms up; what is compared are the windows after it.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from engines import UNSET_FOR_STARTS
from plusx.archive import write_archive
from results import setting, write_section
from serving import body_of
from serving_models import make_pictures, small

HEADING = "Serving: an hour's soak"
PAUSE_S = 0.02
WINDOWS = 12
BOUNDARY = "soak"


@dataclass
class Window:
    """What was seen in a part of the time."""

    seconds: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    megabytes: list[float] = field(default_factory=list)
    files: list[int] = field(default_factory=list)


class Soak:
    """Clients, and what they see."""

    def __init__(self, port: int, requests: list[tuple[str, dict[str, str], bytes]]):
        self._port, self._requests = port, requests
        self._window, self._lock = Window(), threading.Lock()
        self._over = threading.Event()
        self.failures: list[str] = []
        threads = [self._ask] * 2 + [self._leave]
        self._threads = [threading.Thread(target=run, args=(seed,)) for seed, run in enumerate(threads)]
        for thread in self._threads:
            thread.start()

    def window(self, process: int, seconds: float) -> Window:
        """What is seen from now on for so long."""
        with self._lock:
            self._window = window = Window()
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            window.megabytes.append(_megabytes(process))
            window.files.append(len(os.listdir(f"/proc/{process}/fd")))
            time.sleep(min(5.0, left))
        return window

    def end(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, seed: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        for path, headers, body in itertools.islice(itertools.cycle(self._requests), seed, None):
            if self._over.wait(PAUSE_S):
                break
            began = time.perf_counter()
            try:
                connection.request("POST", path, body, headers)
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                connection.close()
                continue
            with self._lock:
                self._window.seconds.append(time.perf_counter() - began)
                self._window.statuses[answer.status] = self._window.statuses.get(answer.status, 0) + 1
        connection.close()

    def _leave(self, seed: int) -> None:
        chance = random.Random(seed)
        while not self._over.wait(0.2):
            path, headers, body = chance.choice(self._requests)
            head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            whole = (
                f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode() + body
            )
            with socket.create_connection(("127.0.0.1", self._port)) as place:
                place.sendall(whole[: chance.randrange(1, len(whole))])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = write_archive(small(), folder / "small.plusx")
        picture = make_pictures(folder)["small"]
        body = soaked(model, requests_of(picture), options.minutes)
    body += f"\n\n{setting()}.\n\n`python benchmarks/soak.py --minutes {options.minutes:g} --write`"
    print(body)
    if options.write:
        write_section(HEADING, body)


def requests_of(picture: Path) -> list[tuple[str, dict[str, str], bytes]]:
    """(path, headers, body) of each kind, and a bad one."""
    file = picture.read_bytes()
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="f"; filename="a.png"\r\n\r\n'.encode()
    form = head + file + f"\r\n--{BOUNDARY}--\r\n".encode()
    values = {"name": "input", "shape": [1, 1, 28, 28], "datatype": "UINT8", "data": [7] * 784}
    plain, v2, kind = "/predict", "/v2/models/small/infer", "Content-Type"
    return [
        (plain, {kind: "image/png"}, file),
        (plain, {kind: f"multipart/form-data; boundary={BOUNDARY}"}, form),
        (plain, {kind: "application/json"}, body_of(picture).read_bytes()),
        (v2, {kind: "application/json"}, json.dumps({"inputs": [values]}).encode()),
        (plain, {kind: "image/png"}, file[:100]),
        (v2, {kind: "application/json"}, b'{"inputs": 7}'),
        ("/models/none/predict", {kind: "image/png"}, file),
    ]


def soaked(model: Path, requests: list[tuple[str, dict[str, str], bytes]], minutes: float) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in UNSET_FOR_STARTS}
    command = [sys.executable, "-m", "plusx", "serve", str(model), "--engine", "onnx", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment) as server:
        assert server.stdout is not None
        port = int(json.loads(server.stdout.readline())["url"].rpartition(":")[2])
        soak = Soak(port, requests)
        soak.window(server.pid, min(60.0, 6 * minutes))
        windows: list[Window] = []
        for number in range(WINDOWS):
            if number % 2:
                shutil.copy(model, model.with_suffix(".new"))
                model.with_suffix(".new").replace(model)
            windows.append(soak.window(server.pid, 60 * minutes / WINDOWS))
            print(row(number, windows[-1], minutes), flush=True, file=sys.stderr)
        soak.end()
        server.send_signal(signal.SIGTERM)
        code = server.wait(60)
    return table(windows, minutes, soak.failures, code)


def table(windows: list[Window], minutes: float, failures: list[str], code: int) -> str:
    lines = ["| minutes | requests | 200 | 4xx | other | median, ms | p99, ms | memory, MB | open files |"]
    lines += ["|---|---|---|---|---|---|---|---|---|"]
    lines += [row(number, window, minutes) for number, window in enumerate(windows)]
    grown = max(windows[-1].megabytes) - max(windows[0].megabytes)
    ended = f"{len(failures)} connections failed; on SIGTERM it ended with exit code {code}"
    return "\n".join(lines) + f"\n\nFrom the first window to the last its memory grew by {grown:.1f} MB. {ended}."


def row(number: int, window: Window, minutes: float) -> str:
    ms = 1000 * np.quantile(window.seconds, [0.5, 0.99])
    good = window.statuses.get(200, 0)
    wrong = sum(count for status, count in window.statuses.items() if 400 <= status < 500)
    other = sum(window.statuses.values()) - good - wrong
    span = f"{number * minutes / WINDOWS:.0f} to {(number + 1) * minutes / WINDOWS:.0f}"
    cells = [span, f"{len(window.seconds):,}", f"{good:,}", f"{wrong:,}", str(other), f"{ms[0]:.1f}", f"{ms[1]:.1f}"]
    return f"| {' | '.join(cells)} | {max(window.megabytes):.1f} | {max(window.files)} |"


def _megabytes(process: int) -> float:
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1000
    return 0.0


if __name__ == "__main__":
    main()
