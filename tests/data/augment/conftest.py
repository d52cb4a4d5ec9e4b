"""Pictures of all levels, and numbers for them."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor


@pytest.fixture(scope="session")
def drawn() -> Callable[..., tuple[Tensor, Tensor]]:
    """(pixels, u): random pictures of a shape, and so many numbers an example."""

    def drawn(shape: tuple[int, ...], draws: int, channels_last: bool = True, seed: int = 0) -> tuple[Tensor, Tensor]:
        random = torch.Generator().manual_seed(seed)
        pixels = torch.randint(0, 256, shape, dtype=torch.uint8, generator=random)
        layout = torch.channels_last if channels_last else torch.contiguous_format
        return pixels.contiguous(memory_format=layout), torch.rand(shape[0], draws, generator=random)

    return drawn
