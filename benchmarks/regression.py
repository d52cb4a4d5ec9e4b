"""The angle by which an MNIST digit was turned: plusx beside a torchvision loop of the same time and scikit-learn.

    python benchmarks/regression.py [--seeds 2] [--budget 60] [--write]

Every side holds the same tenth of the training pictures out; those without intervals of their own get split-conformal
ones of one width from it. What is scored are pictures that no side has seen.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from torch import nn
from torchvision.models import resnet18

from mnist import UNSET
from peers.contest import read_mnist
from results import setting, spread, write_section

HEADING = "Regression: the angle of a turned digit"
TRAIN, VAL, TEST = 9_000, 1_000, 2_000
MOST_DEGREES = 45.0
COVERAGE = 0.9
Arrays = dict[str, tuple[np.ndarray, np.ndarray]]
"""Each split's pictures, uint8 (count, 28, 28), and angles in degrees, float32 (count,)."""


@dataclass(frozen=True)
class Round:
    """One side's figures on the test pictures; degrees and seconds."""

    mae: float
    rmse: float
    r2: float
    coverage: float
    width: float
    duration_s: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=Path("data/mnist"), help="see fetch_mnist.py")
    parser.add_argument(
        "--seeds", type=int, default=2, help="seeds 0, 1, 2, ..., each with its own pictures and angles"
    )
    parser.add_argument("--budget", type=int, default=60, help="seconds from the files to the model")
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    options = parser.parse_args()
    rounds: dict[str, list[Round]] = {}
    for seed in range(options.seeds):
        arrays = turned_digits(options.data_dir, seed)
        sides: dict[str, Callable[[], Round]] = {
            "plusx": lambda arrays=arrays, seed=seed: train_plusx(arrays, seed, options.budget, ()),
            "plusx, `--set augment='[]'`": lambda arrays=arrays, seed=seed: train_plusx(
                arrays, seed, options.budget, ("--set", "augment=[]")
            ),
            "torchvision's resnet18, the textbook loop": lambda arrays=arrays, seed=seed: train_textbook(
                arrays, seed, options.budget
            ),
            "scikit-learn, gradient boosting on pixels": lambda arrays=arrays, seed=seed: fit_sklearn(
                HistGradientBoostingRegressor(random_state=seed), arrays
            ),
            "scikit-learn, ridge on pixels": lambda arrays=arrays: fit_sklearn(Ridge(alpha=10.0), arrays),
        }
        for name, run in sides.items():
            rounds.setdefault(name, []).append(run())
            print(f"seed {seed}  {name:<44} {rounds[name][-1]}", flush=True)
    body = table(rounds, options.seeds, options.budget)
    print(f"\n{body}")
    if options.write:
        command = f"python benchmarks/regression.py --seeds {options.seeds} --budget {options.budget} --write"
        write_section(HEADING, f"{body}\n\n`{command}`")


def turned_digits(folder: Path, seed: int) -> Arrays:
    """MNIST pictures, each turned by an angle of its own, counter-clockwise; test pictures are of the test files."""
    random = np.random.default_rng(seed)
    arrays: Arrays = {}
    for part, counts in (("train", {"train": TRAIN, "val": VAL}), ("t10k", {"test": TEST})):
        pictures, _ = read_mnist(folder, part)
        chosen = random.permutation(len(pictures))
        for split, count in counts.items():
            mine, chosen = chosen[:count], chosen[count:]
            angles = random.uniform(-MOST_DEGREES, MOST_DEGREES, count).astype(np.float32)
            arrays[split] = np.stack([turned(pictures[i], a) for i, a in zip(mine, angles, strict=True)]), angles
    return arrays


def turned(picture: np.ndarray, degrees: float) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).rotate(float(degrees), Image.Resampling.BILINEAR))


def write_listing(arrays: Arrays, folder: Path) -> Path:
    """PNGs and their list, as a person would have them."""
    listing = folder / "angles.csv"
    with listing.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "target_degrees", "split"))
        for split, (pictures, angles) in arrays.items():
            for number, (picture, angle) in enumerate(zip(pictures, angles.tolist(), strict=True)):
                name = f"{split}-{number:05d}.png"
                Image.fromarray(picture).save(folder / name)
                rows.writerow((name, angle, split))
    return listing


def train_plusx(arrays: Arrays, seed: int, budget_s: int, flags: tuple[str, ...]) -> Round:
    environment = {name: value for name, value in os.environ.items() if name not in UNSET}
    with tempfile.TemporaryDirectory() as folder:
        listing = write_listing(arrays, Path(folder))
        command = [sys.executable, "-m", "plusx", "train", str(listing), "--budget", f"{budget_s}s", "--json"]
        command += ["--seed", str(seed), "--out", f"{folder}/run", *flags]
        done = subprocess.run(
            command, env=environment | {"PLUSX_CACHE": f"{folder}/cache"}, capture_output=True, text=True, check=False
        )
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}")
    answer = json.loads(done.stdout)
    figures = {name: answer["test"][name] for name in ("mae", "rmse", "r2", "coverage", "width")}
    return Round(**figures, duration_s=answer["duration_s"])


def train_textbook(arrays: Arrays, seed: int, budget_s: int) -> Round:
    """A loop as people write it: standardised targets, smooth L1, Adam at 1e-3, batches of 64."""
    began = time.perf_counter()
    torch.manual_seed(seed)
    network = resnet18(num_classes=1)
    network.conv1 = nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3, bias=False)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    pictures, angles = arrays["train"]
    mean, std = float(angles.mean()), float(angles.std())
    inputs, targets = as_inputs(pictures), torch.from_numpy((angles - mean) / std)
    step_s = 0.0
    while True:
        for chosen in torch.randperm(len(inputs)).split(64):
            # The time for answering the held-out pictures is kept back.
            if time.perf_counter() - began + step_s > budget_s - 2:
                values = {split: answer(network, arrays[split][0]) * std + mean for split in ("val", "test")}
                return conformal(values, arrays, time.perf_counter() - began)
            since = time.perf_counter()
            optimizer.zero_grad()
            outputs = network.train()(inputs[chosen])[:, 0]
            nn.functional.smooth_l1_loss(outputs, targets[chosen]).backward()
            optimizer.step()
            step_s = time.perf_counter() - since


def as_inputs(pictures: np.ndarray) -> torch.Tensor:
    return ((torch.from_numpy(pictures).float() / 255 - 0.1307) / 0.3081)[:, None]


@torch.no_grad()
def answer(network: nn.Module, pictures: np.ndarray) -> np.ndarray:
    network.eval()
    return torch.cat([network(part)[:, 0] for part in as_inputs(pictures).split(500)]).numpy()


def fit_sklearn(model: Ridge | HistGradientBoostingRegressor, arrays: Arrays) -> Round:
    began = time.perf_counter()
    pixels = {split: pictures.reshape(len(pictures), -1) / 255.0 for split, (pictures, _) in arrays.items()}
    model.fit(pixels["train"], arrays["train"][1])
    values = {split: model.predict(pixels[split]) for split in ("val", "test")}
    return conformal(values, arrays, time.perf_counter() - began)


def conformal(values: dict[str, np.ndarray], arrays: Arrays, duration_s: float) -> Round:
    """The test figures, with split-conformal intervals of one width from the held-out residuals (arXiv 1604.04173)."""
    residuals = np.sort(np.abs(values["val"] - arrays["val"][1]))
    half = residuals[ceil((len(residuals) + 1) * COVERAGE) - 1]
    truth = arrays["test"][1].astype(np.float64)
    errors = values["test"] - truth
    return Round(
        mae=float(np.abs(errors).mean()),
        rmse=float(np.sqrt(np.square(errors).mean())),
        r2=float(1 - np.square(errors).sum() / np.square(truth - truth.mean()).sum()),
        coverage=float((np.abs(errors) <= half).mean()),
        width=float(2 * half),
        duration_s=duration_s,
    )


def table(rounds: dict[str, list[Round]], seeds: int, budget_s: int) -> str:
    columns = {
        "mean absolute error, °": ("mae", ".2f", 1),
        "RMS error, °": ("rmse", ".2f", 1),
        "R²": ("r2", ".4f", 1),
        "in their intervals, %": ("coverage", ".1f", 100),
        "width of these, °": ("width", ".2f", 1),
        "seconds": ("duration_s", ".1f", 1),
    }
    lines = [f"| median (lowest to highest) | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for name, own in rounds.items():
        cells = [spread([by * getattr(one, what) for one in own], form) for what, form, by in columns.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    about = [
        f"{TRAIN:,} training, {VAL:,} validation and {TEST:,} test pictures of MNIST, each turned by an angle within",
        f"±{MOST_DEGREES:g}°; {seeds} seeds, each with its own pictures and angles. 90 % were asked for in intervals.",
        f"plusx and the textbook loop had {budget_s} s: plusx decodes PNGs and stores its model within them, the loop",
        "has its pictures in memory. scikit-learn took what it needed.",
    ]
    return "\n".join(
        [*lines, "", *about, "", f"{setting()}, OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', '-')}."]
    )


if __name__ == "__main__":
    main()
