"""Volumes: plusx beside a textbook 3-D network in the same time, and what a network of pictures is worth as a start.

    python benchmarks/volumes.py [--budget 60] [--seeds 1] [--write]

The volumes are those of make_turned_volumes.py.
The pictures are MNIST's own digits, of those that no volume shows; their network is trained first, for a third of the
budget, and `--from` inflates its filters along depth.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from make_turned_volumes import COUNTS, write_set
from peers.contest import read_mnist
from results import setting, spread, write_section
from sounds import Done, run

HEADING = "Volumes: digits turned in space"
PEER = Path(__file__).parent / "peers" / "volumes_textbook.py"
FEW, PICTURES = 200, 10_000
LAST = 20_000
"""MNIST's last training pictures, which no volume of the training split shows."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=Path("data/mnist"), help="see fetch_mnist.py")
    parser.add_argument("--budget", type=int, default=60, metavar="SECONDS")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="keep plusx's run of the last seed on all volumes in this folder")
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    options = parser.parse_args()
    rounds: dict[str, list[Done]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_set(options.data_dir, folder / "volumes")
        keep_few(folder / "volumes", folder / "few")
        write_pictures(options.data_dir, folder / "pictures")
        for seed in range(options.seeds):
            for title, done in one_seed(folder, seed, options.budget):
                rounds.setdefault(title, []).append(done)
                print(f"seed {seed}  {title:<56} {done.right:.2f} % right  {done.duration_s:.1f} s", flush=True)
        if options.keep:
            shutil.copytree(folder / f"all0-{options.seeds - 1}", options.keep)
    body = table(rounds, options.seeds, options.budget)
    print(f"\n{body}")
    if options.write:
        command = f"python benchmarks/volumes.py --budget {options.budget} --seeds {options.seeds} --write"
        write_section(HEADING, f"{body}\n\n`{command}`")


def one_seed(folder: Path, seed: int, budget_s: int) -> Iterator[tuple[str, Done]]:
    pictures = folder / f"pictures-run{seed}"
    same = ("--model", "resnet8", "--set", "model_options.num_filters=32", "--set", "model_options.stem=small")
    train_plusx(folder / "pictures", pictures, seed, budget_s // 3, same)
    start = ("--from", str(pictures))
    for name, where in (("all", folder / "volumes"), ("few", folder / "few")):
        size = f"{COUNTS['train'] if name == 'all' else FEW:,}"
        seconds = budget_s if name == "all" else budget_s // 2
        for how, flags in (("", ()), (", `--from` pictures", start)):
            done = train_plusx(where, folder / f"{name}{len(flags)}-{seed}", seed, seconds, flags)
            yield f"plusx{how}; {size} volumes, {seconds} s", done
    command = [str(PEER), str(folder / "volumes"), "--budget", str(budget_s), "--seed", str(seed)]
    answer = run(command, {})
    title = f"a textbook 3-D network; {COUNTS['train']:,} volumes, {budget_s} s"
    yield title, Done(100 * answer["accuracy"], answer["duration_s"])


def keep_few(volumes: Path, few: Path) -> None:
    """The same with only the first training volumes."""
    for path in volumes.glob("*/*/*.nii.gz"):
        if path.parts[-3] != "train" or int(path.name.partition(".")[0]) < FEW:
            target = few / path.relative_to(volumes)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)


def write_pictures(mnist: Path, folder: Path) -> None:
    pictures, digits = read_mnist(mnist, "train")
    for number in np.random.default_rng(0).permutation(np.arange(len(pictures) - LAST, len(pictures)))[:PICTURES]:
        path = folder / str(digits[number]) / f"{number:05d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pictures[number]).save(path)


def train_plusx(data: Path, out: Path, seed: int, budget_s: int, flags: Sequence[str]) -> Done:
    command = ["-m", "plusx", "train", str(data), "--seed", str(seed), "--budget", f"{budget_s}s", "--json", *flags]
    with tempfile.TemporaryDirectory() as cache:
        answer = run([*command, "--out", str(out)], {"PLUSX_CACHE": cache})
    return Done(100 * (answer["test"] or answer["val"])["accuracy"], answer["duration_s"])


def table(rounds: Mapping[str, Sequence[Done]], seeds: int, budget_s: int) -> str:
    lines = ["| median (lowest to highest) | right of the test split, % | from files to model, s |", "|---|---|---|"]
    for title, own in rounds.items():
        columns = (spread([one.right for one in own], ".2f"), spread([one.duration_s for one in own]))
        lines.append(f"| {title} | {' | '.join(columns)} |")
    counts = ", ".join(f"{count:,} {split}" for split, count in COUNTS.items())
    about = (
        f"MNIST's digits made solid and turned in space, {counts}, as packed NIfTI files; {seeds} seed(s). "
        f"{PICTURES:,} flat digits, none of them in a training or test volume, were trained on for {budget_s // 3} s "
        "more where `--from` is said. The textbook: Adam at 1e-3, batches of 16, until the time is up."
    )
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    return "\n".join([*lines, "", about, "", f"{setting()}, {threads} threads."])


if __name__ == "__main__":
    main()
