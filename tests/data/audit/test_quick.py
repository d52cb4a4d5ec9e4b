"""The short form before a training: the counts are those of comparing bytes, and nothing is decoded for it."""

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plusx.data.audit.quick import numbers_of, quick_notes, same_examples
from plusx.data.cache import Prepared, prepare_samples
from plusx.data.image import ImageSpec
from plusx.data.sources import ArraySource, Samples

SPEC = ImageSpec(height=9, width=9, channels=1)


def prepared(pixels: np.ndarray, targets: list[int], name: str) -> Prepared:
    samples = Samples(ArraySource(pixels, name), np.array(targets), ("cat", "dog"))
    return Prepared.of(samples, SPEC, pixels[..., None])


def pictures(contents: list[int]) -> np.ndarray:
    every = np.random.default_rng(0).integers(0, 256, (8, 9, 9), np.uint8)
    # Two that differ in one bit alone.
    every[1] = every[0]
    every[1, 8, 8] ^= 128
    return every[contents]


EXAMPLES = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 1)), min_size=1, max_size=12)


@given(EXAMPLES, EXAMPLES)
def test_groups_are_those_of_equal_bytes(train: list[tuple[int, int]], test: list[tuple[int, int]]) -> None:
    parts = {
        split: prepared(pictures([content for content, _ in own]), [label for _, label in own], split)
        for split, own in (("train", train), ("test", test))
    }
    found = {frozenset((one.split, one.place) for one in group) for group in same_examples(parts)}
    brute = defaultdict(set)
    for split, own in (("train", train), ("test", test)):
        for place, (content, _) in enumerate(own):
            brute[content].add((split, place))
    assert found == {frozenset(group) for group in brute.values() if len(group) > 1}


def test_leaks_and_contradictions_are_told_in_a_line_each() -> None:
    contents = list(range(8)) * 1
    train = prepared(pictures([*contents, 2, 3]), [0] * 8 + [1, 0], "train")
    test = prepared(pictures([5, 6, 6]), [0, 0, 0], "test")
    notes = quick_notes({"train": train, "test": test})
    assert notes[:2] == ["3 pictures are in both train and test", "1 pictures are there under two labels"]
    assert all("examples of the class" in note for note in notes[2:])


def test_a_clean_set_says_nothing() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 9, 9), np.uint8)
    train = prepared(pixels[:30], [0, 1] * 15, "train")
    assert quick_notes({"train": train, "test": prepared(pixels[30:], [0, 1] * 5, "test")}) == []


def test_large_examples_are_compared_whole_where_their_middles_agree() -> None:
    pixels = np.zeros((30, 200, 200), np.uint8)
    pixels[:, 0, :5] = np.random.default_rng(0).integers(0, 256, (30, 5))
    spec = ImageSpec(height=200, width=200, channels=1)
    samples = Samples(ArraySource(pixels, "made"), np.array([0, 1] * 15), ("cat", "dog"))
    parts = {split: Prepared.of(samples.take(rows), spec, pixels[rows][..., None]) for split, rows in SPLITS.items()}
    assert quick_notes(parts)[0] == "2 pictures are in both train and test"


SPLITS = {"train": np.arange(26), "test": np.array([24, 25, 26, 27, 28, 29])}


def test_without_a_cache_nothing_is_decoded(tmp_path: Path) -> None:
    samples = Samples(ArraySource(pictures([0] * 20), "made"), np.zeros(20, np.int64), ("cat",))
    assert list(same_examples({"train": prepare_samples(samples, SPEC, cache=None)})) == []
    stored = prepare_samples(samples, SPEC, cache=tmp_path)
    assert len(next(iter(same_examples({"train": stored})))) == 20


@pytest.mark.parametrize("place", range(0, 81, 8))
def test_one_changed_byte_changes_the_number(place: int) -> None:
    row = np.random.default_rng(1).integers(0, 256, (1, 81), np.uint8)
    others = np.repeat(row, 255, axis=0)
    others[:, place] ^= np.arange(1, 256, dtype=np.uint8)
    every = numbers_of(np.concatenate([row, others]))
    assert len(np.unique(every)) == 256
