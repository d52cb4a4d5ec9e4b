"""What each training method gains or loses on MNIST: one change to the recipe at a time, several seeds, interleaved.

    python benchmarks/methods.py [--seeds 3] [--epochs 1] [--write]

A sixth of the training pictures is held out and judged by. The test split's score, which every training prints, is
not read.
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

from mnist import UNSET
from results import setting, spread, write_section

HEADING = "MNIST: training methods, one at a time"
SGD = 'optimizer={"name": "sgd", "lr": 0.4}'
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
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    options = parser.parse_args()
    found: dict[str, list[tuple[float, float]]] = {method: [] for method in METHODS}
    for seed in range(options.seeds):
        for method, changes in METHODS.items():
            found[method].append(train(options.data_dir, seed, options.epochs, changes))
            error, duration_s = found[method][-1]
            print(f"{method:<44} seed {seed}  {error:.2f} % wrong  {duration_s:.1f} s", flush=True)
    lines = ["| median (lowest to highest) | wrong of those held out, % | from data to model, s |", "|---|---|---|"]
    for method, outcomes in found.items():
        errors, durations = zip(*outcomes, strict=True)
        lines.append(f"| {method} | {spread(errors, '.2f')} | {spread(durations)} |")
    body = "\n".join([*lines, "", f"{options.seeds} seeds of {options.epochs:g} epochs. {setting()}."])
    print(f"\n{body}")
    if options.write:
        command = f"python benchmarks/methods.py --seeds {options.seeds} --epochs {options.epochs:g} --write"
        write_section(HEADING, f"{body}\n\n`{command}`")


def train(data_dir: Path, seed: int, epochs: float, changes: Sequence[str]) -> tuple[float, float]:
    """(wrong of the held-out pictures in per cent, seconds from data to model)."""
    environment = {name: value for name, value in os.environ.items() if name not in UNSET}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "plusx", "train", "mnist", "--data-dir", str(data_dir), "--json"]
        command += [
            "--val-fraction",
            str(1 / 6),
            "--seed",
            str(seed),
            "--epochs",
            str(epochs),
            "--out",
            f"{folder}/run",
        ]
        command += [word for change in changes for word in ("--set", change)]
        done = subprocess.run(
            command, env=environment | {"PLUSX_CACHE": f"{folder}/cache"}, capture_output=True, text=True, check=False
        )
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}")
    answer = json.loads(done.stdout)
    return 100 * (1 - answer["val"]["accuracy"]), answer["duration_s"]


if __name__ == "__main__":
    main()
