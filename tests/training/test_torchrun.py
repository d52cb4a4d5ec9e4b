"""`torchrun -m plusx train`: what it prints, how it stops, and how it goes on when it is restarted."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from plusx.api.train import train
from plusx.archive import read_archive
from plusx.errors import WrongUse
from plusx.training.checkpoint import load_latest

SMALL = ["--set", "model_options.num_filters=8", "--set", "average=0.9", "--checkpoint-every", "0"]

# Each starts several processes, which takes minutes together on two cores.
pytestmark = pytest.mark.slow


def torchrun(
    processes: int, *arguments: str, restarts: int = 0, meeting: Sequence[str] = ("--standalone",)
) -> subprocess.Popen[str]:
    # The launcher itself warns of what is no fault of ours; its workers must not warn.
    launcher = [sys.executable, "-W", "ignore", "-m", "torch.distributed.run", *meeting]
    command = [*launcher, f"--nproc-per-node={processes}", f"--max-restarts={restarts}", "-m", "plusx", "train"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "error"}
    pipe = subprocess.PIPE
    return subprocess.Popen([*command, *arguments], text=True, stdout=pipe, stderr=pipe, env=environment)


def finish(process: subprocess.Popen[str]) -> str:
    out, words = process.communicate(timeout=200)
    assert process.returncode == 0, words
    return out


def plusx_lines(words: str) -> list[str]:
    return [line for line in words.splitlines() if line.startswith("plusx: ")]


def workers(launcher: int) -> dict[int, int]:
    """The launcher's worker processes: rank to process id."""
    children = Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()
    ranks: dict[int, int] = {}
    for child in children:
        variables = Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
        ranks |= {int(variable[5:]): int(child) for variable in variables if variable.startswith(b"RANK=")}
    return ranks


def wait_for_step(out: Path, step: int, process: subprocess.Popen[str]) -> None:
    while process.poll() is None and not any(
        int(path.name[5:]) >= step for path in out.glob("checkpoints/step-??????????")
    ):
        time.sleep(0.005)


def assert_same_weights(one: Path, other: Path) -> None:
    first, second = read_archive(one).weights, read_archive(other).weights
    assert first.keys() == second.keys()
    for name, weight in first.items():
        assert weight.tobytes() == second[name].tobytes(), name


needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads Linux's list of processes")


@needs_proc
def test_a_killed_worker_is_replaced_and_nothing_is_lost(digit_folder: Path, tmp_path: Path) -> None:
    """Rank 0 holds the folder and writes: it is the one to kill. Two processes' sums are exact in any order."""
    whole, out = tmp_path / "whole", tmp_path / "killed"
    printed = json.loads(finish(torchrun(2, str(digit_folder), "--out", str(whole), "--epochs", "6", "--json", *SMALL)))
    assert printed["run"] == str(whole)
    process = torchrun(2, str(digit_folder), "--out", str(out), "--epochs", "6", "--json", *SMALL, restarts=1)
    wait_for_step(out, 3, process)
    os.kill(workers(process.pid)[0], signal.SIGKILL)
    stdout, words = process.communicate(timeout=200)
    assert process.returncode == 0, words
    assert json.loads(stdout)["val"]["accuracy"] == printed["val"]["accuracy"]
    assert "resumed after step" in words
    assert len(plusx_lines(words)) <= 1
    assert_same_weights(whole, out)
    assert not list(out.rglob("*.partial*"))


@pytest.mark.slow
@needs_proc
def test_killed_again_and_again_in_any_process(digit_folder: Path, tmp_path: Path) -> None:
    whole, out = tmp_path / "whole", tmp_path / "killed"
    choices = ["--epochs", "20", *SMALL]
    finish(torchrun(2, str(digit_folder), "--out", str(whole), *choices))
    process = torchrun(2, str(digit_folder), "--out", str(out), *choices, restarts=4)
    for number, step in enumerate((3, 12, 25, 33)):
        wait_for_step(out, step, process)
        time.sleep(0.01 * number)
        os.kill(workers(process.pid)[number % 2], signal.SIGKILL)
        time.sleep(1)
    finish(process)
    assert_same_weights(whole, out)


@pytest.mark.slow
@needs_proc
def test_killed_in_four_processes_it_ends_the_same_but_for_rounding(digit_folder: Path, tmp_path: Path) -> None:
    """DDP sums the first step after a start in another arrangement than the later ones, which four processes round."""
    whole, out = tmp_path / "whole", tmp_path / "killed"
    calm = ["--epochs", "4", "--set", "optimizer.lr=0.01", "--set", "model_options.norm=group", *SMALL]
    finish(torchrun(4, str(digit_folder), "--out", str(whole), *calm))
    process = torchrun(4, str(digit_folder), "--out", str(out), *calm, restarts=1)
    wait_for_step(out, 5, process)
    os.kill(workers(process.pid)[2], signal.SIGKILL)
    finish(process)
    first, second = read_archive(whole).weights, read_archive(out).weights
    for name, weight in first.items():
        np.testing.assert_allclose(weight, second[name], rtol=1e-3, atol=1e-4, err_msg=name)


@pytest.mark.slow
def test_ctrl_c_leaves_a_run_that_goes_on_by_hand_in_one_process(digit_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    process = torchrun(2, str(digit_folder), "--out", str(out), "--epochs", "30", *SMALL[:-2])
    deadline = time.monotonic() + 100
    while not (out / "metrics.jsonl").exists() or not (out / "metrics.jsonl").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, words = process.communicate(timeout=100)
    assert process.returncode != 0
    assert words.count("goes on") == 1
    checkpoint, damaged = load_latest(out / "checkpoints")
    assert checkpoint is not None
    assert not damaged
    alone = [sys.executable, "-m", "plusx", "train", str(digit_folder), "--out", str(out), "--resume"]
    resumed = subprocess.run(alone, capture_output=True, text=True, timeout=200)
    assert resumed.returncode == 0, resumed.stderr
    assert f"resumed after step {checkpoint.step}" in resumed.stderr


@pytest.mark.slow
def test_an_error_is_one_line(digit_folder: Path, tmp_path: Path) -> None:
    process = torchrun(2, str(digit_folder), "--out", str(tmp_path / "run"), "--set", "optimizer.rate=1")
    _, words = process.communicate(timeout=100)
    assert process.returncode != 0
    (line,) = plusx_lines(words)
    assert "optimizer.rate" in line
    assert "plusx/" not in words.split("torch/distributed", 1)[0]


@pytest.mark.slow
def test_resume_begins_what_has_not_begun_and_restarts_need_a_name(digit_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()
    (out / "recipe.json").write_text("{}")
    finish(torchrun(2, str(digit_folder), "--out", str(out), "--resume", "--epochs", "1"))
    assert (out / "model.plusx").exists()
    process = torchrun(2, str(digit_folder), "--epochs", "1", restarts=1)
    _, words = process.communicate(timeout=100)
    assert "--max-restarts: name the run's folder with --out" in words


@needs_proc
def test_two_machines_go_on_when_a_process_of_either_is_killed(digit_folder: Path, tmp_path: Path) -> None:
    """Two launchers stand for two machines: each counts its own restarts, and one store outlives them all."""
    out = tmp_path / "run"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"127.0.0.1:{free.getsockname()[1]}"
    meeting = ["--nnodes=2", "--rdzv-backend=c10d", f"--rdzv-endpoint={endpoint}", "--rdzv-id=both"]
    choices = [str(digit_folder), "--out", str(out), "--epochs", "12", *SMALL]
    machines = [torchrun(1, *choices, restarts=2, meeting=meeting) for _ in range(2)]
    wait_for_step(out, 5, machines[0])
    ranks = {rank: pid for machine in machines for rank, pid in workers(machine.pid).items()}
    os.kill(ranks[1], signal.SIGKILL)
    words = [machine.communicate(timeout=100)[1] for machine in machines]
    assert [machine.returncode for machine in machines] == [0, 0], words
    assert "resumed after step" in "".join(words)
    whole = tmp_path / "whole"
    finish(torchrun(2, str(digit_folder), "--out", str(whole), "--epochs", "12", *SMALL))
    assert_same_weights(whole, out)


def test_a_launch_goes_on_with_its_own_run_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where another machine's process failed, this one's launcher counts no restart of its own."""
    choices = {"out": tmp_path / "run", "changes": {"epochs": "1", "model_options.num_filters": "8"}}
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "0")
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "one")
    first = train("digits", **choices)
    assert train("digits", **choices).val == first.val
    for other in ("two", "none"):
        monkeypatch.setenv("TORCHELASTIC_RUN_ID", other)
        with pytest.raises(WrongUse, match="something is there already"):
            train("digits", **choices)
