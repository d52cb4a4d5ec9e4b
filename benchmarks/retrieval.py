"""Retrieval among digits that were never trained: plusx's embeddings beside a classifier's features and raw pixels.

    python benchmarks/retrieval.py [--seeds 2] [--budget 60] [--write]

Trained on MNIST's 0 to 7; 8 and 9 are new. Each test picture searches all other test
pictures.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

import plusx
from mnist import UNSET
from peers.contest import read_mnist
from plusx.tasks.neighbours import average_precision, rank
from results import setting, spread, write_section

HEADING = "Retrieval of digits that were never trained"
TRAIN, TEST = 10_000, 5_000
KNOWN = 8
AT_ONCE = 64
Figures = dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=Path("data/mnist"), help="see fetch_mnist.py")
    parser.add_argument("--seeds", type=int, default=2, help="seeds 0, 1, 2, ..., each with its own training pictures")
    parser.add_argument("--budget", type=int, default=60, help="seconds from the files to each model")
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    options = parser.parse_args()
    pictures, digits = (one[:TEST] for one in read_mnist(options.data_dir, "t10k"))
    rounds: dict[str, list[Figures]] = {"raw pixels": [figures(pixels(pictures), digits)]}
    for seed in range(options.seeds):
        with tempfile.TemporaryDirectory() as folder:
            write_known(options.data_dir, Path(folder, "digits"), seed)
            for name, flags in {
                "plusx, a classifier's features": (),
                "plusx, `--task embed`": ("--task", "embed"),
                "with `--set task.margin=0.2`": ("--task", "embed", "--set", "task.margin=0.2"),
            }.items():
                model = train(Path(folder), seed, options.budget, flags)
                rounds.setdefault(name, []).append(figures(model.embed(list(pictures)), digits))
                print(f"seed {seed}  {name:<32} {rounds[name][-1]}", flush=True)
    body = table(rounds, options.seeds, options.budget)
    print(f"\n{body}")
    if options.write:
        command = f"python benchmarks/retrieval.py --seeds {options.seeds} --budget {options.budget} --write"
        write_section(HEADING, f"{body}\n\n`{command}`")


def pixels(pictures: np.ndarray) -> np.ndarray:
    return pictures.reshape(len(pictures), -1) / 255.0


def write_known(data_dir: Path, folder: Path, seed: int) -> None:
    """PNGs of some training pictures of 0 to 7, in class folders."""
    pictures, digits = read_mnist(data_dir, "train")
    known = np.random.default_rng(seed).permutation(np.flatnonzero(digits < KNOWN))[:TRAIN]
    for number in known:
        path = folder / str(digits[number]) / f"{number:05d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pictures[number]).save(path)


def train(folder: Path, seed: int, budget_s: int, flags: Sequence[str]) -> plusx.Model:
    environment = {name: value for name, value in os.environ.items() if name not in UNSET}
    run = folder / f"run{''.join(flags)}"
    command = [sys.executable, "-m", "plusx", "train", str(folder / "digits"), "--budget", f"{budget_s}s", "--json"]
    command += ["--seed", str(seed), "--out", str(run), *flags]
    done = subprocess.run(
        command, env=environment | {"PLUSX_CACHE": f"{run}-cache"}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}")
    return plusx.load(json.loads(done.stdout)["model"])


def figures(vectors: np.ndarray, digits: np.ndarray) -> Figures:
    """Of queries of the known digits and of the new ones, each among all test pictures of all ten."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    found: Figures = {}
    for name, queries in {"new": np.flatnonzero(digits >= KNOWN), "known": np.flatnonzero(digits < KNOWN)}.items():
        parts = [rank(unit, digits, queries[at : at + AT_ONCE]).alike for at in range(0, len(queries), AT_ONCE)]
        found[f"{name} nearest"] = float(np.mean(np.concatenate([part[:, 0] for part in parts])))
        found[f"{name} precision"] = float(np.mean(np.concatenate([average_precision(part) for part in parts])))
    return found


def table(rounds: dict[str, list[Figures]], seeds: int, budget_s: int) -> str:
    columns = {
        "8, 9: nearest is alike, %": "new nearest",
        "8, 9: mean average precision, %": "new precision",
        "0 to 7: nearest is alike, %": "known nearest",
        "0 to 7: mean average precision, %": "known precision",
    }
    lines = [f"| median (lowest to highest) | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for name, own in rounds.items():
        cells = [spread([100 * one[what] for one in own], ".2f") for what in columns.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    about = [
        f"Trained on {TRAIN:,} pictures of 0 to 7, {budget_s} s each, {seeds} seeds. Queries are {TEST:,} test",
        "pictures of all ten digits, each among all others of these, by cosine.",
    ]
    return "\n".join(
        [*lines, "", *about, "", f"{setting()}, OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', '-')}."]
    )


if __name__ == "__main__":
    main()
