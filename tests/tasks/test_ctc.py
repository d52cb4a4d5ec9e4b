"""The loss against torch's, and what is read against all paths, one by one."""

from itertools import groupby, product

import numpy as np
import pytest
import torch
from torch.nn.functional import ctc_loss

from plusx.tasks.ctc import beam_search, ctc_losses, frames_needed, greedy
from plusx.tasks.softmax import log_softmax

BLANK = 2


def drawn(count: int, classes: int, frames: int, scale: float = 2.0, seed: int = 0) -> np.ndarray:
    return log_softmax(np.random.default_rng(seed).normal(0, scale, (count, classes, frames)))


def spelled(path: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(label for label, _ in groupby(path) if label != BLANK)


def by_all_paths(log_probs: np.ndarray) -> dict[tuple[int, ...], float]:
    """The probability of every reading of one example with two labels, by summing over its paths."""
    found: dict[tuple[int, ...], float] = {}
    classes, frames = log_probs.shape
    for path in product(range(classes), repeat=frames):
        likely = float(np.exp(log_probs[list(path), range(frames)].sum()))
        found[spelled(path)] = found.get(spelled(path), 0.0) + likely
    return found


def test_losses_are_torchs() -> None:
    log_probs = drawn(5, 7, 12)
    targets = np.array([[0, 1, 2, 3], [0, 0, 0, -1], [5, -1, -1, -1], [4, 4, 5, 5], [1, 2, -1, -1]], np.int16)
    lengths = (targets >= 0).sum(1)
    theirs = ctc_loss(
        torch.from_numpy(log_probs).permute(2, 0, 1),
        torch.from_numpy(np.maximum(targets, 0)).long(),
        torch.full((5,), 12),
        torch.from_numpy(lengths),
        blank=6,
        reduction="none",
    )
    np.testing.assert_allclose(ctc_losses(log_probs, targets), theirs.numpy(), rtol=1e-10)


def test_losses_are_sums_over_all_paths() -> None:
    log_probs = drawn(1, 3, 5)
    for labels, probability in by_all_paths(log_probs[0]).items():
        targets = np.full((1, 5), -1)
        targets[0, : len(labels)] = labels
        assert ctc_losses(log_probs, targets)[0] == pytest.approx(-np.log(probability))


def test_what_needs_more_frames_than_there_are_has_no_path() -> None:
    targets = np.array([[0, 0, 1], [0, 1, -1], [0, 0, -1]])
    assert frames_needed(targets).tolist() == [4, 2, 3]
    assert np.isinf(ctc_losses(drawn(3, 3, 2), targets)).tolist() == [True, False, True]
    assert np.isfinite(ctc_losses(drawn(3, 3, 4), targets)).all()


def test_greedy_reads_the_likeliest_path() -> None:
    log_probs = drawn(20, 3, 8)
    for one, read in zip(log_probs, greedy(log_probs), strict=True):
        path = one.argmax(0)
        assert read.labels == spelled(tuple(path))
        assert read.log_probability == pytest.approx(one.max(0).sum())
        assert [path[frame] for frame in read.frames] == list(read.labels)
        assert all(frame == 0 or path[frame - 1] != path[frame] for frame in read.frames)


@pytest.mark.parametrize("seed", range(10))
def test_a_beam_that_is_wide_enough_finds_the_likeliest_reading(seed: int) -> None:
    log_probs = drawn(1, 3, 6, scale=1.0, seed=seed)[0]
    every = by_all_paths(log_probs)
    best = max(every, key=lambda labels: every[labels])
    read = beam_search(log_probs, width=1000)
    assert read.labels == best
    assert read.log_probability == pytest.approx(np.log(every[best]))
    assert len(read.frames) == len(read.labels)
    assert list(read.frames) == sorted(set(read.frames))


def test_a_beam_reads_what_the_likeliest_path_does_not_say() -> None:
    # Two frames: the likeliest path is blank twice, but `a` has three paths.
    log_probs = np.log(np.array([[0.4, 0.4], [0.0001, 0.0001], [0.5999, 0.5999]]))
    assert greedy(log_probs[None])[0].labels == ()
    assert beam_search(log_probs, 4).labels == (0,)
    assert np.exp(beam_search(log_probs, 4).log_probability) == pytest.approx(0.4 * 0.4 + 2 * 0.4 * 0.5999)


def test_a_bonus_decides_between_readings_but_is_no_part_of_the_probability() -> None:
    log_probs = drawn(1, 3, 4, scale=0.1)[0]
    read = beam_search(log_probs, 100, bonus=lambda labels: 50.0 * (labels.count(1) - labels.count(0)))
    assert read.labels == (1, 1)
    assert read.log_probability == pytest.approx(np.log(by_all_paths(log_probs)[1, 1]))
