"""Draws a sheet of a known set's test pictures with a model's answers under them, and all its mistakes in red.

python examples/show_answers.py runs/mnist mnist docs/answers.png --data-dir data/mnist
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import plusx
from plusx.data.samples import Samples, read_dataset

COLUMNS, ROWS, SIDE, TEXT = 12, 6, 84, 18
INK, RED, PAPER = (30, 30, 30), (200, 30, 30), (255, 255, 255)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("data")
    parser.add_argument("picture", type=Path)
    parser.add_argument("--data-dir", type=Path)
    options = parser.parse_args()
    test = read_dataset(options.data, data_dir=options.data_dir).split("test")
    answers = plusx.load(options.model).predict([test.source.read(index) for index in range(len(test))], top=1)
    labels = [test.classes[target] for target in test.targets]
    wrong = [index for index, answer in enumerate(answers) if answer["label"] != labels[index]]
    right = [index for index in range(len(test)) if index not in set(wrong)]
    shown = sorted(wrong, key=lambda index: -answers[index]["probability"])[: COLUMNS * ROWS // 2]
    shown += right[: COLUMNS * ROWS - len(shown)]
    sheet = draw(test, shown, [(answers[index]["label"], labels[index]) for index in shown])
    sheet.save(options.picture, optimize=True)
    print(
        f"{options.picture}: {len(wrong)} of {len(test):,} wrong; the first {len(shown)} shown are the surest of these"
    )


def draw(samples: Samples, shown: list[int], answers: list[tuple[str, str]]) -> Image.Image:
    """Pictures in a grid, each over what the model said; where that is wrong, in red with what is right."""
    sheet = Image.new("RGB", (COLUMNS * SIDE, ROWS * (SIDE + TEXT)), PAPER)
    pen = ImageDraw.Draw(sheet)
    for place, (index, (said, right)) in enumerate(zip(shown, answers, strict=True)):
        left, top = place % COLUMNS * SIDE, place // COLUMNS * (SIDE + TEXT)
        picture = Image.fromarray(np.asarray(samples.source.read(index))).resize(
            (SIDE - 8, SIDE - 8), Image.Resampling.NEAREST
        )
        sheet.paste(picture.convert("RGB"), (left + 4, top + 4))
        words, colour = (said, INK) if said == right else (f"{said}, is {right}", RED)
        pen.text((left + SIDE // 2, top + SIDE + TEXT // 2 - 4), words, fill=colour, anchor="mm", font_size=13)
    return sheet


if __name__ == "__main__":
    main()
