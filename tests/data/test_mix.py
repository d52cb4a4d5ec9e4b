"""Mixing in pairs: hand-computed cases, distributions against SciPy's, and slices as the whole."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import stats
from torch import Tensor
from torch.nn import functional
from torchvision.transforms.v2 import functional as torchvision

from plusx.data.mix import Mix, beta_quantile, cutmix, mixup, one_hot


def made(count: int, *shape: int, draws: int = Mix.draws, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """(inputs, targets, u): uint8, one-hot of 5 classes."""
    random = torch.Generator().manual_seed(seed)
    inputs = torch.randint(0, 256, (count, *shape), dtype=torch.uint8, generator=random)
    targets = functional.one_hot(torch.randint(0, 5, (count,), generator=random), 5).float()
    return inputs, targets, torch.rand(count, draws, generator=random)


def test_mixup_by_hand():
    inputs = torch.tensor([[0.0, 8.0], [4.0, 0.0], [1.0, 2.0]])
    mixed, targets = mixup(inputs, torch.eye(3), torch.tensor([0.75, 0.75, 0.1]))
    assert mixed.tolist() == [[1.0, 6.0], [3.0, 2.0], [1.0, 2.0]]
    assert targets.tolist() == [[0.75, 0.25, 0.0], [0.25, 0.75, 0.0], [0.0, 0.0, 1.0]]


def test_mixup_keeps_uint8_rounded():
    inputs = torch.tensor([[0], [255]], dtype=torch.uint8)
    mixed, _ = mixup(inputs, torch.eye(2), torch.tensor([0.9, 0.9]))
    assert mixed.dtype == torch.uint8
    assert mixed.flatten().tolist() == [26, 230]


def test_cutmix_by_hand():
    inputs = torch.stack([torch.full((1, 4, 4), 1), torch.full((1, 4, 4), 2)]).to(torch.uint8)
    # Half of each side, around the middle (2, 2), and around the corner (0, 0), where three quarters stick out.
    for place, rows, share in ((0.5, slice(1, 3), 12 / 16), (0.0, slice(0, 1), 15 / 16)):
        mixed, targets = cutmix(inputs, torch.eye(2), torch.tensor([0.75, 0.75]), torch.full((2, 2), place))
        expected = inputs.clone()
        expected[:, :, rows, rows] = inputs.flip(0)[:, :, rows, rows]
        assert torch.equal(mixed, expected)
        assert targets.tolist() == [[share, 1 - share], [1 - share, share]]


@pytest.mark.parametrize("size", [(9, 12), (20,), (5, 6, 7)])
@given(share=st.floats(0, 1, width=32), place=st.floats(0, 1 - 2**-24, width=32))
@settings(max_examples=40, deadline=None)
def test_a_boxs_area_is_its_share_of_the_target(size: tuple[int, ...], share: float, place: float):
    inputs = torch.stack([torch.zeros(1, *size), torch.ones(1, *size)])
    mixed, targets = cutmix(inputs, torch.eye(2), torch.full((2,), share), torch.full((2, len(size)), place))
    assert torch.allclose(mixed.flatten(1).mean(1), targets[:, 1], atol=1e-6)
    assert torch.allclose(targets.sum(1), torch.ones(2))
    # Cut off at the border and to whole pixels, a box never shows more of the partner than asked.
    assert targets[0, 1] <= 1 - share + 1e-6


def test_as_torchvision():
    """torchvision mixes the whole batch with one share; ours of one pair is its mixing with the batch rolled by one."""
    inputs, targets, _ = made(2, 3, 8, 8)
    ours, shares = mixup(inputs.float(), targets, torch.tensor([0.3, 0.3]))
    rolled = inputs.float().roll(1, 0)
    assert torch.allclose(ours, inputs.float() * 0.3 + rolled * 0.7, atol=1e-4)
    assert torch.allclose(shares, targets * 0.3 + targets.roll(1, 0) * 0.7)
    box, _ = cutmix(inputs, targets, torch.tensor([0.75, 0.75]), torch.full((2, 2), 0.5))
    pasted = [torchvision.erase(inputs[k], 2, 2, 4, 4, inputs[1 - k][:, 2:6, 2:6]) for k in range(2)]
    assert torch.equal(box, torch.stack(pasted))


@pytest.mark.parametrize("alpha", [0.1, 0.2, 1.0, 3.0])
def test_shares_are_beta_distributed(alpha: float):
    u = torch.rand(20_000, generator=torch.Generator().manual_seed(0))
    shares = beta_quantile(u, alpha)
    # The lower half, because a small alpha gives many shares that only differ from 1 by less than float32 can.
    lower = shares[u < 0.5].double().numpy()
    assert stats.kstest(lower, lambda x: 2 * stats.beta(alpha, alpha).cdf(x)).pvalue > 0.01
    assert torch.allclose(beta_quantile(1 - u, alpha), 1 - shares, atol=1e-6)
    ends = beta_quantile(torch.tensor([0.0, 1 - 2**-24]), alpha)
    assert ((ends >= 0) & (ends <= 1)).all()


def test_shares_in_a_batch_are_beta_distributed():
    """Seen in the targets of pairs whose classes differ."""
    count = 8000
    targets = functional.one_hot(torch.arange(count) % 2, 2).float()
    _, _, u = made(count, 1)
    inputs = torch.zeros(count, 1, 200, 200, dtype=torch.uint8).expand(count, 1, 200, 200)
    own = Mix(mixup=0.8, cutmix=0)(inputs[:, :, :1, :1], targets, u)[1][::2, 0]
    assert stats.kstest(own.double().numpy(), stats.beta(0.8, 0.8).cdf).pvalue > 0.01


@pytest.mark.parametrize("mix", [Mix(), Mix(mixup=0), Mix(cutmix=0), Mix(probability=0.5), Mix(switch=0.9)], ids=str)
@given(first=st.integers(0, 12), half=st.integers(1, 12), seed=st.integers(0, 100))
@settings(max_examples=20, deadline=None)
def test_a_slice_is_mixed_as_in_the_whole_batch(mix: Mix, first: int, half: int, seed: int):
    inputs, targets, u = made(48, 3, 7, 9, seed=seed)
    some = slice(2 * first, 2 * first + 2 * half)
    whole, part = mix(inputs, targets, u), mix(inputs[some], targets[some], u[some])
    assert torch.equal(whole[0][some], part[0])
    assert torch.equal(whole[1][some], part[1])


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_only_the_first_of_a_pairs_numbers_count_and_the_last_stays_alone(dtype: torch.dtype):
    inputs, targets, u = made(9, 3, 7, 9)
    inputs = inputs.to(dtype)
    mixed = Mix()(inputs, targets, u)
    u[1::2] = 0.123
    again = Mix()(inputs, targets, u)
    assert torch.equal(mixed[0], again[0])
    assert torch.equal(mixed[1], again[1])
    assert torch.equal(mixed[0][8], inputs[8])
    assert torch.equal(mixed[1][8], targets[8])
    assert torch.allclose(mixed[1].sum(1), torch.ones(9))
    # What one of a pair gives, the other takes.
    assert torch.allclose(mixed[1][:8].view(4, 2, 5).sum(1), targets[:8].view(4, 2, 5).sum(1))


def test_switch_and_probability_choose_pairs():
    inputs = torch.tensor([0, 200], dtype=torch.uint8).repeat(2000)[:, None, None, None].expand(4000, 1, 20, 20)
    targets = functional.one_hot(torch.arange(4000) % 2, 2).float()
    _, _, u = made(4000, 1)
    mixed = Mix(mixup=1, cutmix=1, probability=0.8, switch=0.25)(inputs, targets, u)[0][::2].flatten(1)
    blended = ((mixed > 0) & (mixed < 200)).any(1)
    cut = (mixed == 200).any(1) & (mixed == 0).any(1)
    assert blended.float().mean().item() == pytest.approx(0.8 * 0.75, abs=0.03)
    assert cut.float().mean().item() == pytest.approx(0.8 * 0.25, abs=0.03)
    assert torch.equal(Mix(probability=0)(inputs, targets, u)[0], inputs)
    assert torch.equal(Mix(mixup=0, cutmix=0)(inputs, targets, u)[1], targets)


@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("mix", [Mix(mixup=0), Mix(cutmix=0), Mix()], ids=str)
def test_the_input_stays_and_so_do_type_shape_and_layout(mix: Mix, channels_last: bool):
    inputs, targets, u = made(12, 3, 10, 12)
    inputs = inputs.contiguous(memory_format=torch.channels_last if channels_last else torch.contiguous_format)
    before = inputs.clone()
    mixed, shares = mix(inputs, targets, u)
    assert torch.equal(inputs, before)
    assert not torch.equal(mixed, inputs)
    assert (mixed.dtype, mixed.shape, mixed.stride()) == (inputs.dtype, inputs.shape, inputs.stride())
    assert (shares.dtype, shares.shape) == (torch.float32, targets.shape)


@pytest.mark.parametrize("shape", [(4, 1), (4, 30), (1, 5, 6, 7)])
def test_sounds_and_volumes_mix_too(shape: tuple[int, ...]):
    inputs, targets, u = made(40, *shape)
    mixed, shares = Mix()(inputs.float(), targets, u)
    assert mixed.shape == inputs.shape
    assert torch.allclose(shares.sum(1), torch.ones(40))


def test_several_labels_mix_likewise():
    labels = torch.tensor([[1, 1, 0], [0, 1, 1]], dtype=torch.uint8)
    _, shares = mixup(torch.zeros(2, 1), one_hot(labels, 3), torch.tensor([0.75, 0.75]))
    assert shares.tolist() == [[0.75, 1.0, 0.25], [0.25, 1.0, 0.75]]
    assert one_hot(torch.tensor([2, 0]), 3).tolist() == [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]


def test_it_refuses_what_it_does_not_know():
    with pytest.raises(ValidationError):
        Mix.model_validate({"alpha": 1})
    with pytest.raises(ValidationError):
        Mix(mixup=-1)
