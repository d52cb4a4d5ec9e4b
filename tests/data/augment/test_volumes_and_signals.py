"""Volumes' and signals' augmentations against loops over single examples, and what holds for each of them."""

import math

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from plusx.data.augment import (
    AUGMENTATIONS,
    SUITED,
    Augmentation,
    intensity,
    signal_noise,
    signal_scale,
    signal_shift,
    volume_flip,
    volume_shift,
)

VOLUMES = list(SUITED["volume"])
SIGNALS = list(SUITED["signal"])


def drawn(name: str, count: int = 8, seed: int = 0) -> tuple[Augmentation, Tensor, Tensor]:
    """An augmentation, examples as the loader gives them, and numbers for them."""
    one = AUGMENTATIONS[name]()
    random = torch.Generator().manual_seed(seed)
    if name in VOLUMES:
        examples = torch.randint(0, 256, (count, 5, 6, 7, 2), generator=random).to(torch.float16).movedim(-1, 1)
    else:
        examples = torch.randn(count, 40, 3, generator=random).movedim(-1, 1)
    return one, examples, torch.rand(count, one.draws, generator=random)


@pytest.mark.parametrize("name", VOLUMES + SIGNALS)
class TestEach:
    def test_the_input_stays_and_so_do_type_and_shape(self, name: str):
        one, examples, u = drawn(name)
        before = examples.clone()
        result = one(examples, u)
        assert torch.equal(examples, before)
        assert not torch.equal(result, before)
        assert (result.dtype, result.shape) == (examples.dtype, examples.shape)
        assert result.isfinite().all()

    def test_no_example_depends_on_its_neighbours(self, name: str):
        one, examples, u = drawn(name, 20)
        whole = one(examples, u)
        for first, count in ((0, 1), (3, 5), (19, 1)):
            some = slice(first, first + count)
            assert torch.equal(whole[some], one(examples[some], u[some]))

    def test_the_extreme_numbers_and_the_smallest_examples_are_no_exceptions(self, name: str):
        one, examples, u = drawn(name)
        smallest = examples[(..., *[slice(1)] * (examples.ndim - 2))]
        for extreme in (0.0, 1 - 2**-24):
            assert one(examples, torch.full_like(u, extreme)).isfinite().all()
            assert one(smallest, torch.full_like(u, extreme)).shape == smallest.shape

    def test_a_recipe_reads_it_back_and_refuses_what_it_does_not_know(self, name: str):
        reader = TypeAdapter(Augmentation)
        one = AUGMENTATIONS[name]()
        assert reader.validate_json(reader.dump_json(one)) == one
        with pytest.raises(ValidationError):
            reader.validate_python({"name": name, "no_such_setting": 1})


def test_a_volume_moves_by_whole_voxels():
    _, volumes, u = drawn("volume_shift")
    for volume, number, result in zip(volumes.numpy(), u.numpy(), volume_shift(volumes, u, 2).numpy(), strict=True):
        moves = [math.floor(each * 5) - 2 for each in number]
        padded = np.pad(volume, [(0, 0), *[(2, 2)] * 3], mode="edge")
        starts = [2 - move for move in moves]
        window = tuple(slice(start, start + size) for start, size in zip(starts, volume.shape[1:], strict=True))
        assert (result == padded[(slice(None), *window)]).all()


def test_a_volume_is_mirrored_along_the_axes_that_were_named():
    _, volumes, u = drawn("volume_flip")
    results = volume_flip(volumes, u, ("depth", "width"), 0.4)
    for volume, number, result in zip(volumes.numpy(), u.numpy(), results.numpy(), strict=True):
        axes = [axis for axis, place in ((1, 0), (3, 2)) if number[place] < 0.4]
        assert (result == np.flip(volume, axes)).all()


def test_intensity_is_a_line_cut_off_at_both_ends():
    _, volumes, u = drawn("intensity")
    results = intensity(volumes, u, 0.5, 0.2)
    for volume, number, result in zip(volumes.numpy(), u.numpy().astype(float), results.numpy(), strict=True):
        line = volume.astype(float) * (0.5 + number[0]) + 0.2 * 255 * (2 * number[1] - 1)
        # Half precision has 11 bits.
        np.testing.assert_allclose(result, line.clip(0, 255), atol=0.07)


def test_a_signal_moves_by_whole_samples():
    _, signals, u = drawn("signal_shift")
    for signal, number, result in zip(signals.numpy(), u.numpy(), signal_shift(signals, u, 7).numpy(), strict=True):
        move = math.floor(number[0] * 15) - 7
        padded = np.pad(signal, ((0, 0), (7, 7)), mode="edge")
        assert (result == padded[:, 7 - move : 47 - move]).all()


def test_a_signal_is_scaled_by_one_factor():
    _, signals, u = drawn("signal_scale")
    ratio = signal_scale(signals, u, 0.3) / signals
    torch.testing.assert_close(ratio, (0.7 + 0.6 * u)[:, :, None].expand_as(ratio))


def test_noise_is_white_of_the_asked_strength_and_another_one_for_each():
    signals = torch.randn(50, 2, 400, generator=torch.Generator().manual_seed(1)) * torch.tensor([1.0, 5.0])[:, None]
    u = torch.rand(50, 2, generator=torch.Generator().manual_seed(2))
    added = signal_noise(signals, u, 0.4) - signals
    noise = added / signals.std(2, keepdim=True, correction=0) / (0.4 * u[:, :1, None])
    assert noise.mean().abs() < 0.02
    assert noise.std().item() == pytest.approx(1, abs=0.02)
    flat = noise.flatten(1)
    # Of 800 numbers each: neither examples nor neighbouring samples go together.
    assert (torch.corrcoef(flat) - torch.eye(50)).abs().max() < 0.2
    assert (noise[..., 1:] * noise[..., :-1]).mean().abs() < 0.02
