"""Ten thousand hostile requests to a real server: it lives, gives back what they took, and answers others meanwhile."""

import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from attacks import BOMBS, GOOD, WRONG, requests, throw, write_models
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raw import post
from servers import ask, command, resident_bytes

THROWN = 10_000
THREADS = 4
MOST_GROWTH_BYTES = 50 << 20


class Watched:
    """A process as its system sees it."""

    def __init__(self, pid: int):
        self._pid = pid

    def memory_bytes(self) -> int:
        return resident_bytes(self._pid)

    def files(self) -> int:
        return len(os.listdir(f"/proc/{self._pid}/fd"))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="what a process holds only Linux tells so")
def test_ten_thousand_leave_it_as_it_was(tmp_path: Path) -> None:
    requests_of_all = prepared(THROWN)
    with command(*write_models(tmp_path), "--engine", "onnx", "--log", "off") as (process, port):
        watched = Watched(process.pid)
        # Each part of it has been at work before it is measured.
        throw_all(port, requests_of_all[:1_500])
        before, files = rested(watched)
        stop, asked = threading.Event(), []

        def behave() -> None:
            while not stop.is_set():
                began = time.monotonic()
                name = random.choice(list(GOOD))
                answer = ask(port, f"/models/{name}/predict", GOOD[name])
                asked.append((answer.status, time.monotonic() - began))
                time.sleep(0.02)

        behaving = threading.Thread(target=behave)
        behaving.start()
        statuses = throw_all(port, requests_of_all)
        stop.set()
        behaving.join()
        assert process.poll() is None
        after, files_after = rested(watched)
        grown, more_files = after - before, files_after - files
        seconds = sorted(took for _, took in asked)
        print(f"{len(requests_of_all)} hostile requests: {dict(sorted(statuses.items()))}")
        print(f"memory {before >> 20} MiB, then {grown / (1 << 20):+.1f}; files {files}, then {more_files:+d}")
        median, longest = 1000 * float(np.median(seconds)), 1000 * seconds[-1]
        print(f"{len(asked)} others answered meanwhile in {median:.0f} ms (median), {longest:.0f} (longest)")
        assert {status for status, _ in asked} == {200}
        assert grown < MOST_GROWTH_BYTES
        assert more_files <= 0
        assert not {status for status in statuses if status >= 500} - {501, 505}


def prepared(count: int) -> list[bytes]:
    """As many requests, of hypothesis and of the bombs and wrong bodies above, in an order that is always the same."""
    made: list[bytes] = []

    @given(st.lists(requests(), min_size=20, max_size=20))
    @settings(max_examples=count // 20, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def make(some: list[bytes]) -> None:
        made.extend(some)

    make()
    large = [post(bomb, path=f"/models/{name}/predict".encode()) for name, bomb in BOMBS]
    for headers, body in WRONG:
        lines = [f"{name}: {value}".encode() for name, value in headers.items()]
        large += [post(body, *lines), post(body, *lines, path=b"/v2/models/picture/infer")]
    chosen = random.Random(0)
    return [chosen.choice(large) if chosen.random() < 0.1 else chosen.choice(made) for _ in range(count)]


def throw_all(port: int, all_of_them: list[bytes]) -> dict[int, int]:
    """How often each status came; 0 stands for none."""
    found: dict[int, int] = {}
    with ThreadPoolExecutor(THREADS) as pool:
        for statuses in pool.map(lambda request: throw(port, request), all_of_them):
            for status in statuses or [0]:
                found[status] = found.get(status, 0) + 1
    return found


def rested(watched: Watched) -> tuple[int, int]:
    """Its memory and its files once neither falls any more."""
    held = [(watched.memory_bytes(), watched.files())]
    while len(held) < 4 or held[-1] < held[-4]:
        time.sleep(1.0)
        held.append((watched.memory_bytes(), watched.files()))
    return held[-1]
