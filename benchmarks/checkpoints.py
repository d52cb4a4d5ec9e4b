"""What checkpoints cost a training, and how soon a killed one trains again.

    python benchmarks/checkpoints.py [--networks resnet18 resnet50] [--rounds 5] [--write]

The first table writes the last checkpoint of a short training again and again: its cost is a share of the seconds from
one checkpoint to the next. The second kills `plusx train mnist` at a tenth, a half and nine tenths of its steps and
times `--resume`, from the start of the process to the first step that it adds.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from mnist import UNSET
from plusx.training.checkpoint import checkpoint_paths, due_after_s, load_checkpoint, save_checkpoint
from results import setting, spread, write_section

HEADING = "Checkpoints"
PLACES = (0.1, 0.5, 0.9)
MIB = 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=Path("data/mnist"), help="see fetch_mnist.py")
    parser.add_argument("--networks", nargs="*", default=["resnet18", "resnet50"], help="beside the default recipe's")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="put the tables into RESULTS.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        mnist = Mnist(options.data_dir, Path(temporary))
        body = "\n".join(
            [
                *costs(mnist, options.networks, options.rounds),
                "",
                *resumes(mnist, options.rounds),
                "",
                f"Medians (lowest to highest) of {options.rounds} rounds. {setting()}.",
            ]
        )
    print(f"\n{body}")
    if options.write:
        command = f"python benchmarks/checkpoints.py --networks {' '.join(options.networks)} --rounds {options.rounds}"
        write_section(HEADING, f"{body}\n\n`{command} --write`")


class Mnist:
    """Trainings on MNIST below one folder, with one cache."""

    def __init__(self, data_dir: Path, folder: Path):
        self._data = ("mnist", "--data-dir", str(data_dir))
        self._folder = folder

    def run_folder(self, name: str) -> Path:
        return self._folder / name

    def start(self, name: str, *more: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "plusx", "train", *self._data, "--out", str(self.run_folder(name)), *more]
        kept = {key: value for key, value in os.environ.items() if key not in UNSET}
        environment = {**kept, "PLUSX_CACHE": str(self._folder / "cache")}
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def train(self, name: str, *more: str) -> None:
        if code := self.start(name, *more).wait():
            sys.exit(f"plusx train {' '.join(more)}: exit {code}")

    def newest_step(self, name: str) -> int:
        return max((int(path.name[5:]) for path in checkpoint_paths(self.run_folder(name) / "checkpoints")), default=0)


def costs(mnist: Mnist, networks: Sequence[str], rounds: int) -> list[str]:
    """A table of what writing one costs."""
    table = ["| network | MiB | to write, s | of the time, % |", "|---|---|---|---|"]
    for name in ("the default recipe's", *networks):
        run = f"costs-{name.split()[0]}"
        # A few steps: optimisers hold nothing before the first one.
        mnist.train(run, "--epochs", "0.005", *(("--model", name) if name in networks else ()))
        checkpoint = load_checkpoint(checkpoint_paths(mnist.run_folder(run) / "checkpoints")[-1])
        taken: list[float] = []
        for number in range(rounds):
            began = time.perf_counter()
            save_checkpoint(mnist.run_folder(run) / f"again-{number}", checkpoint)
            taken.append(time.perf_counter() - began)
        size = sum(tensor.nbytes for tensor in checkpoint.tensors.values()) / MIB
        shares = [100 * one / (due_after_s(None, one) + one) for one in taken]
        table.append(f"| {name} | {size:.1f} | {spread(taken, '.3f')} | {spread(shares, '.2f')} |")
        print(table[-1], flush=True)
    return table


def resumes(mnist: Mnist, rounds: int) -> list[str]:
    """A table of the seconds to the first step after a kill."""
    mnist.train("whole", "--checkpoint-every", "0")
    steps = last_step(mnist.run_folder("whole"))
    table = ["| killed at | from the process's start to a new step, s |", "|---|---|"]
    for place in PLACES:
        taken: list[float] = []
        for number in range(rounds):
            name = f"killed-{place}-{number}"
            stop_after(mnist, name, int(place * steps))
            stopped_at = mnist.newest_step(name)
            began = time.perf_counter()
            process = mnist.start(name, "--resume", "--checkpoint-every", "0")
            wait_for(mnist, name, stopped_at + 1, process)
            taken.append(time.perf_counter() - began)
            kill(process)
        table.append(f"| {place:.0%} of the steps | {spread(taken, '.2f')} |")
        print(f"{table[-1]} median {median(taken):.2f}", flush=True)
    return table


def last_step(run: Path) -> int:
    return json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])["step"]


def stop_after(mnist: Mnist, name: str, step: int) -> None:
    process = mnist.start(name, "--checkpoint-every", "0")
    wait_for(mnist, name, step, process)
    kill(process)


def wait_for(mnist: Mnist, name: str, step: int, process: subprocess.Popen[bytes]) -> None:
    while mnist.newest_step(name) < step:
        if process.poll() is not None:
            sys.exit(f"plusx train: it ended ({process.returncode}) before step {step}")
        time.sleep(0.01)


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


if __name__ == "__main__":
    main()
