import math
from typing import Any

import pytest
import torch
from jobs import digits, recipe
from torch import nn
from torch.func import functional_call, grad

from plusx.data.loader import Batch
from plusx.tasks.classify import Classify
from plusx.training.criterion import Goal
from plusx.training.feed import build_loader
from plusx.training.recipe import Sgd
from plusx.training.sharpness import ascended
from plusx.training.state import State
from plusx.training.step import NotFinite, train_step

PREPARED = digits(64, 0)
CPU = torch.device("cpu")
RHO = 0.5


def begun(**changes: Any) -> tuple[State, Batch, Goal]:
    """A state before its first step of plain gradient descent at rate 1, its batch and its goal."""
    options = {"num_filters": 8}
    plain = Sgd(lr=1, momentum=0, nesterov=False, weight_decay=0)
    made = recipe(**{"model_options": options, "average": None, "clip_norm": None, "optimizer": plain, **changes})
    state = State(made, {"num_classes": 10}, CPU)
    return state, build_loader(made, PREPARED, CPU).batch(0), Goal.of(made, Classify(), PREPARED)


def state_of(state: State) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in state.network.state_dict().items()}


def test_ascends_as_the_paper_says_on_a_quadratic() -> None:
    """Loss (3 a² + b²) / 2 at (1, 4): its gradient (3, 4) has length 5, so rho = 1 leads to (1.6, 4.8)."""
    a, b = nn.Parameter(torch.tensor([1.0])), nn.Parameter(torch.tensor([[4.0]]))
    unused = nn.Parameter(torch.tensor([7.0]))

    def loss() -> torch.Tensor:
        return (3 * a.square().sum() + b.square().sum()) / 2

    loss().backward()
    with ascended([a, unused, b], rho=1.0):
        torch.testing.assert_close(torch.stack([a.sum(), b.sum()]), torch.tensor([1.6, 4.8]))
        a.grad = b.grad = None
        loss().backward()
    assert (a.item(), b.item(), unused.item()) == (1.0, 4.0, 7.0)
    assert a.grad is not None
    assert b.grad is not None
    torch.testing.assert_close(torch.stack([a.grad.sum(), b.grad.sum()]), torch.tensor([4.8, 4.8]))


def test_without_a_gradient_nothing_moves() -> None:
    weight = nn.Parameter(torch.ones(2))
    weight.grad = torch.zeros(2)
    with ascended([weight], rho=1.0):
        assert weight.eq(1).all()


def test_weights_come_back_bit_by_bit_after_a_failure_too() -> None:
    torch.manual_seed(0)
    weight = nn.Parameter(torch.randn(1000))
    weight.grad = torch.randn(1000)
    before = weight.detach().clone()
    with pytest.raises(ArithmeticError), ascended([weight], rho=0.1):
        raise ArithmeticError
    assert torch.equal(weight, before)


def descent(state: State, batch: Batch, goal: Goal) -> dict[str, torch.Tensor]:
    """The gradient that SAM takes, by torch's functional derivative."""
    buffers = {name: buffer.clone() for name, buffer in state.network.named_buffers()}
    weights = {name: weight.detach().clone() for name, weight in state.network.named_parameters()}

    def loss(at: dict[str, torch.Tensor]) -> torch.Tensor:
        outputs = functional_call(state.network.train(), (at, {k: v.clone() for k, v in buffers.items()}), batch.inputs)
        return goal.losses(outputs, batch.targets).mean()

    first = grad(loss)(weights)
    length = math.sqrt(sum(float(part.square().sum()) for part in first.values()))
    return grad(loss)({name: weight + RHO * first[name] / length for name, weight in weights.items()})


@pytest.mark.parametrize("clip_norm", [None, 0.1])
def test_a_step_descends_along_the_gradient_of_the_ascended_weights(clip_norm: float | None) -> None:
    state, batch, goal = begun(sharpness=RHO, clip_norm=clip_norm)
    before, expected = state_of(state), descent(state, batch, goal)
    length = math.sqrt(sum(float(part.square().sum()) for part in expected.values()))
    shortened = 1 if clip_norm is None else clip_norm / length
    assert shortened <= 1
    train_step(state, batch, goal)
    rate = state.optimizer.param_groups[0]["lr"]
    for name, weight in state.network.named_parameters():
        step = before[name] - weight.detach()
        torch.testing.assert_close(step, rate * shortened * expected[name], rtol=1e-3, atol=1e-5)


def test_loss_and_statistics_are_those_of_the_weights_as_they_are() -> None:
    state, batch, goal = begun(sharpness=RHO, model_options={"num_filters": 8, "stochastic_depth": 0.3})
    plain, _, plain_goal = begun(model_options={"num_filters": 8, "stochastic_depth": 0.3})
    assert train_step(state, batch, goal) == train_step(plain, batch, plain_goal)
    statistics = [name for name, _ in state.network.named_buffers() if "running" in name or "tracked" in name]
    assert len(statistics) > 10
    for name in statistics:
        assert torch.equal(state_of(state)[name], state_of(plain)[name])


@pytest.mark.parametrize("rho", [1e38, float("nan")])
def test_an_ascent_to_where_nothing_is_finite_updates_nothing(rho: float) -> None:
    state, batch, goal = begun(sharpness=rho)
    before = state_of(state)
    with pytest.raises(NotFinite, match="the loss is"):
        train_step(state, batch, goal)
    assert all(torch.equal(weight, before[name]) for name, weight in state.network.named_parameters())
    assert state.step == 0
