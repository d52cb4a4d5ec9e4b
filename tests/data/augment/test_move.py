"""Mirroring, shifting and cropping against a slow loop over single pictures in NumPy."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from plusx.data.augment import Crop, crop, flip, shift

SHAPES = [(5, 1, 8, 8), (7, 3, 6, 9), (1, 3, 1, 1)]


def slow_shift(picture: np.ndarray, down: int, right: int, fill: int | str) -> np.ndarray:
    moved = np.empty_like(picture)
    height, width = picture.shape[1:]
    for row in range(height):
        for column in range(width):
            y, x = row - down, column - right
            if fill == "edge":
                y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
            inside = 0 <= y < height and 0 <= x < width
            moved[:, row, column] = picture[:, y, x] if inside else fill
    return moved


def slow_crop(picture: np.ndarray, top: float, left: float, down: float, across: float, size: tuple[int, int]):
    """Bilinear, each output pixel's middle in the part, measured in the picture's pixels."""
    height, width = picture.shape[1:]
    result = np.empty((picture.shape[0], *size))
    for row in range(size[0]):
        for column in range(size[1]):
            y = min(max(top + (row + 0.5) * down / size[0] - 0.5, 0), height - 1)
            x = min(max(left + (column + 0.5) * across / size[1] - 0.5, 0), width - 1)
            y0, x0 = int(y), int(x)
            y1, x1 = min(y0 + 1, height - 1), min(x0 + 1, width - 1)
            upper = picture[:, y0, x0] * (x0 + 1 - x) + picture[:, y0, x1] * (x - x0)
            lower = picture[:, y1, x0] * (x0 + 1 - x) + picture[:, y1, x1] * (x - x0)
            result[:, row, column] = upper * (y0 + 1 - y) + lower * (y - y0)
    return result


@pytest.mark.parametrize("shape", SHAPES)
def test_flip(drawn, shape: tuple[int, ...]):
    pixels, u = drawn(shape, 1)
    for picture, number, result in zip(pixels.numpy(), u.numpy(), flip(pixels, u, 0.4).numpy(), strict=True):
        assert (result == (picture[:, :, ::-1] if number[0] < 0.4 else picture)).all()
    assert torch.equal(flip(pixels, u, 0), pixels)
    assert torch.equal(flip(pixels, u, 1), pixels.flip(3))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("fill", ["edge", 0, 200])
@pytest.mark.parametrize("reach", [0, 1, 3])
def test_shift(drawn, shape: tuple[int, ...], fill: Any, reach: int):
    pixels, u = drawn(shape, 2)
    results = shift(pixels, u, reach, fill).numpy()
    for picture, number, result in zip(pixels.numpy(), u.numpy(), results, strict=True):
        down, right = (math.floor(each * (2 * reach + 1)) - reach for each in number)
        assert (result == slow_shift(picture, down, right, fill)).all()


def test_shift_reaches_every_place_and_no_further(drawn):
    pixels = torch.zeros(400, 1, 7, 7, dtype=torch.uint8)
    pixels[:, :, 3, 3] = 1
    places = shift(pixels, drawn((400, 1, 7, 7), 2)[1], reach=2).squeeze(1).nonzero()[:, 1:]
    assert {tuple(place) for place in places.tolist()} == {(y, x) for y in range(1, 6) for x in range(1, 6)}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [None, (4, 5), (12, 7)])
def test_crop(drawn, shape: tuple[int, ...], size: tuple[int, int] | None):
    pixels, u = drawn(shape, 4)
    scale, ratio = (0.2, 1.0), (0.5, 2.0)
    height, width = shape[2:]
    results = crop(pixels, u, scale, ratio, size).numpy()
    for picture, number, result in zip(pixels.numpy(), u.double().numpy(), results, strict=True):
        area = (scale[0] + (scale[1] - scale[0]) * number[0]) * height * width
        aspect = ratio[0] * (ratio[1] / ratio[0]) ** number[1]
        down, across = min(math.sqrt(area / aspect), height), min(math.sqrt(area * aspect), width)
        top, left = (height - down) * number[2], (width - across) * number[3]
        expected = slow_crop(picture.astype(float), top, left, down, across, size or (height, width))
        assert np.abs(result - expected).max() <= 0.51


def test_a_crop_of_all_is_the_picture(drawn):
    pixels, u = drawn((4, 3, 8, 8), 4)
    assert torch.equal(crop(pixels, u, (1, 1), (1, 1)), pixels)


def test_crop_can_change_the_size(drawn):
    pixels, u = drawn((6, 3, 10, 12), 4)
    assert Crop(height=5, width=4)(pixels, u).shape == (6, 3, 5, 4)
