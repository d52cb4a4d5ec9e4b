"""MNIST's four files as arrays."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np


class Digits(NamedTuple):
    """A split: uint8 pictures (count, 28, 28) and their labels."""

    pictures: np.ndarray
    labels: np.ndarray


def mnist(data_dir: Path) -> dict[str, Digits]:
    """`train` and `test`; see fetch_mnist.py."""

    def read(name: str, header: int) -> np.ndarray:
        return np.fromfile(data_dir / name, np.uint8)[header:]

    return {
        split: Digits(
            read(f"{prefix}-images-idx3-ubyte", 16).reshape(-1, 28, 28), read(f"{prefix}-labels-idx1-ubyte", 8)
        )
        for split, prefix in (("train", "train"), ("test", "t10k"))
    }
