"""Draws the nearest neighbours of digits whose classes were never trained: docs/retrieval.png.

    python benchmarks/plot_retrieval.py [--data-dir data/mnist] [--budget 40] [--out docs/retrieval.png]

Trains once with `--task embed` on the pictures of retrieval.py's seed 0, all of them 0 to 7; each 8 and 9 of the test
files that is drawn searches the other test pictures of all ten digits.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np

from peers.contest import read_mnist
from retrieval import TEST, train, write_known

QUERIES, NEAREST = 6, 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=Path("data/mnist"), help="see fetch_mnist.py")
    parser.add_argument("--budget", type=int, default=40, help="seconds of the training")
    parser.add_argument("--out", type=Path, default=Path("docs/retrieval.png"))
    options = parser.parse_args()
    pictures, digits = (one[:TEST] for one in read_mnist(options.data_dir, "t10k"))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PLUSX_CACHE"] = f"{folder}/cache"
        write_known(options.data_dir, Path(folder, "digits"), 0)
        vectors = train(Path(folder), 0, options.budget, ("--task", "embed")).embed(list(pictures))
    # The first of each that is new, as they come: none was picked.
    queries = np.concatenate([np.flatnonzero(digits == new)[: QUERIES // 2] for new in (8, 9)])
    alike = vectors[queries] @ vectors.T
    alike[np.arange(len(queries)), queries] = -2
    nearest = np.argsort(-alike, axis=1)[:, :NEAREST]
    draw(pictures, digits, queries, nearest, options.out)


def draw(pictures: np.ndarray, digits: np.ndarray, queries: np.ndarray, nearest: np.ndarray, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(len(queries), NEAREST + 1, figsize=(7, 5), layout="constrained")
    for own, query, found in zip(axes, queries, nearest, strict=True):
        for place, (axis, number) in enumerate(zip(own, (query, *found), strict=True)):
            axis.imshow(255 - pictures[number], cmap="gray")
            axis.set_xticks([])
            axis.set_yticks([])
            colour = "black" if place == 0 else "tab:green" if digits[number] == digits[query] else "tab:red"
            for spine in axis.spines.values():
                spine.set(color=colour, linewidth=2)
    axes[0, 0].set_title("asked", fontsize=9)
    axes[0, 1].set_title("nearest ...", fontsize=9)
    figure.savefig(path, dpi=80)


if __name__ == "__main__":
    main()
