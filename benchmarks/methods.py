"""What each training method gains or loses on MNIST: one change to the recipe at a time, several seeds, interleaved.

    python benchmarks/methods.py [--seeds 3] [--epochs 1] [--only WORD ...] [--write]

A sixth of the training pictures is held out and judged by. The test split's score, which every training prints, is
not read. A teacher's own training is not in the student's seconds.
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
from typing import Any

from mnist import UNSET
from results import setting, spread, write_section

HEADING = "MNIST: training methods, one at a time"
SGD = 'optimizer={"name": "sgd", "lr": 0.4}'
WIDE, TEACHER_EPOCHS = "num_filters=64", 3
SHIFT = '{"name": "shift", "reach": 2}'
# Beside the default recipe: resnet8, Muon, shifts by up to two pixels, smoothing 0.1, batches of 128, one cycle.
METHODS: dict[str, Sequence[str]] = {
    "the default recipe": (),
    "SGD with Nesterov's momentum": (SGD,),
    "AdamW (1711.05101)": ('optimizer={"name": "adamw", "lr": 0.01}',),
    "LAMB (1904.00962)": ('optimizer={"name": "lamb", "lr": 0.05}',),
    "cosine (1608.03983)": ("schedule.name=cosine",),
    "no label smoothing": ("label_smoothing=0",),
    "no shifts": ("augment=[]",),
    "warp: rotation, scale, shear": ('augment=[{"name": "warp"}]',),
    "warp with elastic bends": ('augment=[{"name": "warp", "elastic": 0.7}]',),
    "shifts and erasing (1708.04896)": (f'augment=[{SHIFT}, {{"name": "erase"}}]',),
    "TrivialAugment (2103.10158)": ('augment=[{"name": "trivial_augment", "reach": 8}]',),
    "mixup and CutMix (1710.09412, 1905.04899)": ("mix={}",),
    "repeated augmentation, 3 (1902.05509)": ("repeats=3",),
    "stochastic depth, 0.1 (1603.09382)": ("model_options.stochastic_depth=0.1",),
    "averaged weights, 0.98": ("average=0.98",),
    "Lookahead, 5 steps, 0.5 (1907.08610)": ("lookahead={}",),
    "SAM, 0.05 (2010.01412)": ("sharpness=0.05",),
    "learning from the hardest half (1910.00762)": ("learn_from=0.5",),
    "progressive resizing from a half (2104.00298)": ("resize={}",),
    "a whitened first layer (2404.00498)": ("whiten=true",),
    "distilled from four times the width, 3 epochs (1503.02531)": ("--teacher",),
    "bfloat16": ("precision=bfloat16",),
    "twice the width": ("model_options.num_filters=32",),
    "twice the depth": ("model=resnet14", "model_options.num_filters=16"),
    "full resolution": ("model_options.stem=cifar",),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=Path("data/mnist"), help="see fetch_mnist.py")
    parser.add_argument("--seeds", type=int, default=3, help="seeds 0, 1, 2, ...")
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--only", nargs="+", metavar="WORD", help="beside the default, methods with such a word")
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    options = parser.parse_args()
    chosen = [method for method in METHODS if wanted(method, options.only)]
    found: dict[str, list[tuple[float, float]]] = {method: [] for method in chosen}
    for seed in range(options.seeds):
        for method in chosen:
            found[method].append(train(options.data_dir, seed, options.epochs, METHODS[method]))
            error, duration_s = found[method][-1]
            print(f"{method:<44} seed {seed}  {error:.2f} % wrong  {duration_s:.1f} s", flush=True)
    lines = ["| median (lowest to highest) | wrong of those held out, % | from data to model, s |", "|---|---|---|"]
    for method, outcomes in found.items():
        errors, durations = zip(*outcomes, strict=True)
        lines.append(f"| {method} | {spread(errors, '.2f')} | {spread(durations)} |")
    body = "\n".join([*lines, "", f"{options.seeds} seeds of {options.epochs:g} epochs. {setting()}."])
    print(f"\n{body}")
    if options.write:
        only = "" if options.only is None else f" --only {' '.join(options.only)}"
        command = f"python benchmarks/methods.py --seeds {options.seeds} --epochs {options.epochs:g}{only} --write"
        heading = HEADING if options.only is None else f"{HEADING}: {', '.join(options.only)}"
        write_section(heading, f"{body}\n\n`{command}`")


def wanted(method: str, only: Sequence[str] | None) -> bool:
    return only is None or method == next(iter(METHODS)) or any(word.lower() in method.lower() for word in only)


def train(data_dir: Path, seed: int, epochs: float, changes: Sequence[str]) -> tuple[float, float]:
    """(wrong of the held-out pictures in per cent, seconds from data to model)."""
    with tempfile.TemporaryDirectory() as folder:
        more = [word for change in changes if change != "--teacher" for word in ("--set", change)]
        if "--teacher" in changes:
            run(data_dir, seed, TEACHER_EPOCHS, Path(folder, "teacher"), ["--set", f"model_options.{WIDE}"])
            more += ["--teacher", f"{folder}/teacher"]
        answer = run(data_dir, seed, epochs, Path(folder, "run"), more)
    return 100 * (1 - answer["val"]["accuracy"]), answer["duration_s"]


def run(data_dir: Path, seed: int, epochs: float, out: Path, more: Sequence[str]) -> dict[str, Any]:
    environment = {name: value for name, value in os.environ.items() if name not in UNSET}
    command = [sys.executable, "-m", "plusx", "train", "mnist", "--data-dir", str(data_dir), "--json"]
    command += ["--val-fraction", str(1 / 6), "--seed", str(seed), "--epochs", str(epochs), "--out", str(out), *more]
    cache = {"PLUSX_CACHE": f"{out}-cache"}
    done = subprocess.run(command, env=environment | cache, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
