"""Every engine on every kind of network, against the network that was trained."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from plusx.api.model import load
from plusx.archive import Archive, Golden, read_archive, write_archive
from plusx.data.array import ArraySpec
from plusx.data.image import ImageSpec
from plusx.data.modalities import Spec
from plusx.engines import ENGINES
from plusx.engines.golden import check_golden, golden_difference
from plusx.errors import PlusxError
from plusx.model.fronts import with_front
from plusx.model.resnet import ResNet
from plusx.tasks.classify import Classify
from plusx.training.recipe import Recipe
from plusx.training.store import build_archive, golden_inputs, store_archive

CLASSES = ("a", "b", "c")
SPECS: dict[str, Spec] = {
    "grey": ImageSpec(height=16, width=12, channels=1),
    "colour": ImageSpec(height=16, width=16, channels=3, mean=(100, 110, 120), std=(50, 60, 70)),
    "signal": ArraySpec(sizes=(2, 32), mean=(0, 1), std=(1, 2)),
    "volume": ArraySpec(sizes=(1, 8, 8, 8), mean=(0,), std=(1,)),
}


def network(spec: Spec) -> ResNet:
    torch.manual_seed(0)
    net = ResNet([1, 1], 8, num_classes=3, in_channels=spec.shape[0], dims=len(spec.shape) - 1, antialias="blur")
    for module in net.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm) and module.running_mean is not None:
            module.running_mean.normal_()
    return net.eval()


def archive(spec: Spec) -> Archive:
    return build_archive(network(spec), Recipe(model="resnet8", preprocessing=spec), Classify(), CLASSES, {})


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
def test_answers_as_the_network_did(engine: str, spec: Spec, tmp_path: Path) -> None:
    stored = store_archive(archive(spec), tmp_path / "model.plusx")
    inputs = golden_inputs(spec.shape, spec.dtype)
    whole = with_front(spec.model_dump(mode="json"), network(spec)).eval()
    with torch.no_grad():
        expected = whole(torch.from_numpy(inputs)).numpy()
    outputs = ENGINES[engine](stored)(inputs)
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
    assert outputs.dtype == np.float32


@pytest.mark.parametrize("engine", ENGINES)
def test_batched_answers_equal_single_ones(engine: str) -> None:
    built = archive(SPECS["grey"])
    running = ENGINES[engine](built)
    inputs = built.golden.inputs
    single = np.concatenate([running(inputs[index : index + 1]) for index in range(len(inputs))])
    np.testing.assert_allclose(running(inputs), single, atol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_threads_get_their_own_answers(engine: str) -> None:
    built = archive(SPECS["grey"])
    running = ENGINES[engine](built)
    wanted = running(built.golden.inputs)
    asked = [index % len(wanted) for index in range(64)]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda index: running(built.golden.inputs[index : index + 1])[0], asked))
    np.testing.assert_allclose(found, wanted[asked], atol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_golden_check_finds_a_changed_weight(engine: str) -> None:
    built = archive(SPECS["grey"])
    check_golden(ENGINES[engine](built), built)
    weights = {**built.weights, "head.linear.weight": built.weights["head.linear.weight"] * 1.01}
    changed = replace(built, weights=weights)
    with pytest.raises(PlusxError, match=f"the {engine} engine's answers differ"):
        check_golden(ENGINES[engine](changed), changed)


def test_the_golden_check_refuses_no_number() -> None:
    built = archive(SPECS["grey"])

    class Broken:
        name = "broken"

        def __call__(self, inputs: np.ndarray) -> np.ndarray:
            return np.full((len(inputs), 3), np.nan, dtype=np.float32)

    assert np.isnan(golden_difference(Broken(), built.golden))
    with pytest.raises(PlusxError, match="broken"):
        check_golden(Broken(), built)


def test_weights_that_do_not_fit_are_refused_before_memory_is_taken(tmp_path: Path) -> None:
    built = archive(SPECS["grey"])
    # 512 GB of weights, were they made.
    huge = {**built.manifest.network, "num_filters": [200_000, 200_000]}
    manifest = built.manifest.model_copy(update={"network": huge})
    path = write_archive(replace(built, manifest=manifest), tmp_path / "huge.plusx")
    with pytest.raises(PlusxError, match=r"huge.plusx: its weights do not fit its network: .* train it again"):
        ENGINES["torch"](read_archive(path))


WRONG_MANIFESTS = {
    "no such block": ({"network": {"num_layers": [1, 1], "block": "bloc"}}, "its network"),
    "no layers": ({"network": {"head": "linear", "num_classes": 3}}, "its network cannot be built"),
    "endless": (
        {"network": {"num_layers": [10**9], "head": "linear", "num_classes": 3}},
        "its network cannot be built",
    ),
    "classes": ({"classes": ("a", "b")}, "not one output for each of 2 classes"),
    "task": ({"task": {"name": "sing"}}, "'sing' is not known"),
    "task option": ({"task": {"name": "classify", "tune": 1}}, "there is no tune"),
    "modality": ({"preprocessing": {"modality": "smell"}}, "modality 'smell'"),
    "size": ({"preprocessing": ImageSpec(height=8, width=8, channels=1).model_dump(mode="json")}, "golden examples"),
}


@pytest.mark.parametrize(("changes", "says"), WRONG_MANIFESTS.values(), ids=WRONG_MANIFESTS.keys())
def test_a_whole_file_that_disagrees_with_itself_is_refused(changes: dict[str, Any], says: str, tmp_path: Path) -> None:
    built = archive(SPECS["grey"])
    manifest = built.manifest.model_copy(update=changes)
    path = write_archive(replace(built, manifest=manifest), tmp_path / "wrong.plusx")
    with pytest.raises(PlusxError, match=says) as caught:
        load(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_golden_examples_are_the_same_everywhere_and_not_flat() -> None:
    inputs = golden_inputs((3, 20, 31), np.dtype(np.uint8))
    assert inputs.shape == (4, 3, 20, 31)
    np.testing.assert_array_equal(inputs, golden_inputs((3, 20, 31), np.dtype(np.uint8)))
    assert all(example.std() > 20 for example in inputs)


def test_golden_outputs_must_come_from_inputs() -> None:
    built = archive(SPECS["colour"])
    assert isinstance(built.golden, Golden)
    assert len({row.tobytes() for row in built.golden.outputs}) == len(built.golden.outputs)
