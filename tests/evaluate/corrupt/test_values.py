"""Each corruption against numbers worked out by other means."""

from __future__ import annotations

import colorsys
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import convolve, gaussian_filter, map_coordinates

from plusx.evaluate.corrupt import CORRUPTIONS
from plusx.evaluate.corrupt.blur import shuffled_nearby
from plusx.evaluate.corrupt.resample import blurred, enlarged, kernels_of, sampled, smoothed
from plusx.evaluate.corrupt.table import Table
from plusx.evaluate.corrupt.weather import plasma

RANDOM = np.random.default_rng(7)
PICTURES = RANDOM.integers(0, 256, (3, 32, 32, 3), np.uint8)
PLANES = RANDOM.random((2, 3, 20, 24)).astype(np.float32)


def flat(level: int, side: int, count: int = 4, channels: int = 1) -> np.ndarray:
    return np.full((count, side, side, channels), level, np.uint8)


def test_both_ends_of_a_table_are_as_published() -> None:
    table = Table((0.3, 0.4, 0.5, 1, 1.5), (3, 4, 6, 8, 10), length=True)
    for severity in range(1, 6):
        assert table.at(severity, 32) == table.small[severity - 1]
        assert table.at(severity, 224) == table.large[severity - 1]
    assert table.at(5, 64) == pytest.approx(1.5 + 8.5 / 6)
    assert (table.at(5, 16), table.at(5, 448)) == (0.75, 20)


@pytest.mark.parametrize(("side", "severity", "deviation"), [(32, 5, 0.10), (224, 1, 0.08)])
def test_gaussian_noise_has_its_deviation_about_mid_grey(side: int, severity: int, deviation: float) -> None:
    noisy = CORRUPTIONS["gaussian_noise"](flat(128, side, 8), severity) / 255
    assert noisy.std() == pytest.approx(deviation, rel=0.03)
    assert noisy.mean() == pytest.approx(128 / 255, abs=0.005)


def test_shot_noise_has_a_poissons_variance() -> None:
    noisy = CORRUPTIONS["shot_noise"](flat(102, 32, 40), 3) / 255
    assert noisy.mean() == pytest.approx(0.4, rel=0.01)
    assert noisy.var() == pytest.approx(0.4 / 100, rel=0.05)


def test_impulse_noise_breaks_its_share_half_to_black() -> None:
    broken = CORRUPTIONS["impulse_noise"](flat(128, 224, 2), 5)
    assert [(broken == level).mean() for level in (0, 255)] == pytest.approx([0.135, 0.135], rel=0.05)
    assert set(np.unique(broken)) == {0, 128, 255}


def test_a_point_out_of_focus_is_a_disc() -> None:
    kernel = CORRUPTIONS["defocus_blur"](
        np.pad(np.full((1, 1, 1, 1), 255, np.uint8), ((0, 0), (112, 111), (112, 111), (0, 0))), 3
    )
    away = np.hypot(*(np.indices((224, 224)) - 112))
    assert set(np.unique(kernel[0, ..., 0][away < 4.5])) == {round(255 / (np.pi * 36))}
    assert not kernel[0, ..., 0][away > 7.5].any()


def test_glass_only_moves_pixels_where_its_blur_is_fine() -> None:
    changed = CORRUPTIONS["glass_blur"](PICTURES, 1)
    for before, after in zip(PICTURES.reshape(3, -1, 3), changed.reshape(3, -1, 3), strict=True):
        assert sorted(map(tuple, before)) == sorted(map(tuple, after))
    order = shuffled_nearby((6, 9), 2, 3, [RANDOM, RANDOM])
    assert np.array_equal(np.sort(order, axis=1), np.tile(np.arange(54), (2, 1)))
    assert not np.array_equal(order[0], order[1])


@pytest.mark.parametrize("name", ["defocus_blur", "glass_blur", "motion_blur", "zoom_blur", "elastic_transform"])
def test_an_even_area_stays_as_it_is(name: str) -> None:
    assert set(np.unique(CORRUPTIONS[name](flat(90, 40, channels=3), 5))) == {90}


def test_brightness_raises_the_value_and_keeps_hue_and_saturation() -> None:
    brighter = CORRUPTIONS["brightness"](PICTURES, 5)
    for before, after in zip(PICTURES.reshape(-1, 3)[:500] / 255, brighter.reshape(-1, 3)[:500] / 255, strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(*before)
        assert colorsys.hsv_to_rgb(hue, saturation, min(value + 0.3, 1)) == pytest.approx(after, abs=0.51 / 255)
    assert CORRUPTIONS["brightness"](flat(0, 32, channels=3), 1).max() == round(0.05 * 255)


def test_contrast_draws_to_the_mean() -> None:
    pictures = np.array([[[[0], [100]]], [[[50], [250]]]], np.uint8)
    assert CORRUPTIONS["contrast"](pictures, 5).reshape(2, 2).tolist() == [[42, 58], [135, 165]]


@pytest.mark.parametrize(("side", "severity", "quality"), [(32, 1, 80), (32, 5, 40), (224, 5, 7)])
def test_jpeg_is_pillows(side: int, severity: int, quality: int) -> None:
    pictures = RANDOM.integers(0, 256, (2, side, side, 3), np.uint8)
    for picture, changed in zip(pictures, CORRUPTIONS["jpeg_compression"](pictures, severity), strict=True):
        file = BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=quality)
        assert np.array_equal(np.asarray(Image.open(file)), changed)


@pytest.mark.parametrize(("severity", "block"), [(2, 2), (5, 4)])
def test_pixelate_is_the_mean_of_blocks(severity: int, block: int) -> None:
    picture = RANDOM.integers(0, 256, (1, 224, 224, 1), np.uint8)
    blocks = picture.reshape(224 // block, block, 224 // block, block).mean((1, 3))
    coarse = CORRUPTIONS["pixelate"](picture, severity)[0, ..., 0]
    # Pillow rounds twice: after columns and after rows.
    assert np.abs(coarse - blocks.repeat(block, 0).repeat(block, 1)).max() <= 1


def test_elastic_bends_more_though_it_moves_less() -> None:
    ramp = np.tile((np.arange(64) * 3 + 20).astype(np.uint8)[:, None], (20, 64, 1, 1))
    inner = [
        CORRUPTIONS["elastic_transform"](ramp, severity)[:, 16:-16, 16:-16, 0].astype(float) for severity in (1, 5)
    ]
    bends = [np.abs(np.diff(one, 2, axis=2)).mean() for one in inner]
    assert bends[1] > 2 * bends[0]


def test_snow_and_frost_lighten_and_fog_keeps_the_brightest() -> None:
    dark = flat(60, 64, 6)
    for name in ("snow", "frost"):
        assert CORRUPTIONS[name](dark, 3).mean() > 70
    assert CORRUPTIONS["fog"](dark, 5).max() <= 60
    drifts = plasma([RANDOM, RANDOM], 28, 2.0)
    assert drifts.shape == (2, 32, 32)
    assert [drifts.min((1, 2)).tolist(), drifts.max((1, 2)).tolist()] == [[0, 0], [1, 1]]


@pytest.mark.parametrize("sigma", [0.3, 2.0, 9.0])
def test_smoothing_is_scipys(sigma: float) -> None:
    wanted = gaussian_filter(PLANES, (0, 0, sigma, sigma), mode="reflect", truncate=3)
    assert smoothed(PLANES, sigma) == pytest.approx(wanted, abs=1e-5)


def test_blurring_is_scipys_convolution() -> None:
    kernels = RANDOM.random((2, 7, 7)).astype(np.float32)
    found = blurred(PLANES, kernels)
    for planes, kernel, own in zip(PLANES, kernels, found, strict=True):
        for plane, one in zip(planes, own, strict=True):
            assert one == pytest.approx(convolve(plane, kernel, mode="nearest"), abs=1e-4)


def test_bending_is_scipys_interpolation() -> None:
    places = RANDOM.uniform(-30, 50, (2, 2, 20, 24))
    found = sampled(PLANES, places[:, 0], places[:, 1])
    for planes, at, own in zip(PLANES, places, found, strict=True):
        for plane, one in zip(planes, own, strict=True):
            assert one == pytest.approx(map_coordinates(plane, at, order=1, mode="reflect"), abs=1e-4)


def test_enlarging_is_scipys_interpolation() -> None:
    middle = np.array([9.5, 11.5]).reshape(2, 1, 1)
    places = (np.indices((20, 24)) - middle) / 1.3 + middle
    assert enlarged(PLANES, 1.3)[0, 0] == pytest.approx(map_coordinates(PLANES[0, 0], places, order=1), abs=1e-5)


def test_kernels_move_as_they_say() -> None:
    kernels = kernels_of(np.array([[2.0, 2.0]]), np.array([[-1.0, -1.5]]), np.array([1.0, 3.0]))
    wanted = np.zeros((5, 5))
    wanted[4, 1], wanted[4, 0] = 0.25 + 0.375, 0.375
    assert kernels[0] == pytest.approx(wanted)
