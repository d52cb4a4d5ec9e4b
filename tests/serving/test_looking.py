"""Where a model looked, over HTTP, against Grad-CAM by torch; and masks as pictures."""

import asyncio
import base64
import gc
import io
import json
import os
import subprocess
import sys
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from servers import Running, ask, png, serving, write_model

from plusx.archive import read_archive
from plusx.data.image import ImageSpec
from plusx.data.sound import SoundSpec
from plusx.engines.graph import graph_of, kept_at, key_of
from plusx.engines.onnx import OnnxEngine
from plusx.engines.openvino import OpenVinoEngine
from plusx.engines.torch import TorchEngine, build_network
from plusx.errors import PlusxError
from plusx.predict.dense import segment_stream
from plusx.predict.paint import palette
from plusx.serving import looking, maps
from plusx.serving.looking import heat_of
from plusx.serving.settings import Settings
from plusx.tasks.multilabel import Multilabel
from plusx.tasks.segment import Segment
from plusx.understand.gradcam import grad_cam

SPEC = ImageSpec(height=12, width=16, channels=3, fit="letterbox")
CLASSES = ("cat", "dog", "sea")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "cats.plusx", SPEC, classes=CLASSES, num_layers=[1, 1])


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(autouse=True)
def own_cache(shared: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One for all tests here: a graph takes seconds to make."""
    monkeypatch.setenv("PLUSX_CACHE", shared)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests wait for the graph, however long it takes to make."""
    monkeypatch.setattr(looking, "PATIENCE_S", 120.0)


def mapped(path: Path) -> Path:
    """The model, with its graph of maps in the cache: the process that makes it loads torch first."""
    graph_of(read_archive(path), maps=True)
    return path


def asked(running: Running, body: bytes, query: str = "explain=true") -> dict[str, Any]:
    answer = ask(running.port, f"/predict?{query}", body, {"Content-Type": "application/octet-stream"})
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def by_torch(model: Path, picture: bytes, place: int) -> np.ndarray:
    """Grad-CAM's map of the last stage for a class, in shares of its largest."""
    front, net = build_network(read_archive(model)).children()
    inputs = torch.from_numpy(np.moveaxis(SPEC.prepare(picture)[None], -1, 1))
    heat = grad_cam(net, front(inputs), lambda outputs: outputs[:, place])[0].numpy()
    return heat / heat.max()


def test_the_heat_is_grad_cams(model: Path, patient: None) -> None:
    pictures = [png(seed, 20, 3) for seed in range(3)]
    with serving(model) as running:
        for picture in pictures:
            answer = asked(running, picture)
            assert (answer["heat_error"], answer["heat_later"]) == (None, False)
            (row,) = answer["answers"]
            heat = row["heat"]
            assert (heat["rows"], heat["columns"], heat["label"]) == (6, 8, row["label"])
            expected = by_torch(model, picture, CLASSES.index(row["label"]))
            assert np.allclose(np.reshape(heat["values"], (6, 8)), expected, atol=1e-3)
            # 20 x 20 stand in the middle of 16 x 12: scaled by 0.6, with bars of 2 on both sides.
            assert heat["box"] == [-3.333, 0, 23.333, 20]
            assert (heat["width"], heat["height"]) == (20, 20)
        without = asked(running, pictures[0], "top=1")
        assert "heat" not in without["answers"][0]
        assert "heat_error" not in without


def test_several_at_once_have_their_own_and_bad_ones_none(model: Path, patient: None) -> None:
    pictures = [png(seed, 9, 3) for seed in range(10)]
    body = {"inputs": [{"base64": base64.b64encode(one).decode()} for one in [*pictures, b"no picture"]]}
    with serving(model) as running:
        answer = ask(
            running.port, "/predict?explain=1", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        rows = json.loads(answer.body)["answers"]
        alone = [asked(running, one)["answers"][0]["heat"] for one in pictures]
    assert [row["heat"] for row in rows] == [*alone, None]
    assert rows[-1]["error"].startswith("not a PNG")


def test_while_the_graph_is_made_answers_come_without(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "PATIENCE_S", 0.0)
    with serving(model) as running:
        answer = asked(running, png(0, 8, 3))
        assert answer["answers"][0]["heat"] is None
        assert (answer["heat_error"], answer["heat_later"]) == (looking.BEING_MADE, True)
        monkeypatch.setattr(looking, "PATIENCE_S", 120.0)
        assert asked(running, png(0, 8, 3))["answers"][0]["heat"]["rows"] == 6


def test_it_is_made_once_for_all_who_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patient: None) -> None:
    begun: list[Any] = []

    async def made(archive: Any) -> Any:
        begun.append(archive)
        await asyncio.sleep(0.3)
        raise PlusxError("the disk is full")

    monkeypatch.setattr(looking, "maps_of", made)
    with serving(write_model(tmp_path / "m.plusx")) as running, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: asked(running, png()), range(8)))
    assert len(begun) == 1
    assert {answer["heat_error"] for answer in answers} == {"the disk is full"}


def test_what_nobody_foresaw_fails_one_request_and_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patient: None
) -> None:
    async def broken(archive: Any) -> Any:
        raise ValueError("a bug")

    monkeypatch.setattr(looking, "maps_of", broken)
    with serving(mapped(write_model(tmp_path / "m.plusx"))) as running:
        assert ask(running.port, "/predict?explain=true", png()).status == 500
        assert ask(running.port, "/predict", png()).status == 200
        monkeypatch.setattr(looking, "maps_of", maps.maps_of)
        answer = ask(running.port, "/predict?explain=true", b"no picture")
        assert json.loads(answer.body)["answers"][0]["heat"] is None


def test_a_version_that_answers_no_more_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patient: None
) -> None:
    async def none(archive: Any) -> Any:
        raise PlusxError("none")

    monkeypatch.setattr(looking, "maps_of", none)
    path = write_model(tmp_path / "m.plusx")
    with serving(path, settings=Settings(reload_s=0)) as running:
        held = running.service.model()
        assert asked(running, png())["heat_error"] == "none"
        before = weakref.ref(held.now)
        write_model(path, seed=1)
        old = held.renew()
        assert old is not None
        old.batcher.close()
        del old
        asked(running, png())
        gc.collect()
        assert before() is None


def test_a_server_that_ends_takes_the_process_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "PATIENCE_S", 0.0)
    monkeypatch.setattr(maps, "MAKER", "asleep")
    (tmp_path / "asleep.py").write_text("import time\ntime.sleep(600)\n", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    begun: list[asyncio.subprocess.Process] = []
    begin = asyncio.create_subprocess_exec

    async def watched(*arguments: Any, **settings: Any) -> asyncio.subprocess.Process:
        begun.append(await begin(*arguments, **settings))
        return begun[0]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", watched)
    with serving(write_model(tmp_path / "m.plusx", seed=5)) as running:
        assert asked(running, png())["heat_later"] is True
        while not begun:
            time.sleep(0.01)
    with pytest.raises(ProcessLookupError):
        os.kill(begun[0].pid, 0)


def test_the_graph_is_kept_for_the_next_server(model: Path, patient: None) -> None:
    archive = read_archive(model)
    with serving(model) as running:
        first = asked(running, png(0, 8, 3))
    assert kept_at(archive, maps=True).is_file()
    # Where it is kept, no process is begun: there is no such module to run.
    with serving(model) as running, pytest.MonkeyPatch.context() as patch:
        patch.setattr(maps, "MAKER", "plusx.none")
        assert asked(running, png(0, 8, 3))["answers"] == first["answers"]


@pytest.mark.parametrize("engine", [OnnxEngine, OpenVinoEngine])
def test_both_runtimes_give_the_maps(model: Path, engine: Any) -> None:
    archive = read_archive(model)
    inputs = archive.golden.inputs
    found = engine(archive, graph_of(archive, maps=True), "maps")(inputs)
    assert found.shape == (4, 3, 6, 8)
    front, net = build_network(archive).children()
    for place in range(3):
        heat = grad_cam(net, front(torch.from_numpy(inputs)), lambda outputs, at=place: outputs[:, at]).numpy()
        assert np.allclose(np.maximum(found[:, place], 0), heat, atol=1e-5)


def test_labels_have_heat_too(tmp_path: Path, patient: None) -> None:
    path = write_model(tmp_path / "tags.plusx", ImageSpec(height=8, width=8, channels=1), Multilabel())
    with serving(mapped(path)) as running:
        (row,) = asked(running, png())["answers"]
    assert row["heat"]["label"] == row["top"][0]["label"]


def test_a_network_without_maps_says_so(tmp_path: Path, patient: None) -> None:
    sound = SoundSpec(samples=1600, front="logmel", bands="channels")
    with serving(write_model(tmp_path / "words.plusx", sound)) as running:
        answer = asked(running, b"no sound")
    assert answer["heat_error"] == "where a model looked is shown in pictures, and this one is asked about sounds"
    with serving(write_model(tmp_path / "cats.plusx", neck="largest", num_layers=[1, 1])) as running:
        answer = asked(running, png())
        assert answer["answers"][0]["heat"] is None
        assert "has no map for each class" in answer["heat_error"]
        assert answer["heat_later"] is False


def test_int8_says_why_not(model: Path) -> None:
    manifest = read_archive(model).manifest
    assert maps.why_none(manifest) is None
    quantised = manifest.model_copy(update={"precision": "int8"})
    assert str(maps.why_none(quantised)).startswith("an int8 model has no weights to make maps of")


def test_a_file_that_was_replaced_makes_no_other_models_graph(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.plusx")
    key = key_of(read_archive(path))
    write_model(path, seed=1)
    command = [sys.executable, "-m", maps.MAKER, str(path), key]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "another file has taken its place" in done.stderr


def test_what_failed_is_said_without_folders(tmp_path: Path, patient: None) -> None:
    path = write_model(tmp_path / "m.plusx", seed=3)
    with serving(path) as running:
        path.unlink()
        answer = asked(running, png())
    assert answer["answers"][0]["error"] is None
    assert answer["heat_error"] == "m.plusx: is not there; check the path"


@pytest.mark.parametrize("fit", ["crop", "letterbox", "stretch", "native"])
@pytest.mark.parametrize("size", [(40, 20), (7, 30), (12, 16)])
def test_the_box_is_where_the_network_looked(fit: Any, size: tuple[int, int]) -> None:
    """A ramp from left to right, and one from top to bottom, tell which of its places the network saw at its edges."""
    spec = ImageSpec(height=12, width=16, channels=3, fit=fit, crop_fraction=0.8 if fit == "crop" else 1.0)
    height, width = size
    left, top, right, bottom = heat_of(np.ones((1, 1)), size, spec)["box"]
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = 6 * np.arange(width)
    pixels[..., 1] = 6 * np.arange(height)[:, None]
    seen = spec.prepare(pixels).astype(float)
    inside = seen[..., 2] == 0
    columns, rows = np.flatnonzero(inside.any(0)), np.flatnonzero(inside.any(1))
    across = left + (columns + 0.5) * (right - left) / 16
    down = top + (rows + 0.5) * (bottom - top) / 12
    found = seen[np.ix_(rows, columns)]
    # A pixel's value stands for its middle; what is resampled near an edge is a mean with less on one side.
    far = max(1.0, abs(right - left) / 16, abs(bottom - top) / 12)
    assert np.abs(found[0, :, 0] / 6 + 0.5 - across).max() <= far
    assert np.abs(found[:, 0, 1] / 6 + 0.5 - down).max() <= far


def test_a_turned_photograph_has_its_heat_as_it_stands_upright(model: Path, patient: None) -> None:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (10, 30, 3), np.uint8)).save(file, "JPEG", exif=exif)
    with serving(model) as running:
        heat = asked(running, file.getvalue())["answers"][0]["heat"]
    assert (heat["width"], heat["height"]) == (10, 30)
    # 10 x 30 stand in 16 x 12 as 4 x 12, with bars of 6 on both sides.
    assert heat["box"] == [-15, 0, 25, 30]


def test_nothing_that_spoke_for_it_is_no_heat() -> None:
    assert heat_of(np.full((2, 2), -1.0), (8, 8), SPEC)["values"] == [0.0] * 4


def test_a_mask_is_a_picture_of_places_with_a_legend(tmp_path: Path) -> None:
    spec = ImageSpec(height=16, width=16, channels=3, fit="letterbox")
    head = {"head": "fcn", "num_layers": [1, 1]}
    path = write_model(tmp_path / "pets.plusx", spec, Segment(), ("sky", "cat", "dog"), **head)
    picture = png(0, 24, 3)
    with serving(path) as running:
        (row,) = asked(running, picture, "masks=true")["answers"]
        assert asked(running, picture, "top=5")["answers"][0]["mask"] is None
        assert asked(running, picture)["heat_error"].startswith("the task segment has no map for each class")
        assert asked(running, b"none", "masks=true")["answers"][0]["mask"] is None
    content = base64.b64decode(row["mask"].removeprefix("data:image/png;base64,"))
    shown = Image.open(io.BytesIO(content))
    assert shown.mode == "P"
    archive = read_archive(path)
    (own,) = segment_stream(archive, TorchEngine(archive), [picture])
    assert own.mask is not None
    assert np.array_equal(np.array(shown), own.mask)
    labels = ["sky", "cat", "dog"]
    assert list(row["legend"]) == [one["label"] for one in row["shares"]]
    colours = palette()
    for label, colour in row["legend"].items():
        assert bytes.fromhex(colour[1:]) == colours[labels.index(label)].tobytes()
    alpha = np.array(shown.convert("RGBA"))[..., 3]
    assert np.array_equal(alpha == 0, np.isin(np.array(shown), (0, 255)))
