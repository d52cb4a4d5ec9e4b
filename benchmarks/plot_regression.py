"""Draws the angles that a model says of turned digits against the true ones, with its intervals: docs/regression.png.

    python benchmarks/plot_regression.py [--data-dir data/mnist] [--budget 40] [--out docs/regression.png]

Trains once on the pictures of regression.py's seed 0; the first 150 of the test split are drawn.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np

import plusx
from regression import MOST_DEGREES, Arrays, turned_digits, write_listing

SHOWN = 150


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=Path("data/mnist"), help="see fetch_mnist.py")
    parser.add_argument("--budget", type=int, default=40, help="seconds of the training")
    parser.add_argument("--out", type=Path, default=Path("docs/regression.png"))
    options = parser.parse_args()
    arrays = turned_digits(options.data_dir, 0)
    answers, scores = trained_answers(arrays, options.budget)
    print({name: scores[name] for name in ("mae", "coverage", "width")})
    draw(arrays["test"][1][:SHOWN], answers, options.out)


def trained_answers(arrays: Arrays, budget_s: int) -> tuple[np.ndarray, dict]:
    """(value, low, high) of each test picture that is shown, and the scores of all."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PLUSX_CACHE"] = f"{folder}/cache"
        trained = plusx.train(write_listing(arrays, Path(folder)), out=f"{folder}/run", budget_s=budget_s)
        rows = trained.load().predict(list(arrays["test"][0][:SHOWN]))
    assert trained.test is not None
    return np.array([[row[name] for name in ("value", "low", "high")] for row in rows]), trained.test


def draw(truth: np.ndarray, answers: np.ndarray, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    value, low, high = answers.T
    held = (low <= truth) & (truth <= high)
    figure, axis = plt.subplots(figsize=(6, 5), layout="constrained")
    for which, colour, words in ((held, "tab:blue", "holds the true angle"), (~held, "tab:red", "does not")):
        ends = np.stack([value - low, high - value])[:, which]
        axis.errorbar(
            truth[which], value[which], ends, fmt=".", color=colour, elinewidth=0.8, label=f"{words}: {which.sum()}"
        )
    axis.plot([-MOST_DEGREES, MOST_DEGREES], [-MOST_DEGREES, MOST_DEGREES], color="black", linewidth=0.6)
    axis.set_xlabel("true angle, degrees")
    axis.set_ylabel("answer and its 90 % interval, degrees")
    axis.legend(title="the interval")
    figure.savefig(path, dpi=90)


if __name__ == "__main__":
    main()
