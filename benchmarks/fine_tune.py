"""Fine-tuning beside training from scratch: a network of the digits 0 to 4 learns 5 to 9 from ten pictures each.

    python benchmarks/fine_tune.py [--seeds 5] [--write]

The seed decides which pictures there are to learn from, and the training's own draws; all ways get the same ones. The
test split's digits 5 to 9 are read once a training, and nothing is chosen by them. Needs fetch_mnist.py's files.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

import plusx
from export_mnist import export
from results import setting, spread, write_section

HEADING = "Fine-tuning on ten pictures a class"
KNOWN, NEW = ("0", "1", "2", "3", "4"), ("5", "6", "7", "8", "9")
PICTURES = 10
WAYS: dict[str, Mapping[str, str] | None] = {
    "from scratch, `images`": None,
    "`--from`, recipe `fine_tune`": {},
    "the same rate in all stages": {"rate_decay": "1"},
    "`--freeze 1`": {"frozen": "1"},
    "`--freeze 2`": {"frozen": "2"},
    "`--freeze 3`, only the head learns": {"frozen": "3"},
    "half of the epochs": {"epochs": "15"},
    "a fifth of the rate for half of the epochs": {"epochs": "15", "optimizer.lr": "0.02"},
    "recipe `images`": {"recipe": "images"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=Path("data/mnist"), help="see fetch_mnist.py")
    parser.add_argument("--png", type=Path, default=Path("data/mnist-png"), help="the folder of PNGs")
    parser.add_argument("--seeds", type=int, default=5, help="seeds 0, 1, 2, ...")
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    options = parser.parse_args()
    listing = options.png.with_name(f"{options.png.name}.parquet")
    # The listing is written last: without it the folder may be unfinished.
    if not listing.exists():
        export(options.data_dir, options.png)
    right: dict[str, list[float]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        pictures = read_pictures(listing)
        source = plusx.train(write_known(pictures, Path(folder)), out=Path(folder, "known"))
        print(f"digits 0 to 4: val {source.val['accuracy']:.2%}", flush=True)
        for seed in range(options.seeds):
            data = write_new(pictures, Path(folder), seed)
            for number, (way, changes) in enumerate(WAYS.items()):
                right[way].append(learn(data, Path(folder, f"{seed}-{number}"), source.run, changes, seed))
                print(f"seed {seed}  {way:<40} {right[way][-1]:.2f} %", flush=True)
    rows = [f"| {way} | {spread(values, '.2f')} |" for way, values in right.items()]
    table = "\n".join(["| way | right of the test digits 5 to 9, %, median (lowest to highest) |", "|---|---|", *rows])
    body = f"{table}\n\n{options.seeds} seeds. {setting()}."
    print(f"\n{body}")
    if options.write:
        write_section(HEADING, f"{body}\n\n`python benchmarks/fine_tune.py --seeds {options.seeds} --write`")


def read_pictures(listing: Path) -> dict[tuple[str, str], list[str]]:
    """The pictures' paths by split and label."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in pq.read_table(listing).to_pylist():
        path = str((listing.parent / row["path"]).resolve())
        found.setdefault((row["split"], str(row["label"])), []).append(path)
    return found


def write_known(pictures: Mapping[tuple[str, str], list[str]], folder: Path) -> Path:
    """A listing of all training pictures of the known digits."""
    return write(folder / "known.csv", [(path, label, "train") for label in KNOWN for path in pictures["train", label]])


def write_new(pictures: Mapping[tuple[str, str], list[str]], folder: Path, seed: int) -> Path:
    """A listing of a few training pictures of each new digit, as many for validation, and all test pictures."""
    random = np.random.default_rng(seed)
    rows: list[tuple[str, str, str]] = []
    for label in NEW:
        chosen = random.permutation(pictures["train", label])[: 2 * PICTURES].tolist()
        rows += [(path, label, "train" if place < PICTURES else "val") for place, path in enumerate(chosen)]
        rows += [(path, label, "test") for path in pictures["test", label]]
    return write(folder / f"new-{seed}.csv", rows)


def write(path: Path, rows: list[tuple[str, str, str]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("path", "label", "split"), *rows])
    return path


def learn(data: Path, out: Path, source: Path, changes: Mapping[str, str] | None, seed: int) -> float:
    """The share of the test pictures that is right, in percent."""
    settings = {**(changes or {}), "seed": str(seed)}
    recipe = settings.pop("recipe", "auto")
    trained = plusx.train(data, out=out, recipe=recipe, changes=settings, start=None if changes is None else source)
    assert trained.test is not None
    return 100 * trained.test["accuracy"]


if __name__ == "__main__":
    main()
