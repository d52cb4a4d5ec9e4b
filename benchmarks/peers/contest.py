"""What every script in this race shares: its options, MNIST's files, the clock, the budget, and the line it prints."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# A run's speed is the time of many steps less that of FEW: what starts once, such as workers, falls out. MANY are
# doubled until the difference is long enough that the start's own ups and downs do not matter.
FEW, MANY = 5, 45
LONG_S = 4.0
# No clock is perfect, and a budget must hold.
SHARE = 0.97


def options(description: str | None) -> argparse.ArgumentParser:
    """The options that each script takes."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=Path("data/mnist"), help="the folder of the IDX files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=float, default=1, help="the schedule spans them; 0.5 is half of the pictures")
    parser.add_argument("--budget", type=float, metavar="SECONDS", help="as many epochs as fit, by the measured speed")
    parser.add_argument("--steps", type=int, help="so many batches in all, to try the script")
    return parser


def read_mnist(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The `train` or `t10k` part: uint8 pictures (count, 28, 28), int64 classes (count,)."""
    pictures = np.fromfile(folder / f"{name}-images-idx3-ubyte", np.uint8)[16:].reshape(-1, 28, 28)
    return pictures, np.fromfile(folder / f"{name}-labels-idx1-ubyte", np.uint8)[8:].astype(np.int64)


@dataclass(frozen=True)
class Length:
    """How long a training is, in steps; an epoch's end is scored."""

    steps: int
    steps_an_epoch: int

    @property
    def epochs(self) -> float:
        return self.steps / self.steps_an_epoch

    def parts(self) -> Iterator[int]:
        """The steps of each epoch; the last may be a part of one."""
        for first in range(0, self.steps, self.steps_an_epoch):
            yield min(self.steps_an_epoch, self.steps - first)


class Contest:
    """One training against the clock, from now on: from its data to the trained network.

    What is done `outside()` does not count: measuring the own speed, which a user knows of their machine, and testing.
    """

    def __init__(self, chosen: argparse.Namespace):
        self._chosen = chosen
        self._began = time.perf_counter()
        self._outside_s = 0.0
        self._curve: list[tuple[float, float]] = []

    def seconds(self) -> float:
        return time.perf_counter() - self._began - self._outside_s

    @contextmanager
    def outside(self) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self._outside_s += time.perf_counter() - began

    def length(self, steps_an_epoch: int, trial: Callable[[int], object]) -> Length:
        """By the options. `trial(n)` makes a new network, trains it n steps and throws it away; for a budget."""
        if self._chosen.steps is not None:
            steps = self._chosen.steps
        elif self._chosen.budget is not None:
            steps = self._steps_within(self._chosen.budget, steps_an_epoch, trial)
        else:
            steps = round(self._chosen.epochs * steps_an_epoch)
        return Length(max(1, steps), steps_an_epoch)

    def _steps_within(self, budget_s: float, steps_an_epoch: int, trial: Callable[[int], object]) -> int:
        with self.outside():
            # Once for what a process does once.
            trial(FEW)
            few_s, many = _timed(trial, FEW), MANY
            while (longer_s := _timed(trial, many) - few_s) < LONG_S and 2 * many <= steps_an_epoch:
                many *= 2
        step_s = max(longer_s, 1e-6) / (many - FEW)
        start_s = max(0.0, few_s - FEW * step_s)
        return int((SHARE * budget_s - self.seconds() - start_s) / step_s)

    def score(self, accuracy: Callable[[], float]) -> None:
        """Puts a point on the curve: the time so far, and the share of the test set that is right."""
        with self.outside():
            self._curve.append((self.seconds(), accuracy()))

    def report(self, length: Length) -> None:
        """Prints the result as one line of JSON; the last score is the result."""
        duration_s, accuracy = self._curve[-1]
        result = {"duration_s": duration_s, "epochs": length.epochs, "test": {"accuracy": accuracy}}
        print(json.dumps({**result, "curve": self._curve}))


def _timed(trial: Callable[[int], object], steps: int) -> float:
    began = time.perf_counter()
    trial(steps)
    return time.perf_counter() - began
