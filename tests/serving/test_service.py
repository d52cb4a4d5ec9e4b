"""The way of requests through a real server: in time or told so, let in or told when, and past a model's renewal."""

import base64
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from raw import exchange, head
from servers import Answer, Running, ask, png, serving, write_model

import plusx
from plusx.engines import Engine
from plusx.serving.settings import Settings

PATIENCE_S = 60
LARGE = 100
"""Pixels a side of a picture that the loop leaves to a thread."""


class Gate:
    """An engine that waits while it is shut."""

    def __init__(self, engine: Engine):
        self.name, self._engine = engine.name, engine
        self.sizes: list[int] = []
        self.begun = threading.Semaphore(0)
        self.open = threading.Event()
        self.open.set()

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        self.sizes.append(len(inputs))
        self.begun.release()
        assert self.open.wait(PATIENCE_S)
        return self._engine(inputs)


@contextmanager
def gated(path: Path, settings: Settings) -> Iterator[tuple[Running, Gate]]:
    with serving(path, settings=settings) as running:
        batcher = running.service.models["cats"].now.batcher
        gate = Gate(batcher._engine)
        batcher._engine = gate
        try:
            yield running, gate
        finally:
            gate.open.set()


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


def rows(answer: Answer) -> list[dict[str, object]]:
    assert answer.status == 200, answer.body
    return json.loads(answer.body)["answers"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_model(tmp_path / "cats.plusx")


def test_answers_of_many_at_once_are_those_of_one(path: Path) -> None:
    with serving(path) as running:
        alone = [rows(ask(running.port, "/predict", png(seed)))[0] for seed in range(24)]
        with ThreadPoolExecutor(12) as pool:
            together = list(pool.map(lambda seed: rows(ask(running.port, "/predict", png(seed)))[0], range(24)))
    for one, other in zip(alone, together, strict=True):
        assert one["label"] == other["label"]
        assert one["probability"] == pytest.approx(other["probability"], abs=1e-6)


def test_small_and_large_inputs_are_answered_as_in_python(path: Path) -> None:
    """The small ones are prepared by the loop, the large ones by threads."""
    pictures = [png(seed, size) for seed, size in enumerate((8, LARGE, 9, 2 * LARGE, 200, 10))]
    body = json.dumps({"inputs": [{"base64": base64.b64encode(one).decode()} for one in pictures]}).encode()
    with serving(path) as running:
        found = rows(ask(running.port, "/predict", body, {"Content-Type": "application/json"}))
    for row, expected in zip(found, plusx.load(path).predict(pictures), strict=True):
        assert row["label"] == expected["label"]
        assert row["probability"] == pytest.approx(expected["probability"], abs=1e-6)


def test_a_bad_picture_among_good_ones_fails_alone(path: Path) -> None:
    with gated(path, Settings()) as (running, gate), ThreadPoolExecutor(8) as pool:
        gate.open.clear()
        first = pool.submit(ask, running.port, "/predict", png())
        assert gate.begun.acquire(timeout=PATIENCE_S)
        bodies = [png(1), b"no picture", png(2)[:40], png(3)]
        others = [pool.submit(ask, running.port, "/predict", body) for body in bodies]
        until(lambda: running.service.admission.inside >= 3 and others[1].done() and others[2].done())
        gate.open.set()
        found = [rows(one.result())[0]["error"] for one in (first, *others)]
    assert [error is None for error in found] == [True, True, False, False, True]
    assert sum(gate.sizes) == 3


def test_who_waits_too_long_gets_504_and_is_not_computed(path: Path) -> None:
    with gated(path, Settings(timeout_s=0.3)) as (running, gate), ThreadPoolExecutor(8) as pool:
        gate.open.clear()
        first = pool.submit(ask, running.port, "/predict", png())
        assert gate.begun.acquire(timeout=PATIENCE_S)
        late = pool.submit(ask, running.port, "/predict", png(1))
        assert (first.result().status, late.result().status) == (504, 504)
        gate.open.set()
        assert rows(ask(running.port, "/predict", png(2)))[0]["error"] is None
        assert running.service.admission.inside == 0
    assert gate.sizes == [1, 1]


def test_a_batcher_may_be_the_first_to_see_that_the_time_is_over(path: Path) -> None:
    with gated(path, Settings(timeout_s=5)) as (running, gate), ThreadPoolExecutor(8) as pool:
        gate.open.clear()
        first = pool.submit(ask, running.port, "/predict", png())
        assert gate.begun.acquire(timeout=PATIENCE_S)
        late = [pool.submit(ask, running.port, "/predict", png(1, size)) for size in (8, LARGE)]
        batcher = running.service.models["cats"].now.batcher
        until(lambda: len(batcher._asked) == 2)
        for asked in batcher._asked:
            asked.outputs.cancel()
        gate.open.set()
        assert [one.result().status for one in (first, *late)] == [200, 504, 504]


def test_a_decoder_that_takes_too_long_keeps_nobody(path: Path) -> None:
    """The thread goes on, the request gets its answer in time all the same."""
    with gated(path, Settings(timeout_s=0.3)) as (running, _):
        version = running.service.models["cats"].now
        spec, free = version.answer.spec, threading.Event()

        class Slow:
            def __getattr__(self, name: str) -> object:
                return getattr(spec, name)

            def prepare(self, source: bytes) -> np.ndarray:
                assert free.wait(PATIENCE_S)
                return spec.prepare(source)

        version.answer.spec = Slow()  # type: ignore[assignment]
        assert ask(running.port, "/predict", png(size=LARGE)).status == 504
        free.set()
        version.answer.spec = spec
        assert ask(running.port, "/predict", png(size=LARGE)).status == 200


def test_a_full_server_refuses_before_the_body_is_there(path: Path) -> None:
    with gated(path, Settings(inside=2)) as (running, gate), ThreadPoolExecutor(8) as pool:
        gate.open.clear()
        inside = [pool.submit(ask, running.port, "/predict", png(seed)) for seed in range(2)]
        until(lambda: running.service.admission.full)
        for path_of_one in (b"/predict", b"/models/cats/predict", b"/v2/models/cats/infer"):
            # Of the body not one byte is sent.
            reply = exchange(running.port, head(path_of_one, b"Content-Length: 1000000", b"Expect: 100-continue"))
            assert reply.statuses == [429]
            assert b"retry-after: 1\r\n" in reply.sent.lower()
        # What asks for no answer is let in.
        assert ask(running.port, "/v2/health/live").status == 200
        assert ask(running.port, "/metrics").status == 200
        gate.open.set()
        assert [one.result().status for one in inside] == [200, 200]
        assert ask(running.port, "/predict", png()).status == 200


def test_a_newer_file_answers_and_nobody_is_dropped(path: Path) -> None:
    with serving(path, settings=Settings(reload_s=0.02)) as running, ThreadPoolExecutor(6) as pool:
        stop = threading.Event()

        def keep_asking(seed: int) -> list[tuple[int, str]]:
            found = []
            while not stop.is_set():
                answer = ask(running.port, "/predict", png(seed))
                found.append((answer.status, json.loads(answer.body).get("version")))
            return found

        asking = [pool.submit(keep_asking, seed) for seed in range(4)]
        for number in (2, 3, 4):
            os.replace(write_model(path.with_name("new"), seed=number), path)
            until(lambda number=number: running.service.models["cats"].now.number == number)
        until(lambda: json.loads(ask(running.port, "/predict", png()).body)["version"] == "4")
        stop.set()
        found = [one for asked in asking for one in asked.result()]
    assert {status for status, _ in found} == {200}
    assert {"4"} <= {version for _, version in found} <= {"1", "2", "3", "4"}


def test_a_bad_newer_file_is_said_and_the_older_goes_on(path: Path) -> None:
    said: list[str] = []
    with serving(path, settings=Settings(reload_s=0.02)) as running:
        running.service.say = said.append
        before = rows(ask(running.port, "/predict", png()))
        path.write_bytes(path.read_bytes()[:-50])
        until(lambda: json.loads(ask(running.port, "/models/cats").body)["trouble"] is not None)
        about = json.loads(ask(running.port, "/models/cats").body)
        assert about["version"] == "1"
        assert str(path.parent) not in about["trouble"]
        assert rows(ask(running.port, "/predict", png())) == before
        assert ask(running.port, "/v2/health/ready").status == 200
        os.replace(write_model(path.with_name("new"), seed=5), path)
        until(lambda: json.loads(ask(running.port, "/models/cats").body)["version"] == "2")
        assert json.loads(ask(running.port, "/models/cats").body)["trouble"] is None
    assert "version 1 goes on" in said[0]
    assert said[-1] == "cats: version 2 answers now"


def test_ending_answers_what_is_inside(path: Path) -> None:
    with gated(path, Settings()) as (running, gate), ThreadPoolExecutor(8) as pool:
        gate.open.clear()
        asked = [pool.submit(ask, running.port, "/predict", png(seed)) for seed in range(5)]
        until(lambda: running.service.admission.inside == 5)
        running.service.draining = True
        assert ask(running.port, "/v2/health/ready").status == 503
        running.server.should_exit = True
        until(lambda: _is_refused(running.port))
        gate.open.set()
        assert [one.result().status for one in asked] == [200] * 5


def _is_refused(port: int) -> bool:
    try:
        ask(port, "/v2/health/live")
    except ConnectionRefusedError:
        return True
    except OSError:
        pass
    return False
