"""Distillation's loss, against torch's distributions, and what its minimum is."""

import pytest
import torch
from torch.distributions import Bernoulli, Categorical, kl_divergence

from plusx.training.distill import Distill, binary_divergences, distilled, divergences


@pytest.fixture
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return 3 * torch.randn(6, 4, dtype=torch.float64), 3 * torch.randn(6, 4, dtype=torch.float64)


def test_divergences_are_those_of_the_distributions(pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    outputs, taught = pair
    wanted = kl_divergence(Categorical(logits=taught), Categorical(logits=outputs))
    torch.testing.assert_close(divergences(outputs, taught), wanted)
    wanted = kl_divergence(Bernoulli(logits=taught), Bernoulli(logits=outputs)).mean(1)
    torch.testing.assert_close(binary_divergences(outputs, taught), wanted)


@pytest.mark.parametrize("multilabel", [False, True])
def test_weights_and_temperature(pair: tuple[torch.Tensor, torch.Tensor], multilabel: bool) -> None:
    outputs, taught = pair
    losses = torch.arange(6.0, dtype=torch.float64)
    divergence = binary_divergences if multilabel else divergences
    found = distilled(losses, outputs, taught, Distill(weight=0.3, temperature=4), multilabel=multilabel)
    torch.testing.assert_close(found, 0.7 * losses + 0.3 * 16 * divergence(outputs / 4, taught / 4))
    alone = distilled(losses, outputs, taught, Distill(weight=0), multilabel=multilabel)
    torch.testing.assert_close(alone, losses)


def test_two_classes_are_one_yes_or_no(pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    outputs, taught = pair
    single = binary_divergences(outputs[:, :1], taught[:, :1])
    both = divergences(*(torch.cat([one[:, :1], torch.zeros(6, 1)], 1) for one in pair))
    torch.testing.assert_close(single, both)


@pytest.mark.parametrize("multilabel", [False, True])
def test_a_student_that_is_the_teacher_has_nothing_to_learn(
    pair: tuple[torch.Tensor, torch.Tensor], multilabel: bool
) -> None:
    taught = pair[0]
    outputs = taught.clone().requires_grad_()
    loss = distilled(torch.zeros(6), outputs, taught, Distill(weight=1), multilabel=multilabel)
    loss.sum().backward()
    assert outputs.grad is not None
    torch.testing.assert_close(loss, torch.zeros_like(loss))
    torch.testing.assert_close(outputs.grad, torch.zeros_like(outputs))


def test_at_a_high_temperature_the_gradient_is_that_of_matched_logits(
    pair: tuple[torch.Tensor, torch.Tensor],
) -> None:
    """Section 2.1 of the paper: (z - v) / N, both with a mean of zero; T² is in our loss already."""
    outputs, taught = (one - one.mean(1, keepdim=True) for one in pair)
    outputs.requires_grad_()
    distilled(torch.zeros(6), outputs, taught, Distill(weight=1, temperature=1e4)).sum().backward()
    assert outputs.grad is not None
    torch.testing.assert_close(outputs.grad, (outputs - taught).detach() / 4, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("multilabel", [False, True])
def test_far_outputs_stay_finite(multilabel: bool) -> None:
    outputs = torch.tensor([[500.0, -500.0]], requires_grad=True)
    loss = distilled(torch.zeros(1), outputs, -outputs.detach(), Distill(temperature=1), multilabel=multilabel)
    loss.sum().backward()
    assert outputs.grad is not None
    assert torch.isfinite(loss).all()
    assert torch.isfinite(outputs.grad).all()
