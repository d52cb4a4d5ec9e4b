"""Warping against torchvision's affine and elastic."""

import math

import pytest
import torch
from torch.nn import functional
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2.functional import affine, elastic

from plusx.data.augment import Warp, warp
from plusx.data.augment.warp import resample

STILL = {"rotate": 0, "scale": 0, "shear": 0, "shift": 0}


@pytest.mark.parametrize("shape", [(9, 1, 28, 28), (9, 3, 15, 22)])
@pytest.mark.parametrize("fill", [0, 90])
def test_warp_as_torchvision(drawn, shape: tuple[int, ...], fill: int):
    pixels, u = drawn(shape, 5)
    results = warp(pixels, u, rotate=60, scale=0.5, shear=0.4, shift=4, fill=fill)
    for picture, number, result in zip(pixels, (2 * u.double() - 1).tolist(), results, strict=True):
        expected = affine(
            picture.float() - fill,  # its own fill weighs the border's pixels twice
            angle=60 * number[0],
            translate=[4 * number[3], 4 * number[4]],
            scale=math.exp(0.5 * number[1]),
            shear=[math.degrees(math.atan(0.4 * number[2])), 0.0],
            interpolation=InterpolationMode.BILINEAR,
        )
        # Half a level of rounding, and coordinates in float32 by another order of operations.
        assert (result - (expected + fill)).abs().max() <= 0.51


@pytest.mark.parametrize("fill", [0, 90, "edge"])
@pytest.mark.parametrize("shape", [(4, 1, 28, 28), (4, 3, 33, 70), (4, 1, 1, 5), (4, 1, 224, 224)])
def test_no_strength_is_no_change(drawn, shape: tuple[int, ...], fill):
    pixels, u = drawn(shape, 5)
    assert torch.equal(warp(pixels, u, **STILL, fill=fill), pixels)


def test_whole_pixels_are_moved_as_they_are():
    picture = torch.tensor([[[[1, 2, 3], [4, 5, 6], [7, 8, 9]]]], dtype=torch.uint8)
    right_and_up = torch.tensor([[0.5, 0.5, 0.5, 1.0, 0.0]])
    moved = warp(picture, right_and_up, shift=1, fill=0)
    assert moved.tolist() == [[[[0, 4, 5], [0, 7, 8], [0, 0, 0]]]]
    assert warp(picture, right_and_up, shift=1, fill="edge").tolist() == [[[[4, 4, 5], [7, 7, 8], [7, 7, 8]]]]


def test_equal_bends_move_the_whole_picture(drawn):
    pixels, _ = drawn((3, 3, 9, 12), 0)
    bends = torch.tensor([2.0, -1.0])[None, :, None, None].expand(3, 2, 4, 4)
    bent = resample(pixels, torch.eye(2).expand(3, 2, 2), torch.zeros(3, 2), "edge", bends)
    assert torch.equal(bent[:, :, 1:, :-2], pixels[:, :, :-1, 2:])


def test_bends_as_torchvision(drawn):
    """torch's own bicubic enlargement of the control points, given to torchvision's elastic."""
    pixels, u = drawn((6, 3, 21, 30), 5 + 2 * 6 * 6)
    bends = 1.5 * torch.special.ndtri(u[:, 5:]).view(6, 2, 6, 6)
    dense = functional.interpolate(bends, size=(21, 30), mode="bicubic", align_corners=True)
    # As a share of half the side, x first.
    shares = dense.permute(0, 2, 3, 1) * torch.tensor([2 / 30, 2 / 21])
    results = warp(pixels, u, **STILL, elastic=1.5, points=6, fill=40)
    for picture, share, result in zip(pixels, shares, results, strict=True):
        expected = elastic(picture.float() - 40, share[None], fill=None)
        assert (result - (expected + 40)).abs().max() <= 0.51
    assert not torch.equal(results, pixels)


def test_bends_are_as_wide_as_asked():
    """A ramp shows by how much its pixels moved."""
    ramp = torch.arange(101, dtype=torch.uint8).expand(500, 1, 101, 101) + 50
    u = torch.rand(500, 5 + 2 * 5 * 5, generator=torch.Generator().manual_seed(0))
    warped = warp(ramp, u, **STILL, elastic=4, points=5, fill="edge")
    # At the middle lies a control point.
    moved = warped[:, 0, 50, 50].double() - 100
    assert moved.std().item() == pytest.approx(4, rel=0.1)
    assert abs(moved.mean().item()) < 0.5


def test_draws_follow_the_settings():
    assert Warp().draws == 5
    assert Warp(elastic=1, points=4).draws == 5 + 2 * 4 * 4
