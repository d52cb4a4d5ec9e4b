"""Which engine `auto` takes, what it says, and what it remembers."""

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from plusx.archive import Archive
from plusx.data.cache import default_cache_dir
from plusx.data.image import ImageSpec
from plusx.engines import ENGINES, NEEDS
from plusx.engines.choose import Choice, find_engine, first, measured, remembered
from plusx.engines.graph import MEMBER, graph_of
from plusx.errors import PlusxError, WrongUse
from plusx.model.resnet import ResNet
from plusx.tasks.classify import Classify
from plusx.training.recipe import Recipe
from plusx.training.store import build_archive


@pytest.fixture(scope="module")
def archive() -> Archive:
    net = ResNet([1], 4, num_classes=2, in_channels=1).eval()
    spec = ImageSpec(height=8, width=8, channels=1)
    return build_archive(net, Recipe(model="resnet8", preprocessing=spec), Classify(), ("a", "b"), {})


class Slow:
    """An engine that computes nothing, in so many seconds, on a clock that the test moves."""

    def __init__(self, name: str, archive: Archive, seconds: float, clock: list[float]):
        self.name, self._archive, self._seconds, self._clock = name, archive, seconds, clock

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        self._clock[0] += self._seconds
        return np.resize(self._archive.golden.outputs, (len(inputs), *self._archive.golden.outputs.shape[1:]))


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, float]], None]:
    """Takes the seconds that each engine seems to need for a batch."""
    clock = [0.0]

    def seem(seconds: dict[str, float]) -> None:
        for name, own in seconds.items():
            monkeypatch.setitem(ENGINES, name, lambda one, name=name, own=own: Slow(name, one, own, clock))

    # The second one is asked where there is one core.
    for asked in ("perf_counter", "process_time"):
        monkeypatch.setattr(f"plusx.engines.choose.time.{asked}", lambda: clock[0])
    return seem


def test_the_fastest_is_taken_and_remembered(archive: Archive, timed: Callable[[dict[str, float]], None]) -> None:
    said: list[str] = []
    timed({"torch": 0.5, "onnx": 0.1, "openvino": 0.2})
    assert find_engine("auto", archive, say=said.append).name == "onnx"
    assert remembered(archive) == Choice("onnx", {"torch": 64, "onnx": 320, "openvino": 160}, 32)
    assert said[0].startswith("engine: onnx, the fastest here in examples a second: onnx 320, openvino 160, torch 64")
    timed({"torch": 0.01, "onnx": 0.1, "openvino": 0.2})
    assert find_engine("auto", archive, say=said.append).name == "onnx"
    assert "measured once" not in said[1]


def test_another_machine_measures_again(
    archive: Archive, timed: Callable[[dict[str, float]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    timed({"torch": 0.5, "onnx": 0.1, "openvino": 0.2})
    find_engine("auto", archive)
    monkeypatch.setattr("plusx.engines.choose._processor", lambda: "another one")
    assert remembered(archive) is None


def test_one_that_answers_wrongly_is_left_out(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong:
        name = "onnx"

        def __call__(self, inputs: np.ndarray) -> np.ndarray:
            return np.full((len(inputs), 2), 7, np.float32)

    said: list[str] = []
    monkeypatch.setitem(ENGINES, "onnx", lambda archive: Wrong())
    choice, _ = measured(archive, said.append)
    assert set(choice.rates) == {"torch", "openvino"}
    assert said[0].startswith("engine onnx is left out: the model: the onnx engine's answers differ")


def test_a_remembered_one_that_answers_wrongly_is_measured_again(
    archive: Archive, timed: Callable[[dict[str, float]], None]
) -> None:
    timed({"torch": 0.5, "onnx": 0.1, "openvino": 0.2})
    find_engine("auto", archive)
    ENGINES["onnx"] = lambda archive: (_ for _ in ()).throw(PlusxError("broken"))
    assert find_engine("auto", archive).name == "openvino"


def test_nothing_is_measured_for_a_few_inputs(archive: Archive) -> None:
    assert find_engine("auto", archive, measure=False).name == "torch"
    carrying = replace(archive, engines={MEMBER: graph_of(archive)})
    assert find_engine("auto", carrying, measure=False).name == "openvino"
    assert not (default_cache_dir() / "engines").exists()


def test_an_int8_model_without_its_runtimes_says_what_to_install(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    int8 = replace(archive, manifest=archive.manifest.model_copy(update={"precision": "int8"}))
    monkeypatch.setattr("plusx.engines.choose.installed", lambda: ["torch"])
    with pytest.raises(PlusxError, match=r"run by OpenVINO or ONNX Runtime.*pip install 'plusx\[deploy\]'"):
        first(int8)


def test_a_damaged_memory_is_no_memory(archive: Archive, timed: Callable[[dict[str, float]], None]) -> None:
    timed({"torch": 0.5, "onnx": 0.1, "openvino": 0.2})
    find_engine("auto", archive)
    (kept,) = (default_cache_dir() / "engines").iterdir()
    for damaged in ("", "{}", json.dumps({"engine": "tpu", "rates": {}, "batch": 1})):
        kept.write_text(damaged)
        assert remembered(archive) is None


def test_an_unknown_engine_names_the_nearest(archive: Archive) -> None:
    with pytest.raises(WrongUse, match="--engine openvin: no such engine; did you mean openvino"):
        find_engine("openvin", archive)


def test_every_engine_names_its_package() -> None:
    assert NEEDS.keys() == ENGINES.keys()
