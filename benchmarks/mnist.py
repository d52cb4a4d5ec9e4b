"""Time and accuracy on MNIST: plusx beside the loop that people write (textbook.py), interleaved.

    python benchmarks/mnist.py [--seeds 5] [--textbook-rounds 3] [--write]

Each training is a process of its own; plusx decodes into an empty cache each time. Leave the machine alone meanwhile:
one other process that wants a core slows either side many times over.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from results import setting, spread, write_section

HEADING = "MNIST: plusx beside the textbook loop"
# Some machines set these for NumPy's sake; neither side shall be measured with them.
UNSET = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


PLUSX = {"`plusx train mnist`": (), "with `--epochs 0.5`": ("--epochs", "0.5"), "with `--epochs 4`": ("--epochs", "4")}
TEXTBOOK = "textbook loop, one epoch"


@dataclass(frozen=True)
class Round:
    """One training: seconds from data to model, seconds of the whole process, share of the test set that is right."""

    duration_s: float
    process_s: float
    accuracy: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=Path("data/mnist"), help="see fetch_mnist.py")
    parser.add_argument("--seeds", type=int, default=5, help="trainings with plusx: seeds 0, 1, 2, ...")
    parser.add_argument("--textbook-rounds", type=int, default=3, help="about two minutes each on two cores")
    parser.add_argument("--textbook-steps", type=int, help="cut the textbook's epoch short, to try this script")
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    options = parser.parse_args()
    if options.write and options.textbook_steps:
        parser.error("--write: results of a shortened epoch are not kept")
    if min(options.seeds, options.textbook_rounds) < 1:
        parser.error("--seeds and --textbook-rounds: one or more of each")

    # Two threads that must meet at each layer wait long for one that has lost its core.
    if (load := os.getloadavg()[0]) > 0.5:
        print(f"the machine is not idle (load {load:.1f}): the times will be too long", file=sys.stderr)

    sides: dict[str, list[Round]] = {title: [] for title in (*PLUSX, TEXTBOOK)}
    for seed in range(max(options.seeds, options.textbook_rounds)):
        for title, flags in PLUSX.items() if seed < options.seeds else ():
            sides[title].append(train_plusx(options.data_dir, seed, flags))
            report(title, seed, sides[title][-1])
        if seed < options.textbook_rounds:
            sides[TEXTBOOK].append(train_textbook(options.data_dir, seed, options.textbook_steps))
            report(TEXTBOOK, seed, sides[TEXTBOOK][-1])
    body = summary(sides)
    print(f"\n{body}")
    if options.write:
        command = f"python benchmarks/mnist.py --seeds {options.seeds} --textbook-rounds {options.textbook_rounds}"
        write_section(HEADING, f"{body}\n\n`python benchmarks/fetch_mnist.py && {command} --write`")


def train_plusx(data_dir: Path, seed: int, flags: Sequence[str]) -> Round:
    with tempfile.TemporaryDirectory() as folder:
        command = ["-m", "plusx", "train", "mnist", "--data-dir", str(data_dir), "--seed", str(seed), "--json"]
        return run([*command, *flags, "--out", f"{folder}/run"], {"PLUSX_CACHE": f"{folder}/cache"})


def train_textbook(data_dir: Path, seed: int, steps: int | None) -> Round:
    command = [str(Path(__file__).with_name("textbook.py")), "--data-dir", str(data_dir), "--seed", str(seed)]
    return run(command if steps is None else [*command, "--steps", str(steps)], {})


def run(arguments: Sequence[str], variables: dict[str, str]) -> Round:
    environment = {name: value for name, value in os.environ.items() if name not in UNSET}
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments], env=environment | variables, capture_output=True, text=True, check=False
    )
    process_s = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"{' '.join(arguments)}: exit {done.returncode}\n{done.stderr}")
    answer = json.loads(done.stdout)
    return Round(answer["duration_s"], process_s, answer["test"]["accuracy"])


def report(name: str, seed: int, done: Round) -> None:
    figures = f"{done.duration_s:6.1f} s, process {done.process_s:6.1f} s, {done.accuracy:.2%} of the test set"
    print(f"{name:<24}  seed {seed}  {figures}", flush=True)


def summary(sides: Mapping[str, Sequence[Round]]) -> str:
    """The table in Markdown with the ratios, and where it was measured."""
    lines = [f"| median (lowest to highest) | {' | '.join(sides)} |", "|---" * (len(sides) + 1) + "|"]
    for title, values in (
        ("from data to model, s", [[one.duration_s for one in side] for side in sides.values()]),
        ("whole process, s", [[one.process_s for one in side] for side in sides.values()]),
        ("right of the test set, %", [[100 * one.accuracy for one in side] for side in sides.values()]),
    ):
        form = ".2f" if "%" in title else ".1f"
        lines.append(f"| {title} | {' | '.join(spread(side, form) for side in values)} |")
    medians = {title: median(one.duration_s for one in side) for title, side in sides.items()}
    ratios = [f"**{medians[TEXTBOOK] / value:.1f}**" for value in medians.values()]
    lines.append(f"| textbook's time / this one's | {' | '.join(ratios)} |")
    lines.append(f"| rounds | {' | '.join(str(len(side)) for side in sides.values())} |")
    return "\n".join(
        [
            *lines,
            "",
            "textbook loop: torchvision's resnet18 with a 1-channel stem, DataLoader with 2 workers, Adam(1e-3), batch",
            "64; its time runs from the files to the trained network. plusx: `plusx train mnist`; its time also has",
            "preparing, validating after each epoch, and storing the model.",
            "",
            f"{setting()}.",
        ]
    )


if __name__ == "__main__":
    main()
