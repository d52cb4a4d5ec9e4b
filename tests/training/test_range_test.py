import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from jobs import digits, recipe

from plusx.tasks.classify import Classify
from plusx.training.optim import AdamW, Muon, Optimizer, Sgd
from plusx.training.range_test import find_lr, measure, rates, smoothed, suggest
from plusx.training.step import NotFinite

RATES = rates(1e-4, 10.0, 100)


def curve(falls_at: float, rises_at: float, noise: float = 0.0, seed: int = 0) -> list[float]:
    """A loss as range tests show it: 2.3, half way down to 0.3 at one rate, and up again from another."""
    random = np.random.default_rng(seed)
    place = np.log10(RATES)
    fall = 2 / (1 + np.exp(-6 * (place - math.log10(falls_at))))
    rise = np.exp(np.clip(8 * (place - math.log10(rises_at)), None, 5))
    return (2.3 - fall + rise + noise * random.standard_normal(len(place))).tolist()


@given(st.floats(1e-9, 1e3), st.floats(1.5, 1e6), st.integers(2, 300))
def test_rates_grow_by_one_factor(low: float, times: float, steps: int) -> None:
    found = rates(low, low * times, steps)
    assert len(found) == steps
    assert (found[0], found[-1]) == (pytest.approx(low), pytest.approx(low * times))
    assert np.diff(np.log(found)) == pytest.approx(math.log(times) / (steps - 1))


@pytest.mark.parametrize("falls_at", [1e-3, 1e-2, 1e-1])
def test_suggests_where_the_loss_falls_fastest(falls_at: float) -> None:
    assert suggest(RATES, curve(falls_at, rises_at=5.0)) == pytest.approx(falls_at, rel=0.2)


@pytest.mark.parametrize("seed", range(20))
def test_noise_does_not_lead_it_far(seed: int) -> None:
    found = suggest(RATES, curve(1e-2, 1.0, noise=0.1, seed=seed))
    assert 1e-2 / 4 < found < 1e-2 * 4


@given(st.lists(st.one_of(st.floats(0, 1e6), st.sampled_from([math.nan, math.inf])), max_size=100))
def test_always_suggests_one_of_the_rates(losses: list[float]) -> None:
    assert suggest(RATES, losses) in RATES


@pytest.mark.parametrize("losses", [[], [2.3], [math.nan] * 9, [1.0, 2.0, 3.0], [2.3] * 50])
def test_where_nothing_falls_it_gives_the_lowest(losses: list[float]) -> None:
    assert suggest(RATES, losses) == RATES[0]


def test_what_comes_after_the_first_nan_does_not_count() -> None:
    falling = curve(1e-2, 1.0)
    assert suggest(RATES, [*falling[:70], math.nan, *([0.0] * 29)]) == suggest(RATES, falling[:70])


def test_no_rate_is_an_error() -> None:
    with pytest.raises(ValueError, match="needs a rate"):
        suggest([], [])


@given(st.lists(st.floats(0, 100), min_size=1, max_size=60))
def test_smoothing_stays_within_the_losses(losses: list[float]) -> None:
    smooth = smoothed(losses)
    assert min(losses) - 1e-9 <= smooth.min()
    assert smooth.max() <= max(losses) + 1e-9
    assert smoothed([one + 1 for one in losses]) == pytest.approx(smooth + 1)


def test_measuring_stops_where_it_diverges() -> None:
    losses = dict(zip(RATES, curve(1e-2, 0.5), strict=True))
    measured = measure(losses.__getitem__, RATES)
    assert 60 < len(measured) < 100
    assert measured == list(losses.values())[: len(measured)]
    assert smoothed(measured)[-1] > 3 * smoothed(measured).min()


def test_measuring_ends_with_the_numbers() -> None:
    def step(rate: float) -> float:
        if rate > 1:
            raise NotFinite("the loss is inf")
        return 1.0

    assert len(measure(step, RATES)) == sum(rate <= 1 for rate in RATES)


@pytest.mark.parametrize("optimizer", [Sgd(lr=0.1), Muon(), AdamW()], ids=["sgd", "muon", "adamw"])
def test_leaves_nothing_behind_and_gives_the_same_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, optimizer: Optimizer
) -> None:
    monkeypatch.chdir(tmp_path)
    train = digits(300, 0)
    told = recipe(optimizer=optimizer, epochs=1)
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    found = [find_lr(told, Classify(), train, torch.device("cpu"), steps=40) for _ in range(2)]
    assert torch.equal(torch.rand(3), expected)
    assert found[0] == found[1]
    assert optimizer.lr / 100 < found[0] < optimizer.lr * 100
    assert list(tmp_path.iterdir()) == []
    assert told.optimizer == optimizer
