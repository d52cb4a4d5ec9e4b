"""Draws a photograph with each corruption at each severity: docs/robustness.png.

    python benchmarks/plot_robustness.py [--side 84] [--out docs/robustness.png]

The photograph is scikit-learn's china.jpg, prepared as a model of that side would.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from sklearn.datasets import load_sample_image

from plusx.data.image import ImageSpec
from plusx.evaluate.corrupt import CORRUPTIONS, SEVERITIES

COLUMNS = 3
GAP, MARGIN, LINE = 2, 18, 15
COLOURS = 160
"""A palette of so many keeps the file small."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=84)
    parser.add_argument("--out", type=Path, default=Path("docs/robustness.png"))
    options = parser.parse_args()
    photo = ImageSpec(height=options.side, width=options.side, channels=3).prepare(load_sample_image("china.jpg"))
    sheet = drawn(photo)
    sheet.quantize(COLOURS, dither=Image.Dither.NONE).save(options.out, optimize=True)
    print(f"{options.out}: {sheet.width}x{sheet.height}, {options.out.stat().st_size / 1000:.0f} kB")


def drawn(photo: np.ndarray) -> Image.Image:
    """The sheet: in each of three columns five corruptions, a row each, from severity 1 to 5."""
    side = len(photo)
    wide, high = len(SEVERITIES) * (side + GAP) + MARGIN, side + LINE + GAP
    rows = len(CORRUPTIONS) // COLUMNS
    sheet = Image.new("RGB", (COLUMNS * wide - MARGIN, rows * high), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for place, (name, corruption) in enumerate(CORRUPTIONS.items()):
        left, top = place // rows * wide, place % rows * high
        pen.text((left, top), name.replace("_", " "), fill="black", font=font)
        for severity in SEVERITIES:
            picture = Image.fromarray(corruption(photo[None], severity)[0])
            sheet.paste(picture, (left + (severity - 1) * (side + GAP), top + LINE))
    return sheet


if __name__ == "__main__":
    main()
