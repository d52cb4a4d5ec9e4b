"""Few pictures: plusx beside fastai on 10, 50 and 100 digits a class, with the same time, tested on all 10,000.

    python benchmarks/small_data.py [--a-class 10 50 100] [--seeds 5] [--budget 60] [--write]

A seed draws the pictures, too. Both read the same folder of PNGs, and start with fresh weights: fastai's usual
pretrained ones are of photographs, and cannot be downloaded by a benchmark that must run offline.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from mnist import Round, report, run
from peers.contest import read_mnist
from results import setting, spread, write_section

HEADING = "Few pictures: plusx beside fastai"
FASTAI = Path(__file__).parent / "peers" / "fastai_folder.py"
Rounds = Mapping[tuple[str, int], Sequence[Round]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=Path("data/mnist"), help="see fetch_mnist.py")
    parser.add_argument("--a-class", nargs="+", type=int, default=[10, 50, 100], help="training pictures a class")
    parser.add_argument("--seeds", type=int, default=5, help="seeds 0, 1, 2, ...")
    parser.add_argument("--budget", type=int, default=60, metavar="SECONDS")
    parser.add_argument("--steps", type=int, help="cut trainings short, to try this script")
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    options = parser.parse_args()
    if options.write and options.steps:
        parser.error("--write: results of shortened trainings are not kept")

    rounds: dict[tuple[str, int], list[Round]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        test = Path(temporary, "test")
        write_pictures(*read_mnist(options.data_dir, "t10k"), test)
        for seed in range(options.seeds):
            for a_class in options.a_class:
                folder = Path(temporary, f"{a_class}-{seed}")
                write_pictures(*draw(*read_mnist(options.data_dir, "train"), a_class, seed), folder / "train")
                (folder / "test").symlink_to(test)
                for side, train in (("plusx", train_plusx), ("fastai", train_fastai)):
                    done = train(folder, seed, options.budget, options.steps)
                    rounds.setdefault((side, a_class), []).append(done)
                    report(f"{side}, {a_class} a class", seed, done)
    body = table(rounds, options.a_class, options.budget)
    print(f"\n{body}")
    if options.write:
        command = f"python benchmarks/small_data.py --seeds {options.seeds} --budget {options.budget} --write"
        write_section(HEADING, f"{body}\n\n`{command}`")


def draw(pictures: np.ndarray, classes: np.ndarray, a_class: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """So many pictures of each class, the seed's own."""
    order = np.random.default_rng(seed).permutation(len(classes))
    drawn = np.concatenate([order[classes[order] == digit][:a_class] for digit in range(10)])
    return pictures[drawn], classes[drawn]


def write_pictures(pictures: np.ndarray, classes: np.ndarray, folder: Path) -> None:
    """`folder/<digit>/<number>.png`."""
    for digit in range(10):
        (folder / str(digit)).mkdir(parents=True)
    for number, (picture, digit) in enumerate(zip(pictures, classes, strict=True)):
        Image.fromarray(picture).save(folder / str(digit) / f"{number:05d}.png")


def train_plusx(folder: Path, seed: int, budget_s: int, steps: int | None) -> Round:
    length = ("--budget", f"{budget_s}s") if steps is None else ("--epochs", "1")
    with tempfile.TemporaryDirectory() as out:
        command = ["-m", "plusx", "train", str(folder), "--seed", str(seed), *length, "--json", "--out", f"{out}/run"]
        return run(command, {"PLUSX_CACHE": f"{out}/cache"})


def train_fastai(folder: Path, seed: int, budget_s: int, steps: int | None) -> Round:
    length = ("--budget", str(budget_s)) if steps is None else ("--steps", str(steps))
    return run([str(FASTAI), str(folder), "--seed", str(seed), *length], {})


def table(rounds: Rounds, a_class: Sequence[int], budget_s: int) -> str:
    lines = [f"| right of the test set after {budget_s} s, % | plusx | fastai |", "|---|---|---|"]
    for count in a_class:
        cells = [spread([100 * one.accuracy for one in rounds[side, count]], ".2f") for side in ("plusx", "fastai")]
        lines.append(f"| {count} pictures a class | {' | '.join(cells)} |")
    for title, what in (("from data to model, s", "duration_s"), ("whole process, s", "process_s")):
        cells = [
            spread([getattr(one, what) for count in a_class for one in rounds[side, count]])
            for side in ("plusx", "fastai")
        ]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    seeds = len(rounds["plusx", a_class[0]])
    about = [
        f"Medians (lowest to highest) of {seeds} seeds, each with its own pictures. fastai: xresnet18, one-cycle,",
        "3e-3, `aug_transforms(do_flip=False)`, as many epochs as fit. Both from fresh weights.",
    ]
    return "\n".join([*lines, "", *about, "", f"{setting()}."])


if __name__ == "__main__":
    main()
