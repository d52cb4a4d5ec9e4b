"""Every operation on levels against torchvision's, which follow Pillow's."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as torchvision

from plusx.data.augment import colour

SHAPES = [(8, 1, 28, 28), (8, 3, 17, 23), (8, 3, 2, 2), (8, 1, 1, 1)]
FACTORS = torch.tensor([0.0, 0.01, 0.37, 0.9, 1.0, 1.31, 1.9, 1.99])


def furthest(pixels: Tensor, results: Tensor, expected: Callable[[Tensor, float], Tensor], strengths: Tensor) -> int:
    """Levels between ours and theirs, at the worst pixel."""
    theirs = torch.stack([expected(one, strength) for one, strength in zip(pixels, strengths.tolist(), strict=True)])
    return int((results.int() - theirs.int()).abs().max())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (colour.brightness, torchvision.adjust_brightness),
        (colour.saturation, torchvision.adjust_saturation),
        (colour.contrast, torchvision.adjust_contrast),
        (colour.sharpness, torchvision.adjust_sharpness),
    ],
)
def test_blends(drawn, shape: tuple[int, ...], ours, theirs):
    pixels, _ = drawn(shape, 0)
    # Both cut fractions off, after sums of other rounding: luma in whole numbers here, factors in float32.
    assert furthest(pixels, ours(pixels, FACTORS), theirs, FACTORS) <= 1
    assert torch.equal(ours(pixels, torch.ones(8)), pixels)


@pytest.mark.parametrize("shape", SHAPES)
def test_posterize(drawn, shape: tuple[int, ...]):
    pixels, _ = drawn(shape, 0)
    for first in (0, 1):
        bits = torch.arange(first, first + 8).float()
        assert (
            furthest(pixels, colour.posterize(pixels, bits), lambda one, n: torchvision.posterize(one, int(n)), bits)
            == 0
        )


@pytest.mark.parametrize("shape", SHAPES)
def test_solarize(drawn, shape: tuple[int, ...]):
    pixels, _ = drawn(shape, 0)
    thresholds = torch.tensor([0.0, 1.0, 37.0, 37.5, 128.0, 200.0, 254.0, 255.0])
    assert furthest(pixels, colour.solarize(pixels, thresholds), torchvision.solarize, thresholds) == 0
    assert torch.equal(colour.solarize(pixels, torch.full((8,), 256.0)), pixels)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["autocontrast", "equalize", "invert"])
@pytest.mark.parametrize("levels", [256, 90, 3, 1])
def test_what_has_no_strength(drawn, shape: tuple[int, ...], name: str, levels: int):
    pixels, _ = drawn(shape, 0)
    pixels = (pixels % min(levels, 255) + 60 * (levels < 100)).contiguous()
    ours, theirs = getattr(colour, name), getattr(torchvision, name)
    assert furthest(pixels, ours(pixels), lambda one, _: theirs(one), torch.zeros(8)) == 0


def test_solarize_add():
    levels = torch.tensor([[[[0, 100, 127, 128, 200]]]], dtype=torch.uint8)
    assert colour.solarize_add(levels, torch.tensor([50.0])).flatten().tolist() == [50, 150, 177, 128, 200]


def test_saturation_of_grey_is_grey():
    grey = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(1, 3, 16, 16)
    # Whole numbers, whose weights add up to one, lose no level.
    assert torch.equal(colour.saturation(grey, torch.tensor([0.0])), grey)


def test_other_numbers_of_channels_have_no_colour(drawn):
    pixels, _ = drawn((8, 4, 6, 6), 0)
    assert torch.equal(colour.saturation(pixels, FACTORS), pixels)
    flat = colour.contrast(pixels, torch.zeros(8))
    assert (flat == flat[:, :1, :1, :1]).all()
