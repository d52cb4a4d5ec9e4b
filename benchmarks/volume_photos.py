"""Folders of photos for `volume.py`: crops of real ones at the sizes that people have, as JPEG files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images


class Size(NamedTuple):
    """Width and height of a photo, and the grain that a camera's sensor leaves in it (standard deviation in levels)."""

    width: int
    height: int
    grain: float


SIZES = {"small": Size(500, 375, 0.0), "large": Size(4000, 3000, 4.0)}
"""ImageNet's usual size, and 12 megapixels. Enlarged photos lack the grain by which camera files are large."""
QUALITY = 90
LEAST_SHARE, MOST_SHARE = 0.6, 1.0


def make_photos(folder: Path, size: Size, count: int, more: Path | None = None) -> None:
    """Writes `count` different crops of scikit-learn's two sample photos, and of those in `more`, in turn."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = [Image.fromarray(pixels) for pixels in load_sample_images().images] + _photos_in(more)
    random = np.random.default_rng(0)
    for number in range(count):
        photo = _crop(sources[number % len(sources)], size, random)
        photo.save(folder / f"{number:05d}.jpg", quality=QUALITY)


def mean_bytes(folder: Path) -> float:
    """The mean size of the files in a folder."""
    return float(np.mean([path.stat().st_size for path in folder.iterdir()]))


def _photos_in(folder: Path | None) -> list[Image.Image]:
    """Colour pictures of at least 300x300; the rest are drawings and test patterns."""
    paths: Sequence[Path] = [] if folder is None else sorted(folder.iterdir())
    pictures = [Image.open(path) for path in paths if path.suffix.lower() in (".jpg", ".png")]
    return [picture.convert("RGB") for picture in pictures if picture.mode == "RGB" and min(picture.size) >= 300]


def _crop(source: Image.Image, size: Size, random: np.random.Generator) -> Image.Image:
    across = min(source.width, source.height * size.width / size.height) * random.uniform(LEAST_SHARE, MOST_SHARE)
    down = across * size.height / size.width
    left, top = random.uniform(0, source.width - across), random.uniform(0, source.height - down)
    box = (left, top, left + across, top + down)
    photo = source.resize((size.width, size.height), Image.Resampling.BICUBIC, box=box)
    if not size.grain:
        return photo
    noise = random.standard_normal((size.height, size.width, 1), np.float32) * size.grain
    return Image.fromarray(np.clip(np.asarray(photo) + noise, 0, 255).astype(np.uint8))
