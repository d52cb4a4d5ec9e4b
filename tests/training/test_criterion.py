"""Losses that make up for classes of unequal size."""

from typing import Any

import numpy as np
import pytest
import torch
from jobs import recipe
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional

from plusx.errors import WrongUse
from plusx.tasks.classify import Classify
from plusx.tasks.multilabel import Multilabel
from plusx.training.criterion import binary, build_losses, class_weights, log_priors

TARGETS = np.array([0] * 60 + [1] * 30 + [2] * 10)
OUTPUTS = torch.randn(100, 3, generator=torch.Generator().manual_seed(0))


def losses(**changes: Any) -> torch.Tensor:
    built = build_losses(recipe(label_smoothing=0.0, **changes), Classify(), TARGETS, 3)
    return built(OUTPUTS, torch.from_numpy(TARGETS))


def test_without_balance_it_is_the_tasks_own() -> None:
    torch.testing.assert_close(losses(), functional.cross_entropy(OUTPUTS, torch.from_numpy(TARGETS), reduction="none"))


def test_weights_are_scikit_learns_and_leave_the_mean_weight_at_one() -> None:
    ours = class_weights(np.bincount(TARGETS))
    np.testing.assert_allclose(ours, compute_class_weight("balanced", classes=np.arange(3), y=TARGETS))
    assert ours[TARGETS].mean() == pytest.approx(1)
    torch.testing.assert_close(losses(balance="weights"), losses() * torch.from_numpy(ours).float()[TARGETS])


def test_a_class_without_examples_weighs_nothing() -> None:
    assert class_weights(np.array([5, 0, 5])).tolist() == [1.0, 0.0, 1.0]


def test_weights_of_soft_targets_follow_their_shares() -> None:
    built = build_losses(recipe(label_smoothing=0.0, balance="weights"), Classify(), TARGETS, 3)
    hard = torch.from_numpy(TARGETS)
    torch.testing.assert_close(built(OUTPUTS, functional.one_hot(hard, 3).float()), built(OUTPUTS, hard))


def test_adjusted_logits_undo_the_prior() -> None:
    # What knows nothing but the prior has the prior's own loss once its flat logits are adjusted.
    built = build_losses(recipe(label_smoothing=0.0, balance="logits"), Classify(), TARGETS, 3)
    flat = built(torch.zeros(100, 3), torch.from_numpy(TARGETS)).mean()
    shares = np.array([0.6, 0.3, 0.1])
    assert flat.item() == pytest.approx(-(shares * np.log(shares)).sum(), abs=1e-6)
    np.testing.assert_allclose(np.exp(log_priors(np.bincount(TARGETS))), shares)


def test_binary_is_torchs_over_all_classes() -> None:
    targets = torch.from_numpy(TARGETS)
    one_hot = functional.one_hot(targets, 3).float()
    wanted = functional.binary_cross_entropy_with_logits(OUTPUTS, one_hot)
    torch.testing.assert_close(losses(loss="binary").mean(), wanted)
    torch.testing.assert_close(binary(OUTPUTS, one_hot).mean(), wanted)
    smooth = functional.binary_cross_entropy_with_logits(OUTPUTS, one_hot * 0.7 + 0.1)
    torch.testing.assert_close(binary(OUTPUTS, targets, smoothing=0.3).mean(), smooth)


@pytest.mark.parametrize("balance", ["sampling", "weights", "logits"])
def test_several_labels_an_example_cannot_be_balanced(balance: str) -> None:
    with pytest.raises(WrongUse, match=f"--balance {balance}"):
        build_losses(recipe(balance=balance), Multilabel(), np.eye(3, dtype=np.uint8), 3)
