"""A whitened first layer: its answers are uncorrelated, it does not learn, and a run with it is exact."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from jobs import SPEC, digits, job, recipe
from sklearn.decomposition import PCA
from test_loop import StopAt, assert_bit_equal
from worlds import in_world, training

from plusx.data.array import ArraySpec
from plusx.data.cache import Prepared
from plusx.data.image import ImageSpec
from plusx.data.sources import ArraySource, Samples
from plusx.errors import WrongUse
from plusx.model.fronts import with_front
from plusx.training.groups import first_convolution
from plusx.training.loop import fit
from plusx.training.recipe import Muon, Recipe
from plusx.training.state import State
from plusx.training.whiten import PATCHES, check_whitening, training_patches, whiten, whitening_filters

SHAPES = {"grey": (1, 3, 3), "colour": (3, 3, 3), "large": (2, 7, 7), "signal": (2, 3), "volume": (1, 3, 3, 3)}


def correlated(shape: tuple[int, ...], count: int = 2000) -> np.ndarray:
    random = np.random.default_rng(0)
    size = int(np.prod(shape))
    flat = random.normal(size=(count, size)) @ random.normal(size=(size, size)) + random.normal(size=size)
    return flat.reshape(count, *shape)


def answers_of(filters: np.ndarray, patches: np.ndarray) -> np.ndarray:
    return patches.reshape(len(patches), -1) @ filters.reshape(len(filters), -1).T


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_answers_to_the_patches_have_the_identity_as_covariance(shape: tuple[int, ...]) -> None:
    patches, size = correlated(shape), int(np.prod(shape))
    filters = whitening_filters(patches, 2 * size, eps=1e-9)
    answers = answers_of(filters[:size], patches)
    np.testing.assert_allclose(np.cov(answers, rowvar=False, bias=True), np.eye(size), atol=1e-4)
    np.testing.assert_array_equal(filters[size:], -filters[:size])


def test_they_are_the_whitened_principal_components() -> None:
    patches = correlated((3, 3, 3))
    filters = whitening_filters(patches, 10, eps=0)
    flat = patches.reshape(len(patches), -1)
    pca = PCA(10, whiten=True).fit(flat)
    # Scikit-learn divides by n - 1.
    wanted = pca.transform(flat) * np.sqrt(len(flat) / (len(flat) - 1))
    ours = (flat - flat.mean(0)) @ filters.reshape(10, -1).T
    np.testing.assert_allclose(np.abs(ours), np.abs(wanted), atol=1e-6)


def test_a_direction_without_variance_stays_finite_and_small() -> None:
    patches = correlated((1, 3, 3))
    patches[:, 0, 0, 0] = 7
    filters = whitening_filters(patches, 18)
    assert np.isfinite(filters).all()
    answers = answers_of(filters, patches)
    assert answers.var(axis=0).min() < 1e-6 < 0.9 < answers.var(axis=0).max() < 1.001


def test_more_filters_than_directions_are_refused() -> None:
    with pytest.raises(ValueError, match="19 filters"):
        whitening_filters(correlated((1, 3, 3)), 19)


def test_patches_are_parts_of_training_examples_and_the_seeds_own() -> None:
    train = digits(30, 0)
    patches = training_patches(train, (3, 3), seed=1)
    assert PATCHES <= len(patches) < PATCHES + 30
    pictures = train.gather(np.arange(30))[..., 0]
    there = {pictures[n, y : y + 3, x : x + 3].tobytes() for n in range(30) for y in range(6) for x in range(6)}
    assert {patch.tobytes() for patch in patches} <= there
    assert len({patch.tobytes() for patch in patches}) > 0.95 * len(there)
    np.testing.assert_array_equal(patches, training_patches(train, (3, 3), seed=1))
    assert not np.array_equal(patches, training_patches(train, (3, 3), seed=2))


def test_the_convolution_whitens_the_normalised_patches_and_the_average_knows() -> None:
    settings = recipe(whiten=True, preprocessing=SPEC.model_copy(update={"mean": (77.0,), "std": (95.0,)}))
    state, train = State(settings, {"num_classes": 10}, torch.device("cpu")), digits(300, 0)
    assert "8 filters from" in whiten(state, train, 0)
    convolution = first_convolution(state.net)
    patches = torch.from_numpy(training_patches(train, (3, 3), 0))
    front = with_front(settings.preprocessing.model_dump(mode="json"), torch.nn.Identity())
    answers = torch.nn.functional.conv2d(front(patches), convolution.weight).squeeze()
    covariance = np.cov(answers.detach().numpy(), rowvar=False)
    np.testing.assert_allclose(covariance, np.eye(8), atol=0.02)
    assert state.average is not None
    assert torch.equal(state.average.state["net.stem.conv1.weight"], convolution.weight)


@pytest.mark.parametrize("optimizer", [recipe().optimizer, Muon()], ids=["sgd", "muon"])
def test_a_stopped_run_ends_bit_equal_and_the_layer_as_it_began(tmp_path: Path, optimizer: Any) -> None:
    settings = recipe(whiten=True, optimizer=optimizer)
    fresh = State(settings, {"num_classes": 10}, torch.device("cpu"))
    whiten(fresh, digits(300, 0), settings.seed)
    whole = fit(job(tmp_path / "whole", settings))
    with pytest.raises(KeyboardInterrupt):
        fit(job(tmp_path / "stopped", settings, StopAt(5)))
    assert_bit_equal(whole, fit(job(tmp_path / "stopped", settings)))
    assert torch.equal(first_convolution(whole.net).weight, first_convolution(fresh.net).weight)
    assert not torch.equal(whole.net.state_dict()["stem.norm1.weight"], fresh.net.state_dict()["stem.norm1.weight"])


def test_processes_have_the_filters_of_one(tmp_path: Path) -> None:
    changes = {"epochs": 0.5, "whiten": True}
    (alone,) = in_world(1, training, tmp_path / "one", changes)
    two = in_world(2, training, tmp_path / "two", changes)
    for found in two:
        np.testing.assert_array_equal(
            found["weights"]["net.stem.conv1.weight"], alone["weights"]["net.stem.conv1.weight"]
        )
        np.testing.assert_allclose(found["losses"], alone["losses"], rtol=1e-4)


def test_signals_are_whitened_too() -> None:
    spec = ArraySpec(sizes=(2, 32), mean=(0, 1), std=(1, 2))
    signals = np.random.default_rng(0).normal(size=(50, 32, 2)).cumsum(axis=1).astype(np.float32)
    train = Prepared.of(Samples(ArraySource(signals, "X"), np.zeros(50, np.int64), ("a",)), spec, signals)
    options = {"dims": 1, "num_filters": 8, "shortcut": "B"}
    settings = Recipe(model="resnet8", model_options=options, preprocessing=spec, whiten=True)
    check_whitening(settings)
    state = State(settings, {"num_classes": 2}, torch.device("cpu"))
    whiten(state, train, 0)
    assert first_convolution(state.net).weight.shape == (8, 2, 3)


GREY = ImageSpec(height=8, width=8, channels=1)
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "too many": (
        {"model": "resnet20", "model_options": {"num_filters": 32}},
        "at most 18 can whiten; .*stem_filters=18",
    ),
    "deep": ({"model": "resnet50d", "model_options": {}, "preprocessing": GREY}, "with 32 filters, .*stem_filters=36"),
    "bias": ({"model_options": {"norm": "none"}}, "has a bias; --set model_options.norm=batch"),
    "no stem": ({"model_options": {"stem": "none"}}, "no convolution"),
    "small": (
        {"model": "resnet18", "preprocessing": ImageSpec(height=6, width=9, channels=3)},
        "resnet18's first filters are larger than the examples",
    ),
}


@pytest.mark.parametrize(("changes", "says"), WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_whitened_is_one_line(changes: dict[str, Any], says: str) -> None:
    check_whitening(recipe(**changes))
    with pytest.raises(WrongUse, match=says) as caught:
        check_whitening(recipe(whiten=True, **changes))
    assert str(caught.value).startswith("--set whiten=true: ")
    assert "\n" not in str(caught.value)


def test_the_filters_that_the_mend_names_can_whiten() -> None:
    for model, filters in (("resnet20", 18), ("resnet50d", 36)):
        options = {"num_filters": 64, "stem_filters": filters}
        check_whitening(recipe(whiten=True, model=model, model_options=options))
