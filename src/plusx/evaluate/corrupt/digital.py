"""What happens to pictures on their way: less contrast, bends, coarse pixels, compression."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import numpy as np
from PIL import Image

from plusx.evaluate.corrupt.pictures import Pictures, Planes, Randoms, corruption, side_of, uniforms
from plusx.evaluate.corrupt.resample import sampled, smoothed
from plusx.evaluate.corrupt.table import Table

CONTRAST = Table((0.75, 0.5, 0.4, 0.3, 0.15), (0.4, 0.3, 0.2, 0.1, 0.05))

# At 224 pixels the published shares were taken of 244.
BEND = Table((0, 1.6, 2.56, 3.2, 3.2), (488, 488, 12.2, 17.08, 29.28), length=True)
BEND_SIGMA = Table((0, 6.4, 1.92, 1.28, 0.96), (170.8, 19.52, 2.44, 2.44, 2.44), length=True)
SKEW = Table((2.56, 2.24, 1.92, 1.6, 0.96), (24.4, 48.8, 4.88, 4.88, 4.88), length=True)

SHARE_KEPT = Table((0.95, 0.9, 0.85, 0.75, 0.65), (0.6, 0.5, 0.4, 0.3, 0.25))
QUALITY = Table((80, 65, 58, 50, 40), (25, 18, 15, 10, 7))


@corruption
def contrast(planes: Planes, severity: int, randoms: Randoms) -> Planes:
    """Nearer to each channel's mean."""
    mean = planes.mean((2, 3), keepdims=True)
    return mean + np.float32(CONTRAST.at(severity, side_of(planes))) * (planes - mean)


@corruption
def elastic_transform(planes: Planes, severity: int, randoms: Randoms) -> Planes:
    """Skewed as three random points move, and bent by smooth noise (Simard et al. 2003)."""
    side, (height, width) = side_of(planes), planes.shape[2:]
    strength, sigma = BEND.at(severity, side), BEND_SIGMA.at(severity, side)
    bends = strength * smoothed(2 * uniforms(randoms, 2, height, width) - 1, sigma)
    places = np.stack(np.meshgrid(np.arange(height), np.arange(width), indexing="ij")) + bends
    backwards = _skews(height, width, SKEW.at(severity, side), randoms)
    ones = np.ones((len(planes), 1, height, width))
    rows, columns = np.moveaxis(np.einsum("nij,njhw->nihw", backwards, np.concatenate([places, ones], axis=1)), 1, 0)
    return sampled(planes, rows, columns)


def _skews(height: int, width: int, reach: float, randoms: Randoms) -> np.ndarray:
    """For each example the affine map, 2x3, from a place in the skewed picture to the one in the picture: three points
    about the middle go to those that are moved by up to `reach` on each axis."""
    middle, third = np.array([height // 2, width // 2]), min(height, width) // 3
    points = middle + third * np.array([[1, 1], [-1, 1], [-1, -1]])
    moved = points + reach * (2 * uniforms(randoms, 3, 2).astype(np.float64) - 1)
    with_ones = np.concatenate([moved, np.ones((len(moved), 3, 1))], axis=2)
    return np.linalg.solve(with_ones, np.broadcast_to(points.astype(np.float64), moved.shape)).transpose(0, 2, 1)


def pixelate(pictures: Pictures, severity: int, seed: int = 0, first: int = 0) -> Pictures:
    """Made smaller and as large again, by boxes of pixels."""
    height, width = pictures.shape[1:3]
    share = SHARE_KEPT.at(severity, min(height, width))
    small = max(1, int(width * share)), max(1, int(height * share))
    box = Image.Resampling.BOX
    return _each(pictures, lambda picture: picture.resize(small, box).resize((width, height), box))


def jpeg_compression(pictures: Pictures, severity: int, seed: int = 0, first: int = 0) -> Pictures:
    """Written as a JPEG of low quality, and read."""
    quality = round(QUALITY.at(severity, min(pictures.shape[1:3])))

    def compressed(picture: Image.Image) -> Image.Image:
        file = BytesIO()
        picture.save(file, "JPEG", quality=quality)
        return Image.open(file)

    return _each(pictures, compressed)


def _each(pictures: Pictures, change: Callable[[Image.Image], Image.Image]) -> Pictures:
    """Each picture changed by Pillow, grey where it has one channel."""
    flat = pictures[..., 0] if pictures.shape[3] == 1 else pictures
    changed = [np.asarray(change(Image.fromarray(picture))) for picture in flat]
    return np.array(changed, np.uint8).reshape(pictures.shape)
