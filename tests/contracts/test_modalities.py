"""Every modality keeps the promises that cache, loader, network and archive rely on."""

import numpy as np
import pytest
import torch

from plusx.data.array import ArraySpec
from plusx.data.cache import Prepared, prepare_samples, stored_shape
from plusx.data.image import BadSample, ImageSpec
from plusx.data.loader import Loader
from plusx.data.modalities import MODALITIES, Spec, spec_from_json
from plusx.data.signal import SignalSpec
from plusx.data.sound import SoundSpec
from plusx.data.sources import ArraySource, Samples
from plusx.data.text import TextSpec
from plusx.data.volume import VolumeSpec
from plusx.model.fronts import FRONTS, with_front

EXAMPLES: dict[str, tuple[Spec, np.ndarray]] = {
    "image": (
        ImageSpec(height=6, width=5, channels=3, mean=(10, 20, 30), std=(1, 2, 3)),
        np.random.default_rng(0).integers(0, 256, (7, 6, 5, 3), dtype=np.uint8),
    ),
    "sound": (
        SoundSpec(samples=50, front="waveform", mean=10, std=2000),
        np.random.default_rng(0).integers(-32768, 32768, (7, 50, 1)).astype(np.int16),
    ),
    "array": (
        ArraySpec(sizes=(2, 9), mean=(1, -1), std=(2, 3)),
        np.random.default_rng(0).normal(size=(7, 9, 2)).astype(np.float32),
    ),
    "text": (
        TextSpec(length=9),
        np.stack([TextSpec(length=9).prepare(f"te\u0445t {n} end".encode()) for n in range(7)]),
    ),
    "volume": (
        VolumeSpec(depth=4, height=6, width=5, channels=2, window=(0, 255), mean=(10, 20), std=(1, 2)),
        np.random.default_rng(0).integers(0, 256, (7, 4, 6, 5, 2)).astype(np.float16),
    ),
    "signal": (
        SignalSpec(length=9, channels=2, rate_hz=50, mean=(1, -1), std=(2, 3)),
        np.random.default_rng(0).normal(size=(7, 9, 2)).astype(np.float32),
    ),
}


def test_every_modality_has_an_example_here_and_a_front() -> None:
    assert MODALITIES.keys() == EXAMPLES.keys() == FRONTS.keys()


def samples(values: np.ndarray) -> Samples:
    return Samples(ArraySource(values, "made"), np.arange(len(values)) % 2, ("a", "b"))


@pytest.mark.parametrize(("spec", "values"), EXAMPLES.values(), ids=EXAMPLES.keys())
class TestModality:
    def test_its_spec_comes_back_from_json(self, spec: Spec, values: np.ndarray) -> None:
        assert spec_from_json(spec.model_dump(mode="json")) == spec

    def test_prepared_values_have_the_shape_and_type_it_says(self, spec: Spec, values: np.ndarray) -> None:
        prepared = spec.prepare(values[0])
        assert prepared.shape == stored_shape(spec)
        assert prepared.dtype == spec.dtype
        np.testing.assert_array_equal(prepared, values[0])

    def test_rubbish_is_a_bad_sample(self, spec: Spec, values: np.ndarray) -> None:
        for rubbish in (b"", b"rubbish\xff", np.zeros((2, 2, 2, 2, 2), np.float32)):
            with pytest.raises(BadSample) as caught:
                spec.prepare(rubbish)
            assert caught.value.reason

    def test_cached_streamed_and_given_are_the_same_batches(self, spec: Spec, values: np.ndarray, own_cache) -> None:
        ways = [
            prepare_samples(samples(values), spec, cache=own_cache),
            prepare_samples(samples(values), spec, cache=None),
            Prepared.of(samples(values), spec, values),
        ]
        batches = [Loader(way, 4, seed=3).batch(1) for way in ways]
        for batch in batches:
            assert batch.inputs.shape == (4, *spec.shape)
            assert torch.equal(batch.inputs, batches[0].inputs)
            assert torch.equal(batch.targets, batches[0].targets)

    def test_its_front_normalises_each_channel_and_leaves_bytes(self, spec: Spec, values: np.ndarray) -> None:
        front = with_front(spec.model_dump(mode="json"), torch.nn.Identity())
        given = torch.from_numpy(np.moveaxis(values, -1, 1).copy())
        if isinstance(spec, TextSpec):
            assert torch.equal(front(given), given)
            return
        expected = np.moveaxis((values - np.array(spec.mean)) / np.array(spec.std), -1, 1)
        np.testing.assert_allclose(front(given).numpy(), expected, rtol=1e-5, atol=1e-5)
