import pytest
import torch
from jobs import digits, recipe
from torch import nn

from plusx.tasks.classify import Classify
from plusx.training.criterion import Goal
from plusx.training.feed import build_loader
from plusx.training.lookahead import Lookahead, SlowWeights
from plusx.training.recipe import Sgd
from plusx.training.state import State
from plusx.training.step import train_step

PREPARED = digits(64, 0)
CPU = torch.device("cpu")


def test_goes_as_the_algorithm_says_on_a_quadratic() -> None:
    """Loss w² / 2 from w = 1 at rate 0.5: each fast step halves w."""
    net = nn.Linear(1, 1, bias=False)
    nn.init.ones_(net.weight)
    slow = SlowWeights(net, Lookahead(k=2, alpha=0.5))
    found = []
    for done in range(1, 6):
        with torch.no_grad():
            net.weight.sub_(0.5 * net.weight)
        slow.update(net, done, last=done == 5)
        found.append((net.weight.item(), slow.state["weight"].item()))
    # By hand: 1 -> 0.5 -> 0.25, back to 0.625; -> 0.3125 -> 0.15625, back to 0.390625; the last -> 0.1953125, back.
    assert found == [
        (0.5, 1.0),
        (0.625, 0.625),
        (0.3125, 0.625),
        (0.390625, 0.390625),
        (0.29296875, 0.29296875),
    ]


def trained(lookahead: Lookahead | None, steps: int = 4, frozen: int = 0) -> State:
    plain = recipe(average=None, lookahead=lookahead, frozen=frozen, optimizer=Sgd(lr=0.05), epochs=4)
    state = State(plain, {"num_classes": 10}, CPU)
    goal = Goal.of(plain, Classify(), PREPARED)
    for batch in build_loader(plain, PREPARED, CPU).stream(0, steps):
        train_step(state, batch, goal)
    return state


def weights_of(state: State) -> dict[str, torch.Tensor]:
    return {name: weight.detach() for name, weight in state.network.named_parameters()}


def test_steps_back_in_a_training() -> None:
    start, plain, ahead = trained(None, 0), trained(None), trained(Lookahead(k=4, alpha=0.25))
    for name, weight in weights_of(ahead).items():
        halfway = 0.75 * weights_of(start)[name] + 0.25 * weights_of(plain)[name]
        torch.testing.assert_close(weight, halfway, rtol=1e-5, atol=1e-6)


def test_what_is_kept_are_the_slow_weights_and_the_newest_statistics() -> None:
    state = trained(Lookahead(k=3, alpha=0.5), steps=5)
    assert state.slow is not None
    kept, now = state.kept(), state.network.state_dict()
    assert kept.keys() == now.keys()
    for name, tensor in kept.items():
        assert torch.equal(tensor, state.slow.state.get(name, now[name]))
    assert not torch.equal(kept["net.head.linear.weight"], now["net.head.linear.weight"])
    answered = state.evaluated().state_dict()
    assert all(torch.equal(answered[name], tensor) for name, tensor in kept.items())


def test_the_last_step_ends_on_the_slow_weights() -> None:
    state = trained(Lookahead(k=100), steps=8)
    assert state.slow is not None
    assert all(torch.equal(state.slow.state[name], weight) for name, weight in weights_of(state).items())


def test_what_is_frozen_has_no_slow_weights() -> None:
    state = trained(Lookahead(), frozen=1)
    assert state.slow is not None
    assert set(state.slow.state) == {name for name, weight in state.network.named_parameters() if weight.requires_grad}
    assert len(state.slow.state) < len(weights_of(state))


def test_a_start_from_other_weights_moves_the_slow_ones_too() -> None:
    state = trained(Lookahead(), steps=0)
    with torch.no_grad():
        for weight in state.network.parameters():
            weight.add_(1)
    state.begin_followers()
    assert state.slow is not None
    assert all(torch.equal(state.slow.state[name], weight) for name, weight in weights_of(state).items())


@pytest.mark.parametrize("wrong", [{"k": 0}, {"alpha": 0}, {"alpha": 1.1}])
def test_refuses_what_makes_no_sense(wrong: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Lookahead.model_validate(wrong)
