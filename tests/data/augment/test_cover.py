"""Cutout against a slow loop, random erasing against torchvision's erase and by counting."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torchvision.transforms.v2.functional import erase as torchvision_erase

from plusx.data.augment import cutout, erase

SHAPES = [(5, 1, 8, 8), (7, 3, 6, 9), (1, 3, 1, 1)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [1, 3, 4])
def test_cutout(drawn, shape: tuple[int, ...], size: int):
    pixels, u = drawn(shape, 2)
    for picture, number, result in zip(pixels.numpy(), u.numpy(), cutout(pixels, u, size, 9).numpy(), strict=True):
        expected = picture.copy()
        top, left = (math.floor(number[axis] * shape[2 + axis]) - size // 2 for axis in range(2))
        expected[:, max(top, 0) : max(top + size, 0), max(left, 0) : max(left + size, 0)] = 9
        assert (result == expected).all()


def test_erase_as_torchvision(drawn):
    pixels, u = drawn((200, 3, 17, 23), 6)
    results = erase(pixels, u, 0.7, (0.05, 0.6), (0.4, 2.5), 9)
    for picture, number, result in zip(pixels, u.double().tolist(), results, strict=True):
        area, aspect = (0.05 + 0.55 * number[1]) * 17 * 23, 0.4 * (2.5 / 0.4) ** number[2]
        height, width = min(round(math.sqrt(area * aspect)), 17), min(round(math.sqrt(area / aspect)), 23)
        top, left = int(number[3] * (17 - height + 1)), int(number[4] * (23 - width + 1))
        if number[0] >= 0.7:
            assert torch.equal(result, picture)
        else:
            grey = torch.full((3, 1, 1), 9, dtype=torch.uint8)
            assert torch.equal(result, torchvision_erase(picture, top, left, height, width, grey))


def test_noise_covers_what_a_level_covers_and_is_even(drawn):
    pixels, u = drawn((300, 3, 20, 20), 6)
    covered = erase(torch.zeros_like(pixels), u, 1, fill=255) == 255
    noisy = erase(pixels, u, 1)
    assert torch.equal(noisy[~covered], pixels[~covered])
    noise = noisy[covered].numpy()
    assert stats.chisquare(np.bincount(noise, minlength=256)).pvalue > 1e-3
    assert abs(np.corrcoef(noise[1:], noise[:-1])[0, 1]) < 0.01


def test_noise_follows_the_examples_number_alone():
    pixels, u = torch.zeros(3, 1, 8, 8, dtype=torch.uint8), torch.full((3, 6), 0.5)
    u[2, 5] = 0.5 + 2**-24
    first, again, other = erase(pixels, u, 1, area=(1, 1), ratio=(1, 1))
    assert torch.equal(first, again)
    assert (first != other).float().mean() > 0.9


def test_nothing_is_erased_at_probability_0(drawn):
    pixels, u = drawn((20, 3, 8, 8), 6)
    assert torch.equal(erase(pixels, u, 0), pixels)
    assert torch.equal(erase(pixels, u, 0, fill=1), pixels)
