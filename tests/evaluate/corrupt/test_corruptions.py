"""What holds of every corruption, at the sizes of small and of middling pictures, grey and colour."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from plusx.errors import WrongUse
from plusx.evaluate.corrupt import CORRUPTIONS, FAMILIES, SEVERITIES

BY_RULE = ("defocus_blur", "zoom_blur", "brightness", "contrast", "pixelate", "jpeg_compression")
"""Those without chance."""
everyone = pytest.mark.parametrize("name", CORRUPTIONS)
sizes = st.sampled_from([(28, 28), (64, 64), (33, 48)])
channels = st.sampled_from([1, 3])
seeds = st.integers(0, 2**32 - 1)


def scenes(seed: int, count: int, height: int, width: int, channels: int) -> np.ndarray:
    """Pictures with areas, edges and texture, neither very dark nor very light."""
    random = np.random.default_rng(seed)
    noise = random.normal(size=(3, count, height, width, channels))
    areas = np.sign(gaussian_filter(noise[0], (0, height / 10, width / 10, 0)))
    drifts = gaussian_filter(noise[1], (0, height / 6, width / 6, 0))
    drifts /= np.abs(drifts).max()
    return (127 + 45 * areas + 40 * drifts + 4 * noise[2]).clip(10, 245).astype(np.uint8)


def far(name: str, pictures: np.ndarray, severity: int) -> float:
    """Mean absolute difference from the clean pictures."""
    return float(np.abs(CORRUPTIONS[name](pictures, severity).astype(int) - pictures).mean())


def test_the_paper_names_fifteen_in_four_families() -> None:
    assert len(CORRUPTIONS) == 15
    assert [name for family in FAMILIES.values() for name in family] == list(CORRUPTIONS)


@everyone
@settings(max_examples=12)
@given(size=sizes, channels=channels, seed=seeds, severity=st.sampled_from(SEVERITIES))
def test_shape_and_type_stay_and_the_input_is_not_touched(
    name: str, size: tuple[int, int], channels: int, seed: int, severity: int
) -> None:
    pictures = scenes(seed, 2, *size, channels)
    before = pictures.copy()
    changed = CORRUPTIONS[name](pictures, severity, seed)
    assert (changed.shape, changed.dtype) == (pictures.shape, np.uint8)
    assert np.array_equal(pictures, before)
    assert not np.array_equal(changed, pictures)


@everyone
@settings(max_examples=6)
@given(channels=channels, seed=seeds)
def test_seed_and_place_decide_whatever_else_is_in_the_batch(name: str, channels: int, seed: int) -> None:
    pictures = scenes(seed, 5, 28, 28, channels)
    whole = CORRUPTIONS[name](pictures, 3, seed)
    assert np.array_equal(CORRUPTIONS[name](pictures, 3, seed), whole)
    parts = [CORRUPTIONS[name](pictures[:2], 3, seed), CORRUPTIONS[name](pictures[2:], 3, seed, first=2)]
    assert np.abs(np.concatenate(parts).astype(int) - whole).max() <= 1
    other = np.array_equal(CORRUPTIONS[name](pictures, 3, seed + 1), whole)
    assert other == (name in BY_RULE)


# By its published numbers elastic_transform moves less and bends more: see test_values.py.
@pytest.mark.parametrize("name", [name for name in CORRUPTIONS if name != "elastic_transform"])
@pytest.mark.parametrize("side", [28, 64])
@settings(max_examples=6)
@given(channels=channels, seed=seeds)
def test_the_fifth_severity_is_further_from_the_clean_picture(name: str, side: int, channels: int, seed: int) -> None:
    pictures = scenes(seed, 4, side, side, channels)
    assert far(name, pictures, 5) > far(name, pictures, 1)


@everyone
def test_a_black_and_a_white_picture_are_no_special_case(name: str) -> None:
    for level in (0, 255):
        for side in (1, 8):
            pictures = np.full((2, side, side, 1), level, np.uint8)
            assert CORRUPTIONS[name](pictures, 5).shape == pictures.shape


@everyone
def test_other_severities_are_refused(name: str) -> None:
    for severity in (0, 6):
        with pytest.raises(WrongUse, match="severities 1 to 5"):
            CORRUPTIONS[name](np.zeros((1, 8, 8, 1), np.uint8), severity)


@everyone
def test_large_sets_are_changed_part_by_part(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = scenes(0, 5, 28, 28, 3)
    whole = CORRUPTIONS[name](pictures, 4)
    monkeypatch.setattr("plusx.evaluate.corrupt.pictures.VALUES_AT_ONCE", 2 * 28 * 28 * 3)
    assert np.abs(CORRUPTIONS[name](pictures, 4).astype(int) - whole).max() <= 1
