"""Draws the boxes that a model finds in a folder's first ten pictures: docs/detection.png.

python benchmarks/plot_detection.py MODEL FOLDER [--threshold 0.3] [--out docs/detection.png]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

import plusx
from plusx.predict.draw import with_boxes

ROWS, COLUMNS, SIDE, GAP = 2, 5, 224, 6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("folder", type=Path, help="such as SCENES/test of digit_scenes.py")
    parser.add_argument("--threshold", type=float, help="answer boxes from this probability on; by default the model's")
    parser.add_argument("--out", type=Path, default=Path("docs/detection.png"))
    options = parser.parse_args()
    model = plusx.load(options.model)
    if options.threshold is not None:
        model = model.at(options.threshold)
    # The first, not the best.
    paths = sorted(options.folder.glob("*.png"))[: ROWS * COLUMNS]
    sheet = Image.new("RGB", (COLUMNS * (SIDE + GAP) - GAP, ROWS * (SIDE + GAP) - GAP), "white")
    for number, (path, answer) in enumerate(zip(paths, model.predict(paths), strict=True)):
        picture = Image.open(path).convert("RGB")
        by = SIDE / max(picture.size)
        # Drawn larger than they were seen, so that labels can be read.
        boxes = [{**one, "box": [by * value for value in one["box"]]} for one in answer["boxes"]]
        size = round(by * picture.width), round(by * picture.height)
        large = np.array(picture.resize(size, Image.Resampling.BICUBIC))
        place = number % COLUMNS * (SIDE + GAP), number // COLUMNS * (SIDE + GAP)
        sheet.paste(with_boxes(large, boxes, model.classes), place)
    sheet.quantize(128).save(options.out, optimize=True)
    print(f"{options.out}: {options.out.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
