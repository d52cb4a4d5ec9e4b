"""Writes one handwritten digit as a PNG of 8 x 8 pixels: one of the held-out fifth that no training has seen.

python examples/write_digit.py digit.png [--index 0]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from plusx.data.samples import read_dataset


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, help="the PNG to write")
    parser.add_argument("--index", type=int, default=0, help="which of the held-out digits")
    options = parser.parse_args()
    digits = read_dataset("digits").split("test")
    Image.fromarray(np.asarray(digits.source.read(options.index))).save(options.path)
    print(f"{options.path}: a {digits.classes[digits.targets[options.index]]}, by hand")


if __name__ == "__main__":
    main()
