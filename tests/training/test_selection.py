import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from jobs import digits, recipe
from worlds import gradient, in_world

from plusx.data.loader import Batch
from plusx.data.mix import Mix
from plusx.tasks.classify import Classify
from plusx.training.criterion import Goal
from plusx.training.feed import build_loader
from plusx.training.gradient import find_gradient
from plusx.training.selection import hardest, only
from plusx.training.state import State

CPU = torch.device("cpu")
CALM = {"model_options": {"num_filters": 8, "norm": "group"}, "average": None, "mix": Mix()}


@given(losses=st.lists(st.integers(0, 4), min_size=2, max_size=30), percent=st.integers(1, 100))
def test_the_hardest_are_those_of_numpys_stable_order(losses: list[int], percent: int) -> None:
    count = max(2, -(-percent * len(losses) // 100))
    expected = sorted(np.argsort(-np.array(losses), kind="stable")[:count].tolist())
    assert hardest(torch.tensor(losses).float(), percent / 100).tolist() == expected


def test_a_batch_keeps_types_and_memory_format() -> None:
    inputs = torch.arange(5 * 8 * 8 * 3, dtype=torch.uint8).reshape(5, 8, 8, 3).movedim(-1, 1)
    chosen = only(Batch(inputs, torch.arange(5)), torch.tensor([1, 4]))
    assert chosen.targets.tolist() == [1, 4]
    assert torch.equal(chosen.inputs, inputs[[1, 4]])
    assert chosen.inputs.is_contiguous(memory_format=torch.channels_last)


def by_hand(parts: list[slice], share: float) -> dict[str, torch.Tensor]:
    """The gradient of the mean loss of each part's hardest examples, by torch alone."""
    chosen_by = recipe(**CALM)
    state, prepared = State(chosen_by, {"num_classes": 10}, CPU), digits(64, 0)
    goal, batch = Goal.of(chosen_by, Classify(), prepared), build_loader(chosen_by, prepared, CPU).batch(0)
    losses = goal.losses(state.network.train()(batch.inputs), batch.targets)
    chosen = []
    for part in parts:
        own = losses.detach()[part].numpy()
        chosen += (part.start + np.argsort(-own)[: int(share * len(own))]).tolist()
    losses[chosen].mean().backward()
    return {name: weight.grad for name, weight in state.network.named_parameters() if weight.grad is not None}


@pytest.mark.parametrize("size", [1, 2])
def test_the_gradient_is_that_of_the_hardest_ones_mean(size: int) -> None:
    parts = [slice(32 // size * rank, 32 // size * (rank + 1)) for rank in range(size)]
    expected = by_hand(parts, 0.5)
    for found in in_world(size, gradient, {**CALM, "learn_from": 0.5}):
        assert found["gradients"].keys() == expected.keys()
        for name, value in expected.items():
            np.testing.assert_allclose(found["gradients"][name], value, rtol=1e-4, atol=1e-6, err_msg=name)


def test_loss_hits_and_statistics_are_the_whole_batchs() -> None:
    found = []
    for changes in ({}, {"learn_from": 0.25}, {"learn_from": 0.25, "sharpness": 0.05}):
        made = recipe(**changes)
        state, prepared = State(made, {"num_classes": 10}, CPU), digits(64, 0)
        state.train()
        batch = build_loader(made, prepared, CPU).batch(0)
        seen = find_gradient(state, batch, Goal.of(made, Classify(), prepared))
        found.append((seen, {name: buffer.clone() for name, buffer in state.network.named_buffers()}))
    (whole, statistics), *others = found
    for seen, ours in others:
        assert (seen.loss, seen.hits) == (whole.loss, whole.hits)
        assert seen.descended < whole.loss
        assert all(torch.equal(ours[name], buffer) for name, buffer in statistics.items())
