"""What sets of volumes and signals are taken for, and what follows from it."""

import io
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch

from plusx.data.modalities import survey
from plusx.data.signal_facts import SignalFacts
from plusx.data.sources import ArraySource, FileSource, Samples
from plusx.data.volume import VolumeSpec
from plusx.data.volume_facts import CT_WINDOW, VolumeFacts
from plusx.model.zoo import ZOO
from plusx.recipes.signals import signals, signals_fine_tune, signals_ladder
from plusx.recipes.volumes import MOST_VOXELS, volumes, volumes_fine_tune, volumes_ladder

VOLUMES: dict[str, Any] = {
    "count": 400,
    "classes": 2,
    "depth": 28,
    "height": 28,
    "width": 28,
    "same_size": True,
    "channels": 1,
    "spacing": None,
    "window": (0.0, 255.0),
    "window_reason": "",
    "mean": (50.0,),
    "std": (60.0,),
}
SIGNALS: dict[str, Any] = {
    "count": 400,
    "classes": 2,
    "length": 150,
    "same_length": True,
    "channels": 3,
    "rate_hz": 50.0,
    "mean": (0.0, 1.0, 2.0),
    "std": (1.0, 2.0, 3.0),
}


def samples(values: np.ndarray, modality: str) -> Samples:
    return Samples(ArraySource(values, "made"), np.arange(len(values)) % 2, ("a", "b"), modality)


def scans(folder: Path, values: list[np.ndarray], spacing: tuple[float, float, float]) -> Samples:
    for number, each in enumerate(values):
        nibabel.save(nibabel.Nifti1Image(each, np.diag([*spacing, 1.0])), folder / f"{number}.nii.gz")
    files = sorted(folder.glob("*.nii.gz"))
    return Samples(FileSource(files), np.arange(len(files)) % 2, ("a", "b"), "volume")


def test_levels_stay_levels():
    values = np.random.default_rng(0).integers(0, 256, (9, 6, 6, 6)).astype(np.uint8)
    facts = survey(samples(values, "volume"))
    assert isinstance(facts, VolumeFacts)
    assert (facts.depth, facts.same_size, facts.channels, facts.spacing) == (6, True, 1, None)
    assert facts.window == (0, 255)
    # Of copies of 16 voxels a side, which are smoother.
    assert facts.mean[0] == pytest.approx(values.mean(), abs=2)


def test_a_ct_is_known_by_its_air_and_an_mr_has_its_own_percentiles(tmp_path: Path):
    random = np.random.default_rng(0)
    ct = [random.integers(-1024, 1500, (5, 6, 7)).astype(np.int16) for _ in range(4)]
    mr = [(random.random((5, 6, 7)) * 10.0**number).astype(np.float32) for number in range(4)]
    for name, values, window in (("ct", ct, CT_WINDOW), ("mr", mr, None)):
        (tmp_path / name).mkdir()
        facts = survey(scans(tmp_path / name, values, (1, 2, 3)))
        assert isinstance(facts, VolumeFacts)
        assert facts.window == window
        assert (facts.depth, facts.height, facts.width) == (7, 6, 5)
        assert facts.spacing == (3, 2, 1)


def test_other_numbers_keep_the_range_of_all():
    values = np.random.default_rng(0).normal(size=(9, 6, 6, 6)) * np.arange(1, 10)[:, None, None, None]
    facts = survey(samples(values, "volume"))
    assert isinstance(facts, VolumeFacts)
    assert facts.window is not None
    assert facts.window[1] == pytest.approx(np.percentile(values[8], 99.5), rel=0.5)


def test_what_a_set_of_signals_is_like():
    table = "time,a,b\n" + "".join(f"{number / 250:.4f},{number % 3},7\n" for number in range(100))
    plain = io.BytesIO()
    np.save(plain, np.zeros((50, 2)))

    class Two(ArraySource):
        def read(self, index: int) -> bytes:
            return plain.getvalue() if index == 0 else table.encode()

    facts = survey(Samples(Two(np.zeros((3, 1)), "made"), np.arange(3) % 2, ("a", "b"), "signal"))
    assert isinstance(facts, SignalFacts)
    assert (facts.length, facts.same_length, facts.channels, facts.rate_hz) == (100, False, 2, 250)
    # Two of three signals are 0, 1, 2, 0, ... and 7; one is 0.
    assert facts.mean == pytest.approx((2 / 3 * 0.99, 14 / 3), rel=1e-3)


@pytest.mark.parametrize("side", [5, 16, 28, 40, 64, 200])
def test_every_rung_for_volumes_is_a_network_for_them(side: int):
    facts = VolumeFacts(**{**VOLUMES, "depth": side, "height": side, "width": side})
    for recipe in (volumes(facts), volumes_fine_tune(facts), *volumes_ladder(facts)):
        channels, *space = recipe.preprocessing.shape
        assert np.prod(space) <= MOST_VOXELS * 1.05
        with torch.device("meta"):
            net = ZOO[recipe.model](**{"in_channels": channels, **recipe.model_options})
            assert net(torch.empty(2, channels, *space)).shape == (2, 10)
        assert recipe.reasons.keys() >= {"preprocessing", "model", "augment"}
    costs = [_weights(recipe.model, recipe.model_options) for recipe in volumes_ladder(facts)]
    assert costs == sorted(costs)


def test_small_maps_are_not_trained_in_bfloat16():
    tiny = VolumeFacts(**{**VOLUMES, "depth": 8, "height": 8, "width": 8})
    assert volumes(tiny).precision == "float32"
    assert "bfloat16" in volumes(tiny).reasons["precision"]
    assert volumes(VolumeFacts(**VOLUMES)).precision == "auto"


def test_scans_of_different_sizes_get_one_spacing():
    facts = VolumeFacts(
        **{**VOLUMES, "depth": 40, "height": 256, "width": 256, "same_size": False, "spacing": (5.0, 0.8, 0.8)}
    )
    spec = volumes(facts).preprocessing
    assert isinstance(spec, VolumeSpec)
    assert spec.spacing is not None
    step = spec.spacing[0]
    assert spec.spacing == (step, step, step)
    for count, length in zip((spec.depth, spec.height, spec.width), (200, 204.8, 204.8), strict=True):
        assert 0 <= count * step - length < step


def test_arrays_of_different_sizes_are_stretched():
    spec = volumes(VolumeFacts(**{**VOLUMES, "depth": 100, "same_size": False})).preprocessing
    assert isinstance(spec, VolumeSpec)
    assert (spec.depth, spec.height, spec.fit) == (100, 28, "stretch")


@pytest.mark.parametrize("length", [1, 5, 150, 1000, 20_000])
def test_every_rung_for_signals_is_a_network_for_them(length: int):
    facts = SignalFacts(**{**SIGNALS, "length": length})
    for recipe in (signals(facts), signals_fine_tune(facts), *signals_ladder(facts)):
        with torch.device("meta"):
            net = ZOO[recipe.model](**{"in_channels": 3, **recipe.model_options})
            assert net(torch.empty(2, 3, length)).shape == (2, 10)
    costs = [_weights(recipe.model, recipe.model_options) for recipe in signals_ladder(facts)]
    assert costs == sorted(costs)


def _weights(model: str, options: dict[str, Any]) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in ZOO[model](**options).parameters())
