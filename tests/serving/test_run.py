"""`plusx serve` as a program starts and stops it: what it says where, and how it ends."""

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from raw import connected, post, read
from servers import ask, command, png, write_model

from plusx.archive import read_archive
from plusx.cli.main import main
from plusx.engines.graph import graph_of
from plusx.serving.run import listening
from plusx.serving.service import Service


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "cats.plusx")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(autouse=True)
def own_cache(shared: str, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One for all tests here, with the graph in it: a server that need not load torch is there in a second."""
    monkeypatch.setenv("PLUSX_CACHE", shared)
    graph_of(read_archive(model))


def test_each_line_is_for_programs_and_it_ends_well(model: Path) -> None:
    with command(model, "--engine", "onnx") as (process, port):
        assert ask(port, "/predict", png(), {"X-Request-Id": "first"}).status == 200
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    # The first line was read as the server started.
    assert out == ""
    lines = [json.loads(line) for line in err.splitlines()]
    assert [line["event"] for line in lines] == [f"serving cats at http://127.0.0.1:{port}", "request"]
    assert lines[1]["request_id"] == "first"


def test_ctrl_c_ends_it_as_well(model: Path) -> None:
    with command(model, "--engine", "onnx", "--log", "text") as (process, port):
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    assert err == f"serving cats at http://127.0.0.1:{port}\n"


def test_answers_do_not_wait_for_acknowledgements() -> None:
    with listening("127.0.0.1", 0) as place:
        # What asyncio looks at before it turns Nagle's algorithm off for a connection.
        assert place.proto == socket.IPPROTO_TCP


@pytest.mark.parametrize("sent", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_what_is_on_its_way_is_answered_and_nothing_new_is_taken(model: Path, sent: signal.Signals) -> None:
    request = post(png())
    with command(model, "--engine", "onnx", "--log", "text") as (process, port):
        with connected(port) as line:
            line.sendall(request[:-20])
            _wait_for_one_inside(port)
            process.send_signal(sent)
            _wait_until_refused(port)
            line.sendall(request[-20:])
            reply = read(line)
        assert reply.statuses == [200]
        assert b"connection: close" in reply.sent
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    assert "Traceback" not in err


def test_who_asks_while_it_ends_is_answered_or_not_let_in(model: Path) -> None:
    """Over connections that are kept, which the server may close between two requests, and over new ones."""
    with command(model, "--engine", "onnx", "--log", "text") as (process, port), ThreadPoolExecutor(8) as pool:
        begun = threading.Event()

        def keep_asking(seed: int) -> list[int]:
            statuses: list[int] = []
            while True:
                try:
                    statuses.append(ask(port, "/predict", png(seed)).status)
                except ConnectionRefusedError:
                    return statuses
                begun.set()

        asked = [pool.submit(keep_asking, seed) for seed in range(8)]
        assert begun.wait(60)
        process.send_signal(signal.SIGTERM)
        assert {status for one in asked for status in one.result(60)} == {200}
        assert process.wait(60) == 0


@pytest.mark.parametrize("again", [pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGINT])
def test_told_twice_it_ends_at_once(model: Path, again: signal.Signals) -> None:
    with command(model, "--engine", "onnx", "--log", "text") as (process, port):
        with connected(port) as line:
            line.sendall(post(png())[:-20])
            _wait_for_one_inside(port)
            process.send_signal(signal.SIGTERM)
            # Two of a kind at once would be one.
            time.sleep(0.5)
            process.send_signal(again)
            assert read(line).statuses == []
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.splitlines()[-1] == "plusx: stopped at once, as it was told twice; 1 requests got no answer"
    assert "Traceback" not in err


def _wait_for_one_inside(port: int) -> None:
    """Until what was sent before is with the server: it reads one connection after the other."""
    assert ask(port, "/v2/health/ready").status == 200
    time.sleep(0.1)


def _wait_until_refused(port: int) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            connected(port).close()
        except ConnectionRefusedError:
            return
        time.sleep(0.01)
    raise AssertionError("it goes on taking connections")


def test_programs_are_told_what_answers_where(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def begun(service: Service, place: socket.socket, ready: Callable[[], None]) -> None:
        ready()
        service.close()

    monkeypatch.setattr("plusx.serving.run.run", begun)
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["serve", f"dogs={model}", str(model), "--port", "0", "--engine", "onnx", "--json", "--log", "off"])
    out, err = capsys.readouterr()
    told = json.loads(out)
    alike = {"version": "1", "engine": "onnx", "precision": "float32", "task": "classify"}
    assert told["models"] == [{"name": "dogs", **alike}, {"name": "cats", **alike}]
    assert told["pid"] == os.getpid()
    assert err == f"serving dogs, cats at {told['url']}\n"


def test_wrong_choices_are_said_in_a_line(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for given, says in (
        (["--log", "jason"], "--log jason: there are json, text, off; did you mean json?"),
        ([str(model)], f"{model}: {model} is called cats, too; give one of them as NAME={model}"),
        (["--host", "0.0.0.0"], "--host 0.0.0.0: others can reach it; set PLUSX_TOKEN"),
    ):
        with pytest.raises(SystemExit):
            main(["serve", str(model), "--port", "0", "--engine", "onnx", *given])
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith(f"plusx: {says}")
        assert err.count("\n") == 1
