"""Draws what mattered for a picture's, a sound's and a text's answer: docs/explain.png.

    python benchmarks/plot_explain.py --pictures MODEL --sounds MODEL --texts MODEL --data-dir data/mnist \\
        --spoken data/spoken-digits --fortunes data/fortunes [--out docs/explain.png]

The models of the picture in docs/ were trained by

    plusx train mnist --data-dir data/mnist --set epochs=0.2
    plusx train data/spoken-digits --budget 45s        # of make_spoken_digits.py
    python benchmarks/texts.py languages               # of fortunes.py; its run stays beside the list

The examples are the first of their test splits, a digit of each class for the pictures.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import plusx
from plusx.api.explain import explain_stream
from plusx.data.samples import read_dataset
from plusx.predict.ahead import Input
from plusx.understand.draw import draw
from plusx.understand.explained import Explainer
from plusx.understand.methods import METHODS
from plusx.understand.page import answer_words

Shown = list[tuple[str, np.ndarray]]
WORD, LANGUAGES, SHORTEST = "7", ("German", "Polish", "Spanish"), 90


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("pictures", "sounds", "texts", "data-dir", "spoken", "fortunes"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("docs/explain.png"))
    options = parser.parse_args()
    digits = first_digits(options.data_dir)
    pictures = {METHODS[name].title: explained(options.pictures, digits, name) for name in METHODS}
    sounds = [sorted((options.spoken / "test" / WORD).glob("*.wav"))[0]]
    heard = [(METHODS[name].title, *explained(options.sounds, sounds, name)[0]) for name in ("gradcam", "occlusion")]
    texts = [text.encode() for text in first_texts(options.fortunes / "languages.csv")]
    figure = Figure(figsize=(9, 8), layout="constrained")
    top, middle, bottom = np.atleast_1d(np.asarray(figure.subfigures(3, 1, height_ratios=(4.3, 2.0, 1.2)))).tolist()
    draw_pictures(top, pictures)
    draw_row(middle, [(f"{title}: {answer}", picture) for title, answer, picture in heard], "A spoken seven")
    draw_row(bottom, explained(options.texts, texts, "integrated"), "Which language? By integrated gradients")
    figure.savefig(options.out, dpi=90, pil_kwargs={"optimize": True})
    print(options.out)


def first_digits(folder: Path) -> list[Input]:
    """The first of each class in the test split."""
    samples = read_dataset("mnist", data_dir=folder).split("test")
    targets = samples.targets.tolist()
    return [np.asarray(samples.source.read(targets.index(digit))) for digit in range(8)]


def first_texts(path: Path) -> list[str]:
    """The first text of each of some languages in the test split that is not very short."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test" and len(row["text"]) > SHORTEST]
    return [next(row["text"] for row in rows if row["label"] == language) for language in LANGUAGES]


def explained(model: Path, inputs: Sequence[Input | Path], method: str) -> Shown:
    """What is explained of each input, and the picture of it."""
    explainer = Explainer(plusx.load(model).archive, method)
    sources = [str(one) if isinstance(one, Path) else one for one in inputs]
    return [(answer_words(one.row), draw(explainer, one).picture) for one in explain_stream(explainer, sources)]


def draw_pictures(figure, pictures: dict[str, Shown]) -> None:
    figure.suptitle("Digits that were not trained on", fontsize=11)
    axes = figure.subplots(len(pictures), len(next(iter(pictures.values()))))
    for number, (row, (title, shown)) in enumerate(zip(axes, pictures.items(), strict=True)):
        for place, (axis, (answer, picture)) in enumerate(zip(row, shown, strict=True)):
            axis.imshow(picture)
            axis.set_xticks([])
            axis.set_yticks([])
            if place == 0:
                axis.set_ylabel(title.replace("Integrated ", "Integrated\n"), fontsize=9)
            if number == 0:
                axis.set_title(answer, fontsize=8)


def draw_row(figure, shown: Shown, title: str) -> None:
    figure.suptitle(title, fontsize=11)
    for axis, (answer, picture) in zip(np.atleast_1d(figure.subplots(1, len(shown))), shown, strict=True):
        axis.imshow(picture)
        axis.set_title(answer, fontsize=8)
        axis.set_axis_off()


if __name__ == "__main__":
    main()
