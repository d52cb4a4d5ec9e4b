"""Each whole-batch augmentation against a slow loop over single pictures in NumPy."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from plusx.data.augment import AUGMENTATIONS, Augmentation, Crop, crop, cutout, flip, shift

SHAPES = [(5, 1, 8, 8), (7, 3, 6, 9), (1, 3, 1, 1)]


def batch(shape: tuple[int, ...], draws: int, channels_last: bool = True) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, shape, dtype=torch.uint8, generator=random)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    return pixels.contiguous(memory_format=layout), torch.rand(shape[0], draws, generator=random)


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
def test_flip(shape: tuple[int, ...]):
    pixels, u = batch(shape, 1)
    for picture, number, result in zip(pixels.numpy(), u.numpy(), flip(pixels, u, 0.4).numpy(), strict=True):
        assert (result == (picture[:, :, ::-1] if number[0] < 0.4 else picture)).all()
    assert torch.equal(flip(pixels, u, 0), pixels)
    assert torch.equal(flip(pixels, u, 1), pixels.flip(3))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("fill", ["edge", 0, 200])
@pytest.mark.parametrize("reach", [0, 1, 3])
def test_shift(shape: tuple[int, ...], fill: Any, reach: int):
    pixels, u = batch(shape, 2)
    results = shift(pixels, u, reach, fill).numpy()
    for picture, number, result in zip(pixels.numpy(), u.numpy(), results, strict=True):
        down, right = (math.floor(each * (2 * reach + 1)) - reach for each in number)
        assert (result == slow_shift(picture, down, right, fill)).all()


def test_shift_reaches_every_place_and_no_further():
    pixels = torch.zeros(400, 1, 7, 7, dtype=torch.uint8)
    pixels[:, :, 3, 3] = 1
    places = shift(pixels, batch((400, 1, 7, 7), 2)[1], reach=2).squeeze(1).nonzero()[:, 1:]
    assert {tuple(place) for place in places.tolist()} == {(y, x) for y in range(1, 6) for x in range(1, 6)}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [None, (4, 5), (12, 7)])
def test_crop(shape: tuple[int, ...], size: tuple[int, int] | None):
    pixels, u = batch(shape, 4)
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


def test_a_crop_of_all_is_the_picture():
    pixels, u = batch((4, 3, 8, 8), 4)
    assert torch.equal(crop(pixels, u, (1, 1), (1, 1)), pixels)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [1, 3, 4])
def test_cutout(shape: tuple[int, ...], size: int):
    pixels, u = batch(shape, 2)
    for picture, number, result in zip(pixels.numpy(), u.numpy(), cutout(pixels, u, size, 9).numpy(), strict=True):
        expected = picture.copy()
        top, left = (math.floor(number[axis] * shape[2 + axis]) - size // 2 for axis in range(2))
        expected[:, max(top, 0) : max(top + size, 0), max(left, 0) : max(left + size, 0)] = 9
        assert (result == expected).all()


@pytest.mark.parametrize("name", AUGMENTATIONS)
@pytest.mark.parametrize("channels_last", [True, False])
def test_every_augmentation(name: str, channels_last: bool):
    augmentation = AUGMENTATIONS[name]()
    pixels, u = batch((6, 3, 10, 12), augmentation.draws, channels_last)
    before = pixels.clone()
    result = augmentation(pixels, u)
    assert torch.equal(pixels, before), "the input is left as it was"
    assert not torch.equal(result, before)
    assert result.dtype == torch.uint8
    assert result.shape == pixels.shape
    assert result.stride() == pixels.stride()
    alone = torch.cat([augmentation(pixels[k : k + 1], u[k : k + 1]) for k in range(6)])
    assert torch.equal(result, alone), "no sample depends on its neighbours"
    for extreme in (0.0, 1 - 2**-24):
        assert augmentation(pixels, torch.full_like(u, extreme)).shape == pixels.shape
    reader = TypeAdapter(Augmentation)
    assert reader.validate_json(reader.dump_json(augmentation)) == augmentation
    with pytest.raises(ValidationError):
        reader.validate_python({"name": name, "no_such_setting": 1})


def test_crop_can_change_the_size():
    pixels, u = batch((6, 3, 10, 12), 4)
    assert Crop(height=5, width=4)(pixels, u).shape == (6, 3, 5, 4)
