"""The application on Ray Serve: as many as there are, they answer as one; replaced or killed, no request is lost."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from servers import ask, png, write_model

import plusx
from plusx.api.serve import serve
from plusx.errors import PlusxError, WrongUse
from plusx.serving.ray import Scale

PATIENCE_S = 120.0
CLIENTS = 16
KILLED = 3
TRIES = 5
ASK_AGAIN = (429, 500, 502, 503)
"""What docs/serving-operations.md tells clients to ask again at, beside a broken connection."""


@pytest.mark.parametrize("words", ["0", "x", "3-2", "1-2-3", "-1", "", "1-", "2.5"])
def test_replicas_are_a_number_or_bounds(words: str) -> None:
    with pytest.raises(WrongUse, match="give a number such as 2, or bounds such as 1-8"):
        Scale.parse(words)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "head"])
def test_an_address_without_ray_is_said_at_once(address: str, tmp_path: Path) -> None:
    with pytest.raises(PlusxError, match=rf"--ray {address}: "):
        serve(write_model(tmp_path / "cats.plusx"), port=0, engine="torch", ray=address)


class Load:
    """Clients that ask the same again and again, and again where docs/serving-operations.md says so."""

    def __init__(self, port: int, body: bytes):
        self._port, self._body = port, body
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.tried: Counter[str] = Counter()
        self.answers: list[dict[str, Any]] = []
        self.lost = 0
        self.longest_s = 0.0

    @contextmanager
    def going_on(self) -> Iterator["Load"]:
        with ThreadPoolExecutor(CLIENTS) as pool:
            clients = [pool.submit(self._client) for _ in range(CLIENTS)]
            try:
                yield self
            finally:
                self._stop.set()
        for client in clients:
            client.result()

    def _client(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            answer = self._answer()
            with self._lock:
                self.longest_s = max(self.longest_s, time.monotonic() - began)
                if answer is None:
                    self.lost += 1
                else:
                    self.answers.append(answer)

    def _answer(self) -> dict[str, Any] | None:
        for number in range(TRIES):
            try:
                got = ask(self._port, "/predict", self._body)
                what = str(got.status)
            except OSError as error:
                got, what = None, type(error).__name__
            with self._lock:
                self.tried[what] += 1
            if got is not None and got.status == 200:
                return json.loads(got.body)
            if got is not None and got.status not in ASK_AGAIN:
                return None
            time.sleep(0.1 * 2**number)
        return None

    def count(self) -> int:
        with self._lock:
            return len(self.answers)

    def versions(self) -> Counter[str]:
        with self._lock:
            return Counter(answer["version"] for answer in self.answers)


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where Ray keeps its session; a short path, since sockets' paths are."""
    folder = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))
    monkeypatch.setenv("RAY_TMPDIR", str(folder))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    source = str(Path(plusx.__file__).parents[1])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [source, os.environ.get("PYTHONPATH")])))
    yield folder
    until(lambda: not processes(folder), "Ray's processes ended")
    shutil.rmtree(folder, ignore_errors=True)


def processes(session: Path, begins: str = "") -> dict[int, str]:
    """The processes of this Ray session, by number: those whose command line begins so."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            own = f"RAY_TMPDIR={session}".encode() in (entry / "environ").read_bytes().split(b"\0")
            words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if own and words.startswith(begins) and int(entry.name) != os.getpid():
            found[int(entry.name)] = words
    return found


def until(reached: Callable[[], bool], what: str) -> None:
    begun = time.monotonic()
    while not reached():
        assert time.monotonic() - begun < PATIENCE_S, f"never: {what}"
        time.sleep(0.05)


@contextmanager
def on_ray(model: Path, *more: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """`plusx serve MODEL --ray` with two replicas, as a process: (it, its port)."""
    asked = [sys.executable, "-m", "plusx", "serve", str(model), "--ray", "local", "--replicas", "2", "--port", "0"]
    asked += ["--engine", "torch", "--json", *more]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(asked, **pipes, text=True) as process:
        assert process.stdout is not None
        try:
            said = process.stdout.readline()
            assert said, process.communicate()[1]
            yield process, int(json.loads(said)["url"].rpartition(":")[2])
        finally:
            if process.poll() is None:
                process.terminate()
                process.communicate(timeout=PATIENCE_S)


def replicas(session: Path) -> set[int]:
    return set(processes(session, "ray::ServeReplica"))


@pytest.mark.slow
def test_replicas_answer_as_one_model_and_none_is_lost_when_one_is_killed(session: Path, tmp_path: Path) -> None:
    path = write_model(tmp_path / "cats.plusx")
    pictures = [png(seed) for seed in range(20)]
    expected = plusx.load(path, engine="torch").predict(pictures)
    with on_ray(path) as (process, port):
        assert len(replicas(session)) == 2
        for picture, one in zip(pictures, expected, strict=True):
            (answer,) = json.loads(ask(port, "/predict", picture).body)["answers"]
            assert answer["label"] == one["label"]
            assert answer["probability"] == pytest.approx(one["probability"], abs=1e-5)
        told = ask(port, "/models", headers={"X-Request-Id": "mine"})
        assert told.headers["x-request-id"] == "mine"
        with Load(port, pictures[0]).going_on() as load:
            # What replicas begin with is gone, too.
            (shelf,) = processes(session, "ray::Shelf")
            os.kill(shelf, signal.SIGKILL)
            until(lambda: processes(session, "ray::Shelf").keys() - {shelf} != set(), "another shelf")
            for _ in range(KILLED):
                asked, killed = load.count(), min(replicas(session))
                until(lambda asked=asked: load.count() > asked + 300, "300 answers")
                os.kill(killed, signal.SIGKILL)
                until(lambda killed=killed: killed not in (now := replicas(session)) and len(now) == 2, "another")
        print(f"killed: {dict(load.tried)}, lost {load.lost}, the longest took {load.longest_s:.2f} s")
        assert load.lost == 0
        assert {answer["answers"][0]["label"] for answer in load.answers} == {expected[0]["label"]}
        process.terminate()
        out, _ = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out) == (0, "")


@pytest.mark.slow
def test_a_newer_file_takes_the_olders_place_without_a_failed_request(session: Path, tmp_path: Path) -> None:
    path = write_model(tmp_path / "cats.plusx", seed=0)
    newer = write_model(tmp_path / "newer.plusx", seed=1)
    picture = png()
    answers = [plusx.load(one, engine="torch").predict([picture])[0] for one in (path, newer)]
    assert answers[0]["probability"] != pytest.approx(answers[1]["probability"], abs=1e-3)
    with on_ray(path) as (_, port), Load(port, picture).going_on() as load:
        until(lambda: load.count() > 300, "300 answers")
        path.write_bytes(b"no model")
        time.sleep(5)
        assert set(load.versions()) == {"1"}
        os.replace(newer, path)
        until(lambda: load.versions()["2"] > 300, "300 answers of the newer")
    print(f"renewed: {dict(load.tried)}, by versions {dict(load.versions())}, the longest took {load.longest_s:.2f} s")
    assert load.tried.keys() == {"200"}
    given = {(one["version"], round(one["answers"][0]["probability"], 4)) for one in load.answers}
    assert given == {("1", round(answers[0]["probability"], 4)), ("2", round(answers[1]["probability"], 4))}
