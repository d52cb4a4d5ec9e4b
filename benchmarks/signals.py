"""Signals: plusx beside MiniRocket and a forest, on four real sets that lie in aeon's wheel.

    python benchmarks/signals.py --sets aeon/datasets/data --aeon PYTHON [--budget 30] [--seeds 1] [--write]

`pip download --no-deps aeon`, unpacked, has the folder of the sets, as .ts files; PYTHON is an interpreter with aeon
installed, which wants older versions of some libraries than plusx's own.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from results import setting, spread, write_section
from sounds import Done, Row, run, write_list

HEADING = "Signals: four small sets"
PEER = Path(__file__).parent / "peers" / "signals_minirocket.py"
SETS = {
    "JapaneseVowels": "nine men's vowels, 12 channels of 7 to 29 samples",
    "BasicMotions": "a watch's 6 channels, 100 samples, 4 motions",
    "OSULeaf": "outlines of leaves, 427 samples, 6 kinds",
    "ItalyPowerDemand": "a day's demand, 24 samples, winter or summer",
}
SIDES = ("plusx", "MiniRocket", "forest")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=Path, required=True, help="the folder aeon/datasets/data of aeon's wheel")
    parser.add_argument("--aeon", default=sys.executable, help="a Python with aeon installed")
    parser.add_argument("--budget", type=int, default=30, metavar="SECONDS")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    options = parser.parse_args()
    lines = [f"| right of the test split, % | {' | '.join(SIDES)} |", "|---|---|---|---|"]
    for name, about in SETS.items():
        with tempfile.TemporaryDirectory() as folder:
            listing = Path(folder, "list.csv")
            rows = write_set(options.sets / name, Path(folder))
            write_list(rows, listing)
            found = compare(name, listing, options.aeon, options.budget, options.seeds)
        sizes = ", ".join(f"{sum(row[2] == split for row in rows):,} {split}" for split in ("train", "test"))
        right = " | ".join(spread([one.right for one in found[side]], ".2f") for side in SIDES)
        took = " | ".join(spread([one.duration_s for one in found[side]]) for side in SIDES)
        lines += [f"| {name}: {about}; {sizes} | {right} |", f"| its time, from files to model, s | {took} |"]
    about = (
        f"Medians (lowest to highest) of {options.seeds} seed(s); plusx had {options.budget} s and held a tenth of the "
        "training signals out to validate. MiniRocket: aeon's, with its ridge classifier (arXiv 2012.08791). Forest: "
        "scikit-learn's, 500 trees on the samples as they are. Both took what they needed."
    )
    body = "\n".join([*lines, "", about, "", f"{setting()}, {os.environ.get('OMP_NUM_THREADS', 'all')} threads."])
    print(f"\n{body}")
    if options.write:
        command = f"python benchmarks/signals.py --budget {options.budget} --seeds {options.seeds} --write"
        write_section(HEADING, f"{body}\n\n`{command}`")


def write_set(source: Path, folder: Path) -> list[Row]:
    """Writes each signal as a .npy file (time, channels); gives (path, label, split) of each."""
    rows: list[Row] = []
    for split in ("train", "test"):
        for number, (values, label) in enumerate(read_ts(source / f"{source.name}_{split.upper()}.ts")):
            path = folder / f"{split}-{number:05d}.npy"
            np.save(path, values)
            rows.append((str(path), label, split))
    return rows


def read_ts(path: Path) -> Iterator[tuple[np.ndarray, str]]:
    """(float32 (time, channels), label) of each line after @data: channels parted by colons, the label last."""
    _, _, data = path.read_text(encoding="utf-8").partition("@data")
    for line in data.split():
        *channels, label = line.split(":")
        yield np.array([channel.split(",") for channel in channels], np.float32).T, label


def compare(name: str, listing: Path, aeon: str, budget_s: int, seeds: int) -> dict[str, list[Done]]:
    found: dict[str, list[Done]] = {side: [] for side in SIDES}
    for seed in range(seeds):
        for side in SIDES:
            done = train_plusx(listing, seed, budget_s) if side == "plusx" else train_peer(listing, seed, aeon, side)
            found[side].append(done)
            print(f"{name:<18} {side:<11} seed {seed}  {done.right:.2f} % right  {done.duration_s:.1f} s", flush=True)
    return found


def train_plusx(listing: Path, seed: int, budget_s: int) -> Done:
    with tempfile.TemporaryDirectory() as folder:
        command = ["-m", "plusx", "train", str(listing), "--seed", str(seed), "--budget", f"{budget_s}s", "--json"]
        answer = run([*command, "--out", f"{folder}/run"], {"PLUSX_CACHE": f"{folder}/cache"})
    return Done(100 * answer["test"]["accuracy"], answer["duration_s"])


def train_peer(listing: Path, seed: int, aeon: str, side: str) -> Done:
    command: Sequence[str] = [str(PEER), str(listing), "--seed", str(seed)]
    answer = run([*command, "--forest"], {}) if side == "forest" else run(command, {}, python=aeon)
    return Done(100 * answer["accuracy"], answer["duration_s"])


if __name__ == "__main__":
    main()
