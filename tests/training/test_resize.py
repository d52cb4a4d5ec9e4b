from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from jobs import digits, recipe
from PIL import Image
from torchvision.transforms.v2 import functional as transforms

from plusx.data.array import ArraySpec
from plusx.data.loader import Batch
from plusx.errors import WrongUse
from plusx.tasks.classify import Classify
from plusx.training.criterion import Goal
from plusx.training.feed import build_loader
from plusx.training.recipe import changed
from plusx.training.resize import Resize, resized
from plusx.training.state import State
from plusx.training.step import train_step

CPU = torch.device("cpu")
SHARES = st.floats(0.05, 1)


@given(start=SHARES, until=SHARES, progress=st.floats(0, 1.5), side=st.integers(1, 300))
def test_sizes_grow_in_multiples_of_four_to_the_full_one(
    start: float, until: float, progress: float, side: int
) -> None:
    growing = Resize(start=start, until=until)
    height, width = growing.size((side, 2 * side), progress)
    later, _ = growing.size((side, 2 * side), progress + 0.1)
    assert height <= later <= side
    assert height % 4 == 0 or height == side
    assert width % 4 == 0 or width == 2 * side
    if progress >= until:
        assert (height, width) == (side, 2 * side)
    else:
        exact = side * (start + (1 - start) * progress / until)
        assert height == min(side, 4) or abs(height - exact) <= 2


def pictures(channels: int, dtype: torch.dtype) -> torch.Tensor:
    random = np.random.default_rng(0).integers(0, 256, (5, 30, 26, channels), np.uint8)
    return torch.from_numpy(random).movedim(-1, 1).to(dtype)


@pytest.mark.parametrize("size", [(16, 12), (4, 4), (28, 24)])
@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_are_torchvisions_and_nearly_pillows(size: tuple[int, int], channels: int) -> None:
    before = pictures(channels, torch.uint8)
    after = resized(before, size)
    assert after.dtype == torch.uint8
    assert after.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(after, transforms.resize(before, list(size), antialias=True))
    for one, other in zip(before, after, strict=True):
        picture = Image.fromarray(one.movedim(0, -1).squeeze(-1).numpy())
        by_pillow = np.asarray(picture.resize(size[::-1], Image.Resampling.BILINEAR), np.int16)
        assert np.abs(other.movedim(0, -1).squeeze(-1).numpy() - by_pillow).max() <= 1


def test_arrays_stay_floats_and_full_pictures_are_not_touched() -> None:
    values = pictures(3, torch.float32)
    expected = torch.nn.functional.interpolate(values, size=(12, 16), mode="bilinear", antialias=True)
    assert torch.equal(resized(values, (12, 16)), expected)
    assert resized(values, (30, 26)) is values


class Sizes(torch.nn.Module):
    """Notes the sizes of what a network is given."""

    def __init__(self, network: torch.nn.Module):
        super().__init__()
        self.network = network
        self.seen: list[tuple[int, ...]] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen.append(tuple(x.shape))
        return self.network(x)


def trained(first: int, last: int, **changes: Any) -> list[tuple[int, ...]]:
    made, prepared = recipe(resize=Resize(start=0.5, until=0.5), epochs=2, **changes), digits(64, 0)
    state = State(made, {"num_classes": 10}, CPU)
    state.learner = watched = Sizes(state.network)
    state.step = first
    goal = Goal.of(made, Classify(), prepared)
    for batch in build_loader(made, prepared, CPU).stream(first, last):
        assert isinstance(batch, Batch)
        train_step(state, batch, goal)
    return watched.seen


def test_a_step_decides_the_size_whenever_it_comes() -> None:
    """Four steps of a training; until its half, sides of 8 grow from 4: 4, 6 (rounded to 8), 8, 8."""
    whole = trained(0, 4)
    assert whole == [(32, 1, 4, 4), (32, 1, 8, 8), (32, 1, 8, 8), (32, 1, 8, 8)]
    assert trained(0, 1) + trained(1, 4) == whole


@pytest.mark.parametrize("sizes", [(2, 8), (1, 4, 4, 4)])
def test_what_is_no_picture_is_refused_in_one_line(sizes: tuple[int, ...]) -> None:
    spec = ArraySpec(sizes=sizes, mean=(0,) * sizes[0], std=(1,) * sizes[0])
    with pytest.raises(WrongUse, match=rf"--set resize: .*not \[{sizes[1]}.*; leave it out") as caught:
        Goal.of(recipe(preprocessing=spec, resize=Resize()), Classify(), digits(64, 0))
    assert "\n" not in str(caught.value)


def test_set_takes_it_as_json() -> None:
    assert changed(recipe(), {"resize": '{"start": 0.25}'}).resize == Resize(start=0.25, until=0.8)
    with pytest.raises(WrongUse, match=r"--set.*resize\.start"):
        changed(recipe(), {"resize": '{"start": 0}'})
