"""MNIST digits of random sizes and colours on photographs, with their boxes in COCO's format.

    python benchmarks/digit_scenes.py FOLDER [--data-dir data/mnist] [--seed 0]

Photographs are scikit-learn's two; test pictures show parts of them, and digits, that no training picture shows.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

from peers.contest import read_mnist

COUNTS = {"train": 3_000, "val": 300, "test": 500}
SIDE = 128
SMALLEST, LARGEST = 16, 56
MOST_DIGITS = 5
# The photographs' columns before this one are for training and validation, those after it for the test.
BORDER = 420
FAINT = 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data-dir", type=Path, default=Path("data/mnist"), help="see fetch_mnist.py")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    write_scenes(options.folder, options.data_dir, options.seed)


def write_scenes(folder: Path, mnist: Path, seed: int) -> None:
    """`train/`, `val/` and `test/` of PNGs, each with its `annotations.json`."""
    random = np.random.default_rng(seed)
    photos = [np.asarray(one) for one in load_sample_images().images]
    digits = {"train": read_mnist(mnist, "train"), "test": read_mnist(mnist, "t10k")}
    for split, count in COUNTS.items():
        kind = "test" if split == "test" else "train"
        backs = [one[:, BORDER:] if split == "test" else one[:, :BORDER] for one in photos]
        (folder / split).mkdir(parents=True)
        labels: dict[str, Any] = {"images": [], "annotations": []}
        labels["categories"] = [{"id": digit + 1, "name": str(digit)} for digit in range(10)]
        for number in range(count):
            picture, boxes = scene(backs[number % len(backs)], *digits[kind], random)
            name = f"{number:05d}.png"
            Image.fromarray(picture).save(folder / split / name)
            labels["images"].append({"id": number, "file_name": name, "height": SIDE, "width": SIDE})
            labels["annotations"] += [
                {"id": len(labels["annotations"]) + place, "image_id": number, "category_id": digit + 1, "bbox": box}
                for place, (digit, box) in enumerate(boxes)
            ]
        (folder / split / "annotations.json").write_text(json.dumps(labels))


def scene(
    photo: np.ndarray, digits: np.ndarray, names: np.ndarray, random: np.random.Generator
) -> tuple[np.ndarray, list[tuple[int, list[int]]]]:
    """A part of the photograph with one to five digits that do not touch: pixels, and each digit with its box."""
    side = int(random.integers(SIDE, min(photo.shape[:2]) + 1))
    top, left = (int(random.integers(0, extent - side + 1)) for extent in photo.shape[:2])
    part = Image.fromarray(photo[top : top + side, left : left + side]).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    pixels = np.array(part).astype(np.float32)
    pixels = pixels[:, ::-1] if random.random() < 0.5 else pixels
    boxes: list[tuple[int, list[int]]] = []
    for _ in range(random.integers(1, MOST_DIGITS + 1)):
        chosen = int(random.integers(len(digits)))
        size = int(random.integers(SMALLEST, LARGEST + 1))
        ink = np.asarray(Image.fromarray(digits[chosen]).resize((size, size), Image.Resampling.BILINEAR))
        x, y = (int(one) for one in random.integers(0, SIDE - size + 1, 2))
        rows, columns = (np.flatnonzero((ink > FAINT).any(axis)) for axis in (1, 0))
        box = [x + int(columns[0]), y + int(rows[0]), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1]
        if any(touch(box, other) for _, other in boxes):
            continue
        share = (ink / np.float32(255))[..., None]
        colour = random.uniform(0, 255, 3).astype(np.float32)
        pixels[y : y + size, x : x + size] = pixels[y : y + size, x : x + size] * (1 - share) + colour * share
        boxes.append((int(names[chosen]), box))
    return pixels.round().astype(np.uint8), boxes


def touch(one: list[int], other: list[int]) -> bool:
    return all(one[axis] < other[axis] + other[axis + 2] and other[axis] < one[axis] + one[axis + 2] for axis in (0, 1))


if __name__ == "__main__":
    main()
