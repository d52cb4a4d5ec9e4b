"""Pictures in tiles: an answer that looks at single pixels is the same with and without; every tile counts smoothly."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plusx.predict.tiles import MARGIN, starts, tiled, window

TILE = (16, 24)


def by_brightness(tiles: np.ndarray) -> np.ndarray:
    """Three classes, each likeliest at another brightness."""
    values = tiles[..., 0].astype(np.float32)
    return np.stack([np.exp(-(((values - middle) / 40) ** 2)) for middle in (40, 128, 215)], axis=1)


@given(st.integers(16, 90), st.integers(24, 90), st.integers(1, 5))
def test_what_each_pixel_says_alone_stays(height: int, width: int, at_once: int) -> None:
    pixels = np.random.default_rng(height * width).integers(0, 256, (height, width, 1)).astype(np.uint8)
    mask = tiled(pixels, by_brightness, TILE, at_once)
    np.testing.assert_array_equal(mask, by_brightness(pixels[None])[0].argmax(0))


def test_what_a_tile_says_near_its_inner_edge_counts_nothing() -> None:
    """Tiles that are wrong all along their inner edges, where nothing beyond them was seen."""

    def wrong_at_edges(tiles: np.ndarray) -> np.ndarray:
        outputs = np.zeros((len(tiles), 2, 32, 32), np.float32)
        outputs[:, 0] = 1
        for edge in (slice(0, 3), slice(-3, None)):
            outputs[:, :, edge, :] = outputs[:, :, :, edge] = 0
            outputs[:, 1, edge, :] = outputs[:, 1, :, edge] = 1
        return outputs

    mask = tiled(np.zeros((100, 100, 1), np.uint8), wrong_at_edges, (32, 32), 4)
    assert not mask[3:-3, 3:-3].any()
    assert mask[0].all()


@given(st.integers(1, 500), st.integers(2, 64), st.sampled_from([1, 8, 32]))
def test_tiles_cover_all_and_overlap_by_half(length: int, tile: int, multiple: int) -> None:
    found = starts(length, tile, multiple)
    assert found == sorted(set(found))
    assert found[0] == 0
    assert found[-1] == max(length - tile, 0)
    assert all(later - earlier <= max(tile // 2, 1) for earlier, later in pairwise(found))


@pytest.mark.parametrize("tile", [8, 32, 96])
def test_weights_rise_from_nothing_and_fall_to_it(tile: int) -> None:
    inner = window(tile, first=False, last=False)
    assert inner[: int(MARGIN * tile)].sum() == 0
    np.testing.assert_allclose(inner, inner[::-1], atol=1e-6)
    assert (np.diff(inner[: tile // 2]) >= 0).all()
    assert (window(tile, first=True, last=True) == 1).all()
