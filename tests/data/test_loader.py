import threading
import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from plusx.data.augment import (
    SUITED,
    Augmentation,
    Crop,
    Cutout,
    Erase,
    Flip,
    RandAugment,
    Shift,
    TrivialAugment,
    Warp,
)
from plusx.data.cache import Prepared, prepare_samples
from plusx.data.image import ImageSpec
from plusx.data.loader import Batch, Loader, in_order, steps_for
from plusx.data.mix import Mix
from plusx.data.order import Balanced, Repeated, Uniform, samples_at, uniform
from plusx.data.samples import ArraySource, Samples

ALL: tuple[Augmentation, ...] = (
    *(Flip(), Shift(), Crop(), Warp(elastic=1), Cutout(size=2)),
    *(Erase(probability=1), TrivialAugment(), RandAugment()),
)


def made(count: int = 10, channels: int = 3) -> Prepared:
    pixels = np.random.default_rng(0).integers(0, 256, (count, 6, 8, channels), np.uint8)
    pixels[:, 0, 0, 0] = np.arange(count)
    samples = Samples(ArraySource(pixels, "made"), np.arange(count) % 3, ("a", "b", "c"))
    spec = ImageSpec(height=6, width=8, channels=3 if channels == 3 else 1)
    return prepare_samples(samples, spec, cache=None, threads=1)


def loaders() -> int:
    return sum(thread.name.startswith("loader") for thread in threading.enumerate())


def same(one: Batch, other: Batch) -> bool:
    return torch.equal(one.inputs, other.inputs) and torch.equal(one.targets, other.targets)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_batch_is_what_order_says(channels: int):
    prepared = made(channels=channels)
    for step in range(6):
        batch = Loader(prepared, 4, seed=5).batch(step)
        _, indices = samples_at(np.arange(4 * step, 4 * step + 4), 10, 5)
        assert batch.inputs[:, 0, 0, 0].tolist() == indices.tolist()
        assert (batch.inputs.numpy() == prepared.gather(indices).transpose(0, 3, 1, 2)).all()
        assert batch.targets.tolist() == (indices % 3).tolist()
        assert batch.inputs.dtype == torch.uint8
        assert batch.targets.dtype == torch.int64
        assert batch.inputs.is_contiguous(memory_format=torch.channels_last)


def test_all_of_the_pictures_augmentations_are_here():
    assert {type(each) for each in ALL} == set(SUITED["image"].values())


@settings(max_examples=30)
@given(first=st.integers(0, 20), count=st.integers(0, 6))
def test_a_stream_may_begin_anywhere(first: int, count: int):
    loader = Loader(PREPARED, 4, seed=1, augmentations=ALL)
    streamed = list(loader.stream(first, first + count))
    assert len(streamed) == count
    fresh = Loader(PREPARED, 4, seed=1, augmentations=ALL)
    for step in reversed(range(count)):
        assert same(fresh.batch(first + step), streamed[step])
    assert loaders() == 0


def test_what_happens_to_an_example_does_not_depend_on_the_batch_size():
    small, large = (Loader(PREPARED, size, seed=1, augmentations=ALL) for size in (5, 30))
    inputs = torch.cat([small.batch(step).inputs for step in range(6)])
    assert torch.equal(inputs, large.batch(0).inputs)


def test_epochs_seeds_and_repeated_augmentations_differ():
    one = made(1)
    batch = Loader(one, 40, seed=0, augmentations=(Shift(),)).batch(0).inputs
    assert len({tuple(each.flatten().tolist()) for each in batch}) > 10
    twice = Loader(one, 40, seed=0, augmentations=(Flip(), Flip())).batch(0).inputs
    assert any(not torch.equal(each, twice[0]) for each in twice)
    assert not torch.equal(Loader(one, 40, 1, (Shift(),)).batch(0).inputs, batch)


def test_batches_follow_the_order_they_are_given():
    order = Balanced(PREPARED.targets, seed=2)
    loader = Loader(PREPARED, 6, seed=1, order=order)
    for step in range(4):
        batch = loader.batch(step)
        assert batch.inputs[:, 0, 0, 0].tolist() == order.at(np.arange(6 * step, 6 * step + 6))[1].tolist()
        assert torch.bincount(batch.targets).tolist() == [2, 2, 2]


def test_repeats_meet_other_augmentations():
    augmented = Loader(made(1), 8, seed=0, augmentations=(Shift(),)).batch(0).inputs
    repeated = Loader(made(1), 8, seed=0, augmentations=(Shift(),), order=Repeated(Uniform(1, 0), 4)).batch(0).inputs
    assert torch.equal(augmented[[0, 4, 1, 5, 2, 6, 3, 7]], repeated)
    assert len({tuple(each.flatten().tolist()) for each in repeated}) > 3


def test_several_labels_are_shares_of_1():
    pixels = PREPARED.gather(np.arange(10))
    targets = np.random.default_rng(0).integers(0, 2, (10, 3), np.uint8)
    prepared = Prepared.of(Samples(ArraySource(pixels, "made"), targets, ("a", "b", "c")), PREPARED.spec, pixels)
    batch = Loader(prepared, 4, seed=5).batch(1)
    assert batch.targets.dtype == torch.float32
    assert batch.targets.tolist() == targets[samples_at(np.arange(4, 8), 10, 5)[1]].tolist()
    assert torch.cat([each.targets for each in in_order(prepared, 4)]).tolist() == targets.tolist()


def test_pairs_are_mixed_by_numbers_of_their_own():
    plain, mixed = Loader(PREPARED, 8, 3, ALL).batch(2), Loader(PREPARED, 8, 3, ALL, mix=Mix()).batch(2)
    epochs, indices = samples_at(np.arange(16, 24), 10, 3)
    u = torch.from_numpy(uniform(3, epochs, indices, len(ALL), Mix.draws))
    inputs, targets = Mix()(plain.inputs, torch.eye(3)[plain.targets], u)
    assert same(mixed, Batch(inputs, targets))
    assert not torch.equal(mixed.inputs, plain.inputs)


@pytest.mark.parametrize("middle", [2, 6])
def test_parts_of_a_batch_are_mixed_as_the_whole(middle: int):
    whole = Loader(PREPARED, 8, 3, ALL, mix=Mix()).batch(5)
    parts = [
        Loader(PREPARED, 8, 3, ALL, mix=Mix(), part=part).batch(5) for part in (slice(0, middle), slice(middle, 8))
    ]
    assert same(whole, Batch(*(torch.cat(each) for each in zip(*parts, strict=True))))


def test_a_consumer_that_stops_ends_the_thread():
    stream = Loader(PREPARED, 4, seed=1).stream(0, 1000)
    next(stream)
    assert loaders() == 1
    stream.close()
    assert loaders() == 0


def test_errors_in_the_thread_reach_the_consumer(monkeypatch):
    loader = Loader(PREPARED, 4, seed=1)
    expected = [loader.batch(step) for step in range(2)]
    pairs = Prepared.pairs
    calls = iter(range(5))

    def break_third(prepared: Prepared, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if next(calls) == 2:
            raise RuntimeError("broken disk")
        return pairs(prepared, indices)

    monkeypatch.setattr(Prepared, "pairs", break_third)
    stream = loader.stream(0, 5)
    assert same(next(stream), expected[0])
    assert same(next(stream), expected[1])
    with pytest.raises(RuntimeError, match="broken disk"):
        next(stream)
    assert loaders() == 0


def test_one_batch_is_gathered_while_another_is_used(monkeypatch):
    threads: list[str] = []
    pairs = Prepared.pairs

    def spy(prepared: Prepared, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        threads.append(threading.current_thread().name)
        return pairs(prepared, indices)

    monkeypatch.setattr(Prepared, "pairs", spy)
    stream = Loader(PREPARED, 4, seed=1).stream(0, 5)
    next(stream)
    until = time.monotonic() + 5
    while len(threads) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.05)
    assert len(threads) == 2, "one ahead, and no more"
    assert all(name.startswith("loader") for name in threads)
    stream.close()


@pytest.mark.parametrize("batch_size", [1, 3, 5, 10, 64])
def test_in_order_gives_everything_once(batch_size: int):
    batches = list(in_order(PREPARED, batch_size))
    assert all(len(batch.inputs) <= batch_size for batch in batches)
    assert len(batches) == steps_for(1, 10, batch_size)
    inputs = torch.cat([batch.inputs for batch in batches])
    assert (inputs.numpy() == PREPARED.gather(np.arange(10)).transpose(0, 3, 1, 2)).all()
    assert torch.cat([batch.targets for batch in batches]).tolist() == PREPARED.targets.tolist()


PREPARED = made()
