"""A training that is killed (SIGKILL) at any moment goes on and ends with the weights of one that never was."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from plusx.archive import read_archive

COMMAND = [sys.executable, "-m", "plusx", "train"]


def start(data: Path, out: Path, *more: str) -> subprocess.Popen[str]:
    choices = [
        "--set",
        "model_options.num_filters=8",
        "--epochs",
        "6",
        "--checkpoint-every",
        "0",
        "--set",
        "average=0.9",
    ]
    arguments = [*COMMAND, str(data), "--out", str(out), *choices, *more]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(arguments, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)


def finish(process: subprocess.Popen[str]) -> None:
    _, words = process.communicate(timeout=120)
    assert process.returncode == 0, words


def kill_later(data: Path, out: Path, steps: int, *more: str) -> None:
    """Kills the training at a random moment after it has made some more checkpoints."""
    before = newest(out)
    process = start(data, out, *more)
    while process.poll() is None and newest(out) < before + steps:
        time.sleep(0.001)
    time.sleep(random.random() * 0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def newest(out: Path) -> int:
    return max((int(path.name[5:]) for path in out.glob("checkpoints/step-??????????")), default=0)


def killed_and_resumed(data: Path, folder: Path, kills: int, *more: str) -> None:
    finish(start(data, folder / "whole", *more))
    out = folder / "killed"
    kill_later(data, out, random.randint(1, 8), *more)
    for _ in range(kills - 1):
        kill_later(data, out, random.randint(0, 8), "--resume")
    finish(start(data, out, "--resume"))
    whole, resumed = read_archive(folder / "whole"), read_archive(out)
    assert whole.weights.keys() == resumed.weights.keys()
    assert whole.manifest.task == resumed.manifest.task
    for name, weight in whole.weights.items():
        assert weight.tobytes() == resumed.weights[name].tobytes(), name
    assert not list(out.rglob("*.partial*"))


def test_a_killed_run_ends_bit_equal(digit_folder: Path, tmp_path: Path) -> None:
    killed_and_resumed(digit_folder, tmp_path, kills=2)


@pytest.mark.slow
def test_a_killed_training_of_numbers_ends_bit_equal(digit_list: Path, tmp_path: Path) -> None:
    lines = digit_list.read_text().replace("label", "target", 1)
    listed = digit_list.with_name("numbers.csv")
    listed.write_text(lines)
    killed_and_resumed(listed, tmp_path, kills=2)


@pytest.mark.slow
def test_a_killed_training_of_vectors_ends_bit_equal(digit_folder: Path, tmp_path: Path) -> None:
    killed_and_resumed(digit_folder, tmp_path, 2, "--task", "embed")


@pytest.mark.slow
@pytest.mark.parametrize("round_", range(3))
def test_a_run_killed_many_times_ends_bit_equal(digit_folder: Path, tmp_path: Path, round_: int) -> None:
    killed_and_resumed(digit_folder, tmp_path, kills=12)
