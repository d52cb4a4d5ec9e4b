from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from plusx.tasks.classify import Classify
from plusx.tasks.softmax import softmax
from plusx.tasks.temperature import HOTTEST, best_temperature


def drawn(count: int, spread: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Log odds, and classes that are drawn by them."""
    random = np.random.default_rng(seed)
    outputs = random.normal(0, spread, (count, 5))
    return outputs, np.array([random.choice(5, p=row) for row in softmax(outputs)])


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_it_finds_by_what_outputs_were_too_large(factor: float) -> None:
    outputs, targets = drawn(6000, 2.0)
    assert best_temperature(factor * outputs, targets) == pytest.approx(factor, rel=0.06)


def test_it_is_where_torch_finds_the_least_loss() -> None:
    outputs, targets = drawn(300, 1.0, seed=1)
    outputs = 2.5 * outputs
    log = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([log], max_iter=200, tolerance_grad=1e-12, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        logs = torch.log_softmax(torch.from_numpy(outputs) / log.exp(), 1)
        loss = -logs[torch.arange(300), torch.from_numpy(targets)].sum() - logs.mean()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert best_temperature(outputs, targets) == pytest.approx(log.exp().item(), rel=1e-3)


@given(st.integers(1, 50))
def test_few_right_answers_do_not_make_certainty(count: int) -> None:
    """Of n right answers none is surer than n + 1 examples of which one may be anything."""
    outputs = np.tile([3.0, 0.0], (count, 1))
    task = Classify().calibrated([(outputs, np.zeros(count, int))])
    sure = task.probabilities(outputs)[0, 0]
    assert sure <= (count + 0.5) / (count + 1) + 1e-3


def test_what_says_nothing_is_not_to_be_trusted() -> None:
    random = np.random.default_rng(2)
    assert best_temperature(random.normal(0, 3, (4000, 10)), random.integers(0, 10, 4000)) > HOTTEST / 4


def test_answers_scores_and_means_are_calibrated() -> None:
    outputs, targets = drawn(4000, 2.0)
    loud = 4 * outputs
    task = Classify().calibrated([(loud[:2000], targets[:2000]), (loud[2000:], targets[2000:])])
    names = list("abcde")
    before, after = (one.scores(loud, targets, names) for one in (Classify(), task))
    assert before["accuracy"] == after["accuracy"]
    assert after["calibration_error"] < 0.02 < before["calibration_error"]
    assert after["loss"] < before["loss"]
    assert task.answers(loud[:1], names)[0]["probability"] == pytest.approx(task.probabilities(loud[:1]).max())
    mean = task.probabilities(task.averaged([loud[:9], 2 * loud[:9]]))
    np.testing.assert_allclose(mean, (task.probabilities(loud[:9]) + task.probabilities(2 * loud[:9])) / 2)
    whole = task.over([task])
    np.testing.assert_allclose(whole.probabilities(whole.restated(loud, task)), task.probabilities(loud))
