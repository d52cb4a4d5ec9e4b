"""What holds for every augmentation of sounds, and what each does to a tone."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from waves import as_int16, tone

from plusx.data.augment import SUITED, Augmentation, gain, noise, speed, time_shift

CASES = {name: kind() for name, kind in SUITED["sound"].items()}


def drawn(count: int, samples: int, draws: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    sounds = torch.randint(-32768, 32768, (count, samples, 1), generator=random).to(torch.int16).movedim(-1, 1)
    return sounds, torch.rand(count, draws, generator=random)


@pytest.mark.parametrize("augmentation", CASES.values(), ids=CASES.keys())
class TestEvery:
    def test_the_input_stays_and_so_do_type_and_shape(self, augmentation) -> None:
        sounds, u = drawn(12, 4000, augmentation.draws)
        before = sounds.clone()
        result = augmentation(sounds, u)
        assert torch.equal(sounds, before)
        assert not torch.equal(result, before)
        assert (result.dtype, result.shape) == (torch.int16, sounds.shape)

    @given(first=st.integers(0, 20), count=st.integers(1, 20), seed=st.integers(0, 1000))
    @settings(max_examples=15, deadline=None)
    def test_no_example_depends_on_its_neighbours(self, augmentation, first: int, count: int, seed: int) -> None:
        sounds, u = drawn(40, 333, augmentation.draws, seed)
        some = slice(first, first + count)
        assert torch.equal(augmentation(sounds, u)[some], augmentation(sounds[some], u[some]))

    def test_the_extreme_numbers_and_the_shortest_sounds_are_no_exceptions(self, augmentation) -> None:
        for samples in (1, 2, 50):
            sounds, u = drawn(3, samples, augmentation.draws)
            for extreme in (0.0, 1 - 2**-24):
                assert augmentation(sounds, torch.full_like(u, extreme)).shape == sounds.shape

    def test_silence_stays_silence(self, augmentation) -> None:
        assert not augmentation(torch.zeros(2, 1, 100, dtype=torch.int16), torch.rand(2, augmentation.draws)).any()

    def test_a_recipe_reads_it_back(self, augmentation) -> None:
        reader = TypeAdapter(Augmentation)
        assert reader.validate_json(reader.dump_json(augmentation)) == augmentation


def one(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(as_int16(values))[None, None]


def test_a_shift_goes_both_ways_as_far_as_its_reach() -> None:
    sounds = torch.arange(1, 6, dtype=torch.int16).repeat(3, 1, 1)
    moved = time_shift(sounds, torch.tensor([[0.0], [0.5], [0.999]]), reach=2)
    assert moved[:, 0].tolist() == [[3, 4, 5, 0, 0], [1, 2, 3, 4, 5], [0, 0, 1, 2, 3]]


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.25])
def test_speed_changes_the_pitch_by_its_factor(factor: float) -> None:
    changed = speed(one(tone(400)), torch.tensor([[0.5]]), factor, factor)[0, 0].double().numpy()
    # The middle alone: at the ends, a faster sound is over.
    loudest = np.abs(np.fft.rfft(changed[4000:12_000] * np.hanning(8000))).argmax() * 2
    assert loudest == pytest.approx(400 * factor, abs=2)


@pytest.mark.parametrize(("u", "factor"), [(0.0, 0.5), (0.5, 1.0), (1.0, 2.0)])
def test_six_decibels_are_a_factor_of_two(u: float, factor: float) -> None:
    loud = gain(one(tone(400, level=0.4)), torch.tensor([[u]]), decibels=6.0206)
    assert loud.max() / 32_767 == pytest.approx(0.4 * factor, rel=1e-3)


@pytest.mark.parametrize("place", [0.2, 0.7])
def test_noise_lies_so_many_decibels_below_the_sound(place: float) -> None:
    clean = one(tone(400, seconds=4))
    added = (noise(clean, torch.tensor([[0.0, place, 0.3]]), 1, 20, 20) - clean).double()
    ratio = clean.double().square().mean() / added.square().mean()
    assert 10 * ratio.log10() == pytest.approx(20, abs=0.3)
    assert torch.equal(noise(clean, torch.tensor([[0.9, place, 0.3]]), 0.8, 20, 20), clean)
