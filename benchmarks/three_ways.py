"""The same MNIST as a folder of PNGs, as Parquet and as IDX files gives the same accuracy with the same seed.

    python benchmarks/three_ways.py [--seed 0] [--epochs N] [--write]

Exits with 1 where they differ. Needs fetch_mnist.py's files; writes the 70,000 PNGs once.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from export_mnist import export
from results import setting, write_section

HEADING = "The same set three ways"
TITLES = {"folder": "a folder of 70,000 PNGs", "parquet": "a Parquet file of their paths", "idx": "`mnist --data-dir`"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=Path("data/mnist"), help="see fetch_mnist.py")
    parser.add_argument("--png", type=Path, default=Path("data/mnist-png"), help="the folder of PNGs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, help="fewer than the recipe's, to be sooner done")
    parser.add_argument("--write", action="store_true", help="put what was seen into RESULTS.md")
    options = parser.parse_args()
    listing = options.png.with_name(f"{options.png.name}.parquet")
    # The listing is written last: without it the folder may be unfinished.
    if not listing.exists():
        export(options.data_dir, options.png)
    choices = ["--seed", str(options.seed)]
    if options.epochs is not None:
        choices += ["--epochs", str(options.epochs)]
    ways = {
        "folder": [str(options.png)],
        "parquet": [str(listing)],
        "idx": ["mnist", "--data-dir", str(options.data_dir)],
    }
    seen: set[tuple[float, ...]] = set()
    lines = ["| MNIST as | val, % | test, % |", "|---|---|---|"]
    for way, data in ways.items():
        trained = train([*data, *choices])
        # The losses tell apart what accuracies may hide.
        seen.add(tuple(trained[split][score] for split in ("val", "test") for score in ("accuracy", "loss")))
        figures = f"val {trained['val']['accuracy']:.4%}  test {trained['test']['accuracy']:.4%}"
        lines.append(
            f"| {TITLES[way]} | {100 * trained['val']['accuracy']:.4f} | {100 * trained['test']['accuracy']:.4f} |"
        )
        print(f"{way:<8} {figures}  {trained['duration_s']:.1f} s", flush=True)
    if len(seen) > 1:
        sys.exit("the accuracies or the losses differ")
    print("the same three times")
    if options.write:
        command = f"`python benchmarks/three_ways.py {' '.join(choices)} --write`; the losses are equal, too."
        write_section(HEADING, "\n".join([*lines, "", command, "", f"{setting()}."]))


def train(arguments: list[str]) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "plusx", "train", *arguments, "--out", f"{folder}/run", "--json"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(done.returncode)
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
