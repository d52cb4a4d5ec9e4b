"""Near copies are found as comparing every pair finds them; planted ones among real digits are found, mirrored too."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from itertools import combinations

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import shift as moved_by
from sklearn.datasets import load_digits

from plusx.data.audit.alike import ALIKE, best_moves, compared, near_copies
from plusx.data.audit.near import candidates, spectrum, unit
from plusx.data.audit.scratch import Scratch, scratch


def pictures(count: int, seed: int = 0) -> np.ndarray:
    """Blots of 28x28, each unlike the others."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (count, 6, 6), np.uint8)
    large = [Image.fromarray(one).resize((20, 20), Image.Resampling.BICUBIC) for one in coarse]
    return np.pad(np.stack([np.asarray(one) for one in large]), ((0, 0), (4, 4), (4, 4)))


def as_jpeg(picture: np.ndarray) -> np.ndarray:
    file = BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=75)
    return np.asarray(Image.open(file))


CHANGES = {
    "moved": lambda one: moved_by(one, (1, -1), order=0),
    "mirrored": lambda one: one[:, ::-1],
    "as JPEG": as_jpeg,
    "brightened": lambda one: np.clip(one * 1.2 + 20, 0, 255).astype(np.uint8),
}


@contextmanager
def scratch_of(small: np.ndarray) -> Iterator[Scratch]:
    with scratch(small[0].size) as rows:
        rows.append(small.reshape(len(small), -1))
        yield rows


@pytest.mark.parametrize("change", CHANGES)
def test_changed_copies_are_near_and_others_are_not(change: str) -> None:
    own = pictures(40)
    copies = np.stack([CHANGES[change](one) for one in own])
    assert (compared(own, copies) >= ALIKE).all()
    assert (compared(own, np.roll(copies, 1, axis=0)) < ALIKE).all()


def test_spectra_are_those_of_the_fast_fourier_transform() -> None:
    own = pictures(3)
    amplitudes = np.abs(np.fft.fft2(unit(own)))
    both = amplitudes + np.abs(np.fft.fft2(unit(own[:, :, ::-1])))
    assert np.allclose(spectrum(own), np.sqrt(both[:, :9, :9]).reshape(3, -1)[:, 1:], atol=1e-3)


def test_correlations_are_numpys() -> None:
    one, other = pictures(2)
    likeness, moves = best_moves(one[None], other[None])
    mirrored, down, right = moves[0].tolist()
    placed = np.roll(other[:, ::-1] if mirrored else other, (down, right), axis=(0, 1))
    assert likeness[0] == pytest.approx(np.corrcoef(one.ravel(), placed.ravel())[0, 1], abs=1e-4)


@pytest.mark.parametrize("count", [2, 5, 30, 120])
def test_the_pairs_are_those_of_comparing_all(count: int) -> None:
    own = pictures(count)
    changed = [change(one) for one, change in zip(own, list(CHANGES.values()) * count, strict=False)]
    every = np.concatenate([own, changed[: count // 2 + 1]])
    with scratch_of(every) as small:
        pairs = near_copies(small, 28, *candidates(small, 28, np.arange(len(every))))
    first, second = np.array(list(combinations(range(len(every)), 2))).T
    near = compared(every[first], every[second]) >= ALIKE
    assert {*zip(first[near].tolist(), second[near].tolist(), strict=True)} == {
        *zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)
    }


def test_digits_are_not_near_copies_of_one_another() -> None:
    digits = (load_digits().images * 255 / 16).round().astype(np.uint8)
    with scratch_of(digits) as small:
        pairs = near_copies(small, 8, *candidates(small, 8, np.arange(len(digits))))
    assert len(pairs.first) <= 2


def test_scratch_gives_rows_in_any_order_and_blocks() -> None:
    rows = np.random.default_rng(0).integers(0, 256, (20, 3), np.uint8)
    with scratch(3) as kept:
        kept.append(rows[:7])
        kept.append(rows[7:])
        wanted = np.array([19, 0, 7, 7])
        assert (kept.read(wanted) == rows[wanted]).all()
        assert (kept.block(5, 30) == rows[5:]).all()
