"""Volumes with real shapes: MNIST's digits, given a depth and turned in space, as NIfTI files with spacings.

    python benchmarks/make_turned_volumes.py [--data-dir data/mnist] [--out data/turned-volumes]

Each digit is 8 to 14 voxels deep, turned by up to 40 degrees about each axis, under noise; slices are 1, 1.5 or 2 mm
thick, so that as many millimetres are fewer slices. No scan is among them: none installs from a package registry.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import nibabel
import numpy as np
from scipy.ndimage import affine_transform, zoom
from scipy.spatial.transform import Rotation

from peers.contest import read_mnist

SIDE = 28
COUNTS = {"train": 1_500, "val": 200, "test": 600}
MOST_DEGREES = 40.0
DEEP = (8, 15)
NOISE = 0.15
THICK_MM = (1.0, 1.5, 2.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=Path("data/mnist"), help="see fetch_mnist.py")
    parser.add_argument("--out", type=Path, default=Path("data/turned-volumes"))
    options = parser.parse_args()
    write_set(options.data_dir, options.out)


def write_set(mnist: Path, out: Path) -> None:
    """Writes SPLIT/DIGIT/NUMBER.nii.gz; the test split's are of MNIST's test files."""
    for split, count in COUNTS.items():
        random = np.random.default_rng(list(COUNTS).index(split))
        pictures, digits = read_mnist(mnist, "t10k" if split == "test" else "train")
        half = len(pictures) // 2
        # Training and validation take their digits from different halves of the training files.
        chosen = random.permutation(half)[:count] + (half if split == "val" else 0)
        for number, place in enumerate(chosen):
            folder = out / split / str(digits[place])
            folder.mkdir(parents=True, exist_ok=True)
            save(turned(pictures[place], random), float(random.choice(THICK_MM)), folder / f"{number:04d}.nii.gz")


def turned(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """float32 (28, 28, 28): depth, height, width; about 0 to 1."""
    deep = int(random.integers(*DEEP))
    solid = np.zeros((SIDE, SIDE, SIDE), np.float32)
    first = (SIDE - deep) // 2
    solid[first : first + deep] = picture / 255
    matrix = Rotation.from_euler("xyz", random.uniform(-MOST_DEGREES, MOST_DEGREES, 3), degrees=True).as_matrix()
    middle = np.full(3, (SIDE - 1) / 2)
    found = affine_transform(solid, matrix, middle - matrix @ middle, order=1)
    return (found + random.normal(0, NOISE, found.shape)).astype(np.float32)


def save(volume: np.ndarray, thick_mm: float, path: Path) -> None:
    slices = np.asarray(zoom(volume, (1 / thick_mm, 1, 1), order=1, grid_mode=True, mode="nearest"))
    # As an MR scan has them, without a unit: nothing is below 0.
    levels = np.clip(1000 + 1000 * slices.transpose(2, 1, 0), 0, None).round().astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(levels, np.diag([1.0, 1.0, thick_mm, 1.0])), path)


if __name__ == "__main__":
    main()
