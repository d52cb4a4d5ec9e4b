"""Explanations as pictures."""

import numpy as np
import pytest

from plusx.understand.draw import shown_slices
from plusx.understand.lines import line_picture
from plusx.understand.overlay import boxed, colours, enlarged, outlined, over
from plusx.understand.words import pieces, word_picture


def lightness(rgb: np.ndarray) -> np.ndarray:
    """CIE 1976 L* of sRGB colours."""
    share = rgb / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    y = linear @ [0.2126, 0.7152, 0.0722]
    return np.where(y > 0.008856, 116 * np.cbrt(y) - 16, 903.3 * y)


def test_colours_become_lighter_evenly() -> None:
    light = lightness(colours(np.linspace(0, 1, 33), signed=False))
    steps = np.diff(light)
    assert (steps > 0).all()
    assert steps.max() < 2 * steps.mean()
    both = lightness(colours(np.linspace(-1, 1, 33), signed=True))
    assert both.argmin() == pytest.approx(16, abs=2)
    assert both[0] == pytest.approx(both[-1], abs=5)


def test_without_heat_a_picture_stays_as_it_is() -> None:
    levels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    for signed in (True, False):
        plain = over(levels, np.zeros((3, 4)), signed=signed)
        assert (plain == levels[..., None]).all()
    heat = np.zeros((3, 4))
    heat[1, 2] = -1
    assert (over(levels, heat, signed=True) != levels[..., None]).any(axis=2).sum() == 1
    assert (over(levels, heat, signed=False) == levels[..., None]).all()


def test_a_region_and_a_box_are_drawn_around_what_they_hold() -> None:
    picture = np.full((40, 40, 3), 128, np.uint8)
    region = np.zeros((40, 40), bool)
    region[10:30, 5:25] = True
    drawn = outlined(picture, region)
    white = (drawn == 255).all(axis=2)
    assert white[10, 5:25].all()
    assert white[30, 5:25].all()
    assert (drawn[15:25, 10:20] == 128).all()
    assert (outlined(picture, np.ones((40, 40), bool)) == picture).all()
    drawn = boxed(picture, np.array([0.25, 0.5, 0.75, 1.0]))
    assert (drawn[20, 10:30] == 255).all()
    assert (drawn[20:, 10] == 255).all()
    assert (drawn[25:35, 14:26] == 128).all()
    assert boxed(picture, np.array([0.5, 0.5, 0.5, 0.5])).shape == picture.shape


def test_small_pictures_are_enlarged_in_squares() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 6, 3), np.uint8)
    large = enlarged(pixels)
    assert large.shape == (256, 192, 3)
    assert (large[::32, ::32] == pixels).all()
    assert enlarged(np.zeros((300, 20))).shape == (300, 20)


def test_the_hottest_slice_is_shown() -> None:
    for depth in (1, 2, 3, 5, 40):
        for hottest in range(depth):
            heat = np.zeros((depth, 2, 2))
            heat[hottest] = 1
            shown = shown_slices(heat)
            assert hottest in shown
            assert len(shown) >= min(depth, 3)
            assert shown == sorted(set(shown))


def test_words_weigh_what_their_bytes_do() -> None:
    text = "naïve — good"
    heat = np.zeros(len(text.encode()))
    heat[-4:] = -2
    heat[:6] = 1
    found = pieces(text.encode(), heat)
    assert "".join(piece for piece, _ in found) == text
    assert dict(found) == {"naïve": 0.5, " ": 0, "—": 0, "good": -1}
    assert all(weight == 0 for _, weight in pieces(b"a b", np.zeros(3)))


def test_words_are_drawn_on_their_colours() -> None:
    picture = word_picture([("good", 1.0), (" ", 0.0), ("bad", -1.0), ("\n", 0.0), ("x" * 90, 0.0)] * 20)
    colour = picture.reshape(-1, 3).astype(int)
    blue, orange = (colour[:, 2] - colour[:, 0] > 100).sum(), (colour[:, 0] - colour[:, 2] > 100).sum()
    assert blue > 100
    assert orange > 100
    assert picture.shape[1] == 640


def test_lines_are_coloured_where_there_is_heat() -> None:
    values = np.sin(np.linspace(0, 20, 3000))[:, None]
    heat = np.zeros(3000)
    heat[2000:2500] = 1
    picture = line_picture(values, heat, signed=False).astype(int)
    warm = (picture[..., 0] - picture[..., 2] > 60).any(axis=0)
    columns = np.flatnonzero(warm) / picture.shape[1]
    assert columns.min() > 0.6
    assert columns.max() < 0.9
