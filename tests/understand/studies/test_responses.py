"""Deviations of responses, held to NumPy's of maps that hooks of the test's own kept."""

import numpy as np
import pytest
import torch

from plusx.training.state import State
from plusx.understand.studies.pictures import Pictures
from plusx.understand.studies.responses import layer_deviations


def test_they_are_numpys(state: State, pictures: Pictures) -> None:
    network = state.network.eval()
    kept: dict[str, np.ndarray] = {}
    for name, layer in state.net.named_modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.register_forward_hook(lambda _, __, output, name=name: kept.update({name: output.clone().numpy()}))
    with torch.no_grad():
        network(torch.from_numpy(pictures.train.gather(np.arange(96))).movedim(-1, 1))
    by_hand = [maps.astype(np.float64).std() for maps in kept.values()]
    # Before the ReLU in place that follows.
    assert all(maps.min() < 0 for maps in kept.values())
    assert layer_deviations(network, state.net, pictures.train) == pytest.approx(by_hand, rel=1e-5)
    assert len(by_hand) == 1 + 12
