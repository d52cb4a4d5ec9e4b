"""Draws how much of a text tells its language, and which languages are taken for which: docs/text.png.

    python benchmarks/plot_texts.py [--fortunes data/fortunes] [--out docs/text.png]

The model is that of texts.py, beside languages.csv; the texts are the test split's, cut to so many bytes.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import plusx
from plusx.api.model import Model

LENGTHS = (5, 10, 20, 30, 50, 75, 100)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fortunes", type=Path, default=Path("data/fortunes"))
    parser.add_argument("--out", type=Path, default=Path("docs/text.png"))
    options = parser.parse_args()
    with (options.fortunes / "languages.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    texts, labels = [row["text"] for row in rows], [row["label"] for row in rows]
    model = plusx.load(options.fortunes / "run-languages-0")
    answers = {length: answered(model, texts, length) for length in LENGTHS}
    right = [100 * float(np.mean(np.array(found) == labels)) for found in answers.values()]
    print(dict(zip(LENGTHS, (round(share, 2) for share in right), strict=True)))
    draw(right, confusion(labels, answers[LENGTHS[-1]], model.classes), model.classes, options.out)


def answered(model: Model, texts: Sequence[str], length: int) -> list[str]:
    """The language of each text's first `length` bytes, of which no character is in parts."""
    cut = [text.encode()[:length].decode(errors="ignore").encode() for text in texts]
    return [answer["label"] for answer in model.predict(cut)]


def confusion(labels: Sequence[str], found: Sequence[str], classes: Sequence[str]) -> np.ndarray:
    """Of each language's texts, a row, the share in per cent that each answer, a column, has."""
    place = {name: number for number, name in enumerate(classes)}
    counts = np.zeros((len(classes), len(classes)))
    np.add.at(counts, ([place[label] for label in labels], [place[label] for label in found]), 1)
    return 100 * counts / counts.sum(axis=1, keepdims=True)


def draw(right: Sequence[float], shares: np.ndarray, classes: Sequence[str], out: Path) -> None:
    figure = Figure(figsize=(11, 5), layout="constrained")
    left, grid = figure.subplots(1, 2)
    left.plot(LENGTHS, right, "o-")
    for length, share in zip(LENGTHS, right, strict=True):
        left.annotate(f"{share:.1f}", (length, share), xytext=(7, -11), textcoords="offset points")
    left.set(
        xlabel="bytes of the text",
        ylabel="right of the test split, %",
        ylim=(0, 103),
        xlim=(0, 114),
        title="How much tells it",
    )
    grid.imshow(np.sqrt(shares), cmap="Blues")
    names = range(len(classes))
    grid.set(yticks=names, yticklabels=classes, ylabel="language", xlabel="answer", title="Answers at 100 bytes, %")
    grid.set_xticks(names, classes, rotation=45, ha="right")
    for (row, column), share in np.ndenumerate(shares):
        if share >= 0.05:
            grid.text(
                column, row, f"{share:.1f}", ha="center", va="center", color="white" if share > 40 else "black", size=7
            )
    figure.savefig(out, dpi=90)


if __name__ == "__main__":
    main()
