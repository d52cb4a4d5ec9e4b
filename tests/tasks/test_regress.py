"""The scores against scikit-learn's, the loss against torch's own parts, and intervals against their promise."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn import metrics
from torch.nn import functional

from plusx.data.sources import ArraySource, Samples
from plusx.errors import PlusxError
from plusx.tasks import task_from_json
from plusx.tasks.regress import Regress, r_squared

ONE = Regress(mean=(10.0,), std=(2.0,), scale=(1.0,))


def outputs_for(task: Regress, values: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """What a network says for these values and half widths, before calibration, both (count, targets)."""
    widths = widths / np.array(task.std)
    return np.concatenate([(values - np.array(task.mean)) / np.array(task.std), np.log(np.expm1(widths))], axis=1)


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.integers(2, 60), st.integers(1, 4))
def test_scores_equal_scikit_learns(seed: int, count: int, targets: int) -> None:
    random = np.random.default_rng(seed)
    truth = random.normal(5, 3, (count, targets)).astype(np.float32)
    values = truth + random.normal(0, 1, (count, targets))
    task = Regress(mean=(5.0,) * targets, std=(3.0,) * targets, scale=(2.0,) * targets)
    names = [f"t{place}" for place in range(targets)]
    scores = task.scores(outputs_for(task, values, np.full_like(values, 0.5)), truth, names)
    assert scores["mae"] == pytest.approx(metrics.mean_absolute_error(truth, values), rel=1e-5)
    assert scores["rmse"] == pytest.approx(metrics.root_mean_squared_error(truth, values), rel=1e-5)
    assert scores["r2"] == pytest.approx(metrics.r2_score(truth, values), rel=1e-4, abs=1e-6)
    assert scores["coverage"] == pytest.approx((np.abs(truth - values) <= 1.00001).mean(), abs=1e-6)
    assert scores["width"] == pytest.approx(2.0, rel=1e-3)
    each = metrics.mean_absolute_error(truth, values, multioutput="raw_values")
    assert [row["mae"] for row in scores["per_target"]] == pytest.approx(list(each), rel=1e-5)


def test_r_squared_of_equal_targets_is_scikit_learns() -> None:
    same = np.ones((3, 1))
    for errors in (np.zeros((3, 1)), np.array([[0.0], [1.0], [0.0]])):
        assert r_squared(errors, same)[0] == metrics.r2_score(same, same + errors)


def test_losses_are_smooth_l1_and_the_pinball_loss() -> None:
    random = np.random.default_rng(1)
    outputs = torch.from_numpy(random.normal(size=(20, 2)).astype(np.float32))
    targets = torch.from_numpy(random.normal(10, 2, (20, 1)).astype(np.float32))
    wanted = (targets - 10) / 2
    losses = ONE.losses(outputs, targets)
    off = (outputs[:, :1] - wanted).abs().double().numpy()
    pinball = [
        metrics.mean_pinball_loss(own, width, alpha=0.9)
        for own, width in zip(off, functional.softplus(outputs[:, 1:]).double().numpy(), strict=True)
    ]
    expected = functional.smooth_l1_loss(outputs[:, :1], wanted, reduction="none")[:, 0].numpy() + np.array(pinball)
    np.testing.assert_allclose(losses.numpy(), expected, rtol=1e-5)


def test_widths_learn_nothing_through_the_value() -> None:
    outputs = torch.tensor([[0.5, 0.0]], requires_grad=True)
    ONE.losses(outputs, torch.tensor([[10.0]])).sum().backward()
    # Of the smooth L1 loss alone: the error itself.
    assert outputs.grad is not None
    assert outputs.grad[0, 0].item() == pytest.approx(0.5)


def test_it_takes_scale_and_place_from_the_training_examples() -> None:
    targets = np.array([[1.0, 7.0], [3.0, 7.0]], np.float32)
    task = Regress.of(Samples(ArraySource(np.zeros((2, 1, 1), np.uint8), ""), targets, ("x", "y"), task="regress"))
    assert (task.mean, task.std, task.scale) == ((2.0, 7.0), (1.0, 1.0), None)


@pytest.mark.parametrize("coverage", [0.5, 0.9])
def test_calibration_takes_the_rank_of_the_papers(coverage: float) -> None:
    """With widths of 1 the scale is the absolute residual of rank ceil((n + 1) coverage) (1604.04173, section 2.2)."""
    random = np.random.default_rng(2)
    values, truth = random.normal(10, 1, (99, 1)), random.normal(10, 1, (99, 1))
    task = ONE.model_copy(update={"coverage": coverage, "scale": None})
    calibrated = task.calibrated([(outputs_for(task, values, np.ones_like(values)), truth)])
    assert calibrated.scale is not None
    expected = np.sort(np.abs(values - truth).ravel())[round(100 * coverage) - 1]
    assert calibrated.scale[0] == pytest.approx(expected, rel=1e-5)


def test_intervals_keep_their_promise_on_new_examples_whose_noise_is_uneven() -> None:
    """Over many calibrations of 100 examples, new ones are held as often as promised; the guarantee is of the mean."""
    random = np.random.default_rng(3)
    held: list[float] = []
    for _ in range(200):
        spread = random.uniform(0.1, 3, (300, 1))
        truth = 10 + spread * random.standard_t(4, (300, 1))
        # Widths that are wrong by a factor, as a network's may be.
        outputs = outputs_for(ONE, np.full_like(truth, 10.0), 0.4 * spread)
        task = ONE.calibrated([(outputs[:50], truth[:50]), (outputs[50:100], truth[50:100])])
        held.append(task.scores(outputs[100:], truth[100:], ["x"])["coverage"])
    # Between 0.9 and 0.9 + 1 / 101; four standard errors around it.
    error = 4 * np.std(held) / np.sqrt(len(held))
    assert 0.9 - error <= np.mean(held) <= 0.91 + error


def test_with_too_few_examples_there_is_no_interval() -> None:
    outputs, truth = np.zeros((8, 2)), np.zeros((8, 1))
    task = ONE.calibrated([(outputs, truth)])
    assert task.scale is None
    assert ONE.calibrated([(np.zeros((9, 2)), np.zeros((9, 1)))]).scale is not None
    answer = task.answers(outputs[:1], ["x"])[0]
    assert answer == {"label": "10", "probability": None, "value": 10.0, "low": None, "high": None}
    assert task.words(answer) == "10"
    assert "coverage" not in task.scores(outputs, truth, ["x"])
    assert np.isnan(task.columns(outputs, ["x"])["low_x"]).all()


def test_several_numbers_are_lists_with_their_names() -> None:
    task = Regress(mean=(0.0, 10.0), std=(1.0, 2.0), scale=(1.0, 1.0))
    answer = task.answers(outputs_for(task, np.array([[1.5, 12.0]]), np.array([[0.5, 1.0]])), ["x", "y"])[0]
    assert answer["label"] == "x=1.5 y=12"
    assert answer["low"] == pytest.approx([1.0, 11.0], abs=1e-4)
    assert task.parts["value"] == "numbers"


def test_a_fold_keeps_its_values_and_intervals_in_other_units() -> None:
    fold = Regress(mean=(4.0,), std=(0.5,), scale=(3.0,))
    outputs = np.random.default_rng(4).normal(size=(9, 2))
    whole = ONE.over([fold, ONE])
    ours, theirs = whole.intervals(whole.restated(outputs, fold)), fold.intervals(outputs)
    assert ours is not None
    assert theirs is not None
    np.testing.assert_allclose(ours.values, theirs.values)
    np.testing.assert_allclose(ours.widths, theirs.widths, rtol=1e-5)
    assert ONE.over([fold, fold.model_copy(update={"scale": None})]).scale is None


@pytest.mark.parametrize(
    "wrong", [{"std": (0.0,)}, {"std": (float("inf"),)}, {"mean": ()}, {"coverage": 1.0}, {"scale": (-1.0,)}]
)
def test_what_is_no_task_is_refused(wrong: dict) -> None:
    with pytest.raises(ValidationError):
        Regress.model_validate({"mean": (0.0,), "std": (1.0,), **wrong})
    with pytest.raises(PlusxError, match="task"):
        task_from_json({"name": "regress", "mean": (0.0,), "std": (1.0,), **wrong})


def test_another_number_of_targets_is_refused() -> None:
    with pytest.raises(PlusxError, match="knows 1 targets, and there are 2"):
        ONE.network_options(["x", "y"])


def test_nothing_to_score_is_an_error() -> None:
    with pytest.raises(ValueError, match="no example"):
        ONE.scores(np.empty((0, 2)), np.empty((0, 1)), ["x"])
