"""The front of sounds: the same numbers as mel.py's, in any precision of the rest, and exported."""

import numpy as np
import pytest
import torch

from plusx.data.sound import SoundSpec
from plusx.model.fronts import with_front
from plusx.model.resnet import ResNet

SPECS = {
    "a second": SoundSpec(samples=16_000, mean=-7, std=3),
    "bands as channels": SoundSpec(samples=16_000, bands="channels"),
    "no whole hops": SoundSpec(samples=5_003, window_ms=31, hop_ms=7, mels=64, low_hz=50, high_hz=7600),
    "a window of whole hops": SoundSpec(samples=4_000, window_ms=30),
    "a slow rate": SoundSpec(samples=3_999, rate=8_000),
    "shorter than a window": SoundSpec(samples=100),
}


def sounds(spec: SoundSpec, count: int = 3) -> torch.Tensor:
    values = np.random.default_rng(0).integers(-32768, 32768, (count, *spec.shape))
    return torch.from_numpy(values.astype(np.int16))


def front(spec: SoundSpec) -> torch.nn.Module:
    return with_front(spec.model_dump(mode="json"), torch.nn.Identity())


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
def test_is_the_survey_s_log_mel_normalised(spec: SoundSpec) -> None:
    given = sounds(spec)
    found = front(spec)(given)
    assert found.shape == (3, *spec.features)
    expected = np.stack([(spec.mel.log_mel(one[0].numpy()) - spec.mean) / spec.std for one in given])
    np.testing.assert_allclose(found.reshape(expected.shape).numpy(), expected, atol=1e-4)


def test_is_computed_in_float32_where_the_rest_is_not() -> None:
    spec = SPECS["a second"]
    exact = front(spec)(sounds(spec))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(front(spec)(sounds(spec)), exact)


@pytest.mark.parametrize("options", [{}, {"bands": "channels"}, {"front": "waveform"}])
def test_is_part_of_the_exported_graph_for_any_batch(options: dict[str, str]) -> None:
    spec = SoundSpec.model_validate({"samples": 3200, **options})
    dims = len(spec.features) - 1
    net = ResNet([1, 1], 4, dims=dims, in_channels=spec.features[0])
    whole = with_front(spec.model_dump(mode="json"), net).eval()
    program = torch.export.export(whole, (sounds(spec),), dynamic_shapes=({0: torch.export.Dim("batch")},))
    for count in (1, 5):
        torch.testing.assert_close(program.module()(sounds(spec, count)), whole(sounds(spec, count)))


def test_stores_nothing_beside_the_networks_weights() -> None:
    assert front(SPECS["a second"]).state_dict() == {}
