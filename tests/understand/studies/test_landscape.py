"""Directions as long as the filters, and a surface whose middle is the network."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from plusx.training.state import State
from plusx.understand.studies.landscape import direction, surface
from plusx.understand.studies.pictures import Pictures


def test_each_filter_of_a_direction_is_as_long_as_the_networks(state: State) -> None:
    found = direction(state.network, seed=1)
    assert {name.rsplit(".", 1)[1] for name in found} == {"weight"}
    for name, weight in state.network.named_parameters():
        if name not in found:
            assert weight.ndim == 1
            continue
        for own, drawn in zip(weight.detach().numpy(), found[name].numpy(), strict=True):
            assert np.linalg.norm(drawn) == pytest.approx(np.linalg.norm(own), rel=1e-5)
            # Random, not the filter itself.
            assert abs(float((own * drawn).sum())) < 0.99 * float((own**2).sum())
    assert torch.equal(direction(state.network, seed=1)["net.head.linear.weight"], found["net.head.linear.weight"])
    assert not torch.equal(direction(state.network, seed=2)["net.head.linear.weight"], found["net.head.linear.weight"])


def test_the_middle_is_the_loss_and_the_rest_is_moved(state: State, pictures: Pictures) -> None:
    network = state.network.eval()
    across, along = direction(network, 0), direction(network, 1)
    losses = surface(network, pictures.test, across, along, [-0.5, 0.0, 0.5])

    inputs = torch.from_numpy(pictures.test.gather(np.arange(64))).movedim(-1, 1)
    targets = torch.from_numpy(pictures.test.targets)

    def loss(a: float, b: float) -> float:
        parameters = dict(network.named_parameters())
        moved = {n: p + a * across[n] + b * along[n] if n in across else p for n, p in parameters.items()}
        return functional.cross_entropy(torch.func.functional_call(network, moved, (inputs,)), targets).item()

    assert losses[1][1] == pytest.approx(loss(0, 0), rel=1e-5)
    assert losses[0][2] == pytest.approx(loss(0.5, -0.5), rel=1e-4)
    assert losses[2][1] == pytest.approx(loss(0, 0.5), rel=1e-4)
