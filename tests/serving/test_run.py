"""`plusx serve` as a program starts and stops it: what it says where, and how it ends."""

import json
import signal
import socket
from pathlib import Path

import pytest
from servers import ask, command, png, write_model

from plusx.serving.run import listening


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "cats.plusx")


def test_each_line_is_for_programs_and_it_ends_well(model: Path) -> None:
    with command(model, "--engine", "torch") as (process, port):
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
    with command(model, "--engine", "torch", "--log", "text") as (process, port):
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    assert err == f"serving cats at http://127.0.0.1:{port}\n"


def test_answers_do_not_wait_for_acknowledgements() -> None:
    with listening("127.0.0.1", 0) as place:
        # What asyncio looks at before it turns Nagle's algorithm off for a connection.
        assert place.proto == socket.IPPROTO_TCP
