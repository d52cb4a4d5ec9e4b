"""The heat of every fit against maps worked out by hand, and the graph behind it made once for many who ask."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from servers import ask, png, serving, write_model

from plusx.archive import Archive, read_archive
from plusx.data.image import ImageSpec
from plusx.engines import Engine
from plusx.engines.torch import TorchEngine, build_network
from plusx.errors import PlusxError
from plusx.model.cam import CamNetwork
from plusx.predict.one import Answering
from plusx.serving import looking
from plusx.serving.batcher import Batcher
from plusx.serving.held import Version
from plusx.serving.looking import heats_by
from plusx.tasks.multilabel import Multilabel

CLASSES = ("cat", "dog", "sea")


class Maps:
    """`CamNetwork` as an engine, by torch."""

    name = "torch"

    def __init__(self, archive: Archive):
        self._network = CamNetwork(build_network(archive)).eval()

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return self._network(torch.from_numpy(np.ascontiguousarray(inputs)))[1].numpy()


def by_hand(archive: Archive, inputs: np.ndarray, place: int) -> np.ndarray:
    """The class's weights over the last stage's channels, summed at each place; what is negative dropped."""
    whole = build_network(archive).eval()
    net: Any = whole.get_submodule("net")
    kept: list[np.ndarray] = []
    net.stages.register_forward_hook(lambda module, given, made: kept.append(made.detach().numpy()))
    with torch.no_grad():
        whole(torch.from_numpy(inputs))
    weights = archive.weights["head.linear.weight"][place]
    summed = sum(weight * channel for weight, channel in zip(weights, kept[0][0], strict=True))
    return np.maximum(summed, 0)


@pytest.fixture
def versions() -> Iterator[Any]:
    made: list[Batcher] = []

    def version(path: Path) -> Version:
        archive = read_archive(path)
        made.append(Batcher(TorchEngine(archive)))
        return Version(1, archive, made[-1], Answering(archive, made[-1]))

    yield version
    for batcher in made:
        batcher.close()


@pytest.mark.parametrize("fit", ["crop", "letterbox", "stretch", "native"])
@pytest.mark.parametrize("task", [None, Multilabel()])
def test_the_heat_is_the_map_of_what_was_answered(tmp_path: Path, versions: Any, fit: Any, task: Any) -> None:
    spec = ImageSpec(height=12, width=16, channels=3, fit=fit)
    version = versions(write_model(tmp_path / "m.plusx", spec, task, CLASSES, num_layers=[1, 1]))
    pictures = [png(seed, 20, 3) for seed in range(3)]
    answers = [version.answer(one) for one in pictures]
    heats = heats_by(Maps(version.archive), version, pictures, answers)
    for picture, answer, heat in zip(pictures, answers, heats, strict=True):
        assert heat is not None
        assert heat["label"] == answer.row["top"][0]["label"]
        inputs = np.ascontiguousarray(np.moveaxis(spec.prepare(picture)[None], -1, 1))
        expected = by_hand(version.archive, inputs, CLASSES.index(heat["label"]))
        assert (heat["rows"], heat["columns"]) == expected.shape
        values = np.reshape(heat["values"], expected.shape)
        assert np.allclose(values, expected / max(expected.max(), 1e-12), atol=1e-3)


def test_many_who_ask_at_once_have_one_graph_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Archive] = []

    async def slowly(archive: Archive) -> Engine:
        made.append(archive)
        await asyncio.sleep(0.2)
        return Maps(archive)

    monkeypatch.setattr(looking, "maps_of", slowly)
    path = write_model(tmp_path / "m.plusx")
    with serving(path) as running, ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(ask, running.port, "/predict?explain=true", png(seed)) for seed in range(8)]
        assert [one.result().status for one in asked] == [200] * 8
        assert all(b'"heat_error":null' in one.result().body for one in asked)
        assert len(made) == 1
        # Another version is another network: its maps are its own.
        held = running.service.model()
        write_model(path, seed=1)
        assert held.renew() is not None
        assert ask(running.port, "/predict?explain=true", png()).status == 200
        assert len(made) == 2


def test_a_graph_that_cannot_be_made_is_tried_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Archive] = []

    async def fails(archive: Archive) -> Engine:
        tried.append(archive)
        raise PlusxError("no room")

    monkeypatch.setattr(looking, "maps_of", fails)
    with serving(write_model(tmp_path / "m.plusx")) as running:
        for seed in range(3):
            answer = ask(running.port, "/predict?explain=true", png(seed))
            assert (answer.status, b'"heat_error":"no room"' in answer.body) == (200, True)
    assert len(tried) == 1
