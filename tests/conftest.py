"""What every room's tests share: small sets of real digits, and a cache that no other run sees."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings
from PIL import Image
from sklearn.datasets import load_digits

# A test's time is the machine's business: what is slow is measured in benchmarks/, never here.
settings.register_profile("plusx", deadline=None)
settings.load_profile("plusx")

# Two test processes on two cores would otherwise wait for one another's threads.
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Decoded pictures go to a folder of this test's own."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("PLUSX_CACHE", str(folder))
    return folder


def digit_pictures(count: int, first: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(pictures, labels): `count` of scikit-learn's digits, uint8 (count, 8, 8)."""
    digits = load_digits()
    chosen = slice(first, first + count)
    return (digits.images[chosen] * 255 / 16).round().astype(np.uint8), digits.target[chosen]


@pytest.fixture(scope="session")
def digit_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 real digits as PNGs in class folders under train/ and 100 more under test/."""
    root = tmp_path_factory.mktemp("pictures")
    for split, count, first in (("train", 200, 0), ("test", 100, 200)):
        pictures, labels = digit_pictures(count, first)
        for number, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
            path = root / split / str(label) / f"{number:04d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(path)
    return root


@pytest.fixture(scope="session")
def digit_list(digit_folder: Path) -> Path:
    """The same pictures as a CSV of relative paths, in another order than the folder's."""
    path = digit_folder / "list.csv"
    rows = [
        (file.relative_to(digit_folder), file.parent.name, file.parent.parent.name)
        for file in sorted(digit_folder.rglob("*.png"), reverse=True)
    ]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "label", "split"))
        writer.writerows(rows)
    return path
