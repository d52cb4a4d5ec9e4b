"""Pictures with masks, made of real ones: MNIST's digits laid over photographs, in the folder layout that plusx reads.

    python benchmarks/make_masked_digits.py --photos skimage/data [--data-dir data/mnist] [--out data/masked-digits]

Photographs are those inside the wheels of scikit-image (`pip download --no-deps scikit-image`, unpacked: its folder
skimage/data), scikit-learn and matplotlib. Each photograph, and each digit, is in one split only. A digit's colour is
random, it is nearly opaque, and what is laid later covers what lies below.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_image

from peers.contest import read_mnist

SIDE = 64
COUNTS = {"train": 3_000, "val": 300, "test": 600}
PHOTOS = {
    "train": ("china.jpg", "flower.jpg", "astronaut.png", "chelsea.png", "rocket.jpg"),
    "val": ("motorcycle_left.png",),
    "test": ("coffee.png", "grace_hopper.jpg"),
}
MOST_DIGITS = 2
DIGIT_SIDES = (24, 48)
OPAQUE = (0.8, 1.0)
INK = 96
"""From this value of 255 on a digit's pixel is the digit's, in the mask."""
Composed = tuple[np.ndarray, np.ndarray]
"""A picture (height, width, 3) and its mask (height, width), uint8: 0 is the background, n + 1 the digit n."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="the folder skimage/data of scikit-image's wheel")
    parser.add_argument("--data-dir", type=Path, default=Path("data/mnist"), help="see fetch_mnist.py")
    parser.add_argument("--out", type=Path, default=Path("data/masked-digits"))
    parser.add_argument("--two", action="store_true", help="two classes, background and digit")
    options = parser.parse_args()
    write_set(options.photos, options.data_dir, options.out, two=options.two)


def write_set(photos: Path, mnist: Path, out: Path, *, two: bool = False) -> None:
    """Writes SPLIT/images, SPLIT/masks and classes.txt."""
    out.mkdir(parents=True, exist_ok=True)
    names = ["digit"] if two else [str(digit) for digit in range(10)]
    (out / "classes.txt").write_text("\n".join(["background", *names]) + "\n")
    for split, count in COUNTS.items():
        folders = [out / split / name for name in ("images", "masks")]
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        for number, (picture, mask) in enumerate(composed(split, count, photos, mnist)):
            for folder, pixels in zip(folders, (picture, np.minimum(mask, 1) if two else mask), strict=True):
                Image.fromarray(pixels).save(folder / f"{number:04d}.png")


def composed(split: str, count: int, photos: Path, mnist: Path) -> Iterator[Composed]:
    random = np.random.default_rng(list(COUNTS).index(split))
    grounds = [photo(name, photos) for name in PHOTOS[split]]
    digits, labels = own_digits(split, mnist)
    for _ in range(count):
        yield one(random, grounds[random.integers(len(grounds))], digits, labels, (SIDE, SIDE))


def own_digits(split: str, mnist: Path) -> tuple[np.ndarray, np.ndarray]:
    """The test split's are MNIST's test digits, the val split's its last 5,000 training digits."""
    digits, labels = read_mnist(mnist, "t10k" if split == "test" else "train")
    part = {"train": slice(None, -5_000), "val": slice(-5_000, None), "test": slice(None)}[split]
    return digits[part], labels[part]


def photo(name: str, photos: Path) -> np.ndarray:
    """A photograph's pixels (height, width, 3)."""
    if name in ("china.jpg", "flower.jpg"):
        return load_sample_image(name)
    path = Path(matplotlib.get_data_path(), "sample_data", name) if name == "grace_hopper.jpg" else photos / name
    return np.asarray(Image.open(path).convert("RGB"))


def one(
    random: np.random.Generator,
    ground: np.ndarray,
    digits: np.ndarray,
    labels: np.ndarray,
    size: tuple[int, int],
    most: int = MOST_DIGITS,
    at_least: int = 1,
) -> Composed:
    """A part of the photograph of this size, from `at_least` to `most` digits over it, and their mask."""
    height, width = size
    top, left = (random.integers(have - want + 1) for have, want in zip(ground.shape, size, strict=False))
    picture = ground[top : top + height, left : left + width].astype(np.float32)
    mask = np.zeros(size, np.uint8)
    for chosen in random.integers(len(digits), size=random.integers(at_least, most + 1)):
        side = int(random.integers(*DIGIT_SIDES))
        ink = np.asarray(Image.fromarray(digits[chosen]).resize((side, side), Image.Resampling.BILINEAR))
        down, across = (int(random.integers(whole - side + 1)) for whole in size)
        place = slice(down, down + side), slice(across, across + side)
        share = random.uniform(*OPAQUE) * ink[..., None] / 255.0
        picture[place] = (1 - share) * picture[place] + share * random.uniform(0, 255, 3)
        mask[place][ink >= INK] = labels[chosen] + 1
    return picture.astype(np.uint8), mask


if __name__ == "__main__":
    main()
