"""The servers that the other tests here ask."""

import json
import signal
from pathlib import Path

from servers import ask, command, png, serving, write_model


def test_a_server_in_a_thread_answers_and_ends(tmp_path: Path) -> None:
    with serving(write_model(tmp_path / "digits.plusx"), write_model(tmp_path / "other.plusx", seed=1)) as running:
        answer = ask(running.port, "/models/digits/predict", png(), {"Content-Type": "image/png"})
        assert answer.status == 200
        assert json.loads(answer.body)["answers"][0]["error"] is None
        assert ask(running.port, "/models/none").status == 404
    assert not running.server.server_state.connections


def test_a_server_by_command_answers_and_ends(tmp_path: Path) -> None:
    with command(write_model(tmp_path / "digits.plusx"), "--engine", "torch") as (process, port):
        assert json.loads(ask(port, "/models").body)["models"][0]["name"] == "digits"
        process.send_signal(signal.SIGTERM)
        process.wait(60)
