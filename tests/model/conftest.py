"""The same random numbers for every test; the whole zoo, built once."""

import pytest
import torch

from plusx.model.resnet import ResNet
from plusx.model.zoo import ZOO


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def zoo_on_meta() -> dict[str, ResNet]:
    """Without storage: only names and shapes are asked for."""
    with torch.device("meta"):
        return {name: network() for name, network in ZOO.items()}
