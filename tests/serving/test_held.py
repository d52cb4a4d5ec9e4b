"""A model's newer file: it answers once it has proved itself, else the older one goes on and it is said why."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from servers import PICTURES, png, write_model

from plusx.archive import Golden, read_archive, write_archive
from plusx.data.modalities import Spec
from plusx.errors import PlusxError
from plusx.serving.batcher import Batcher
from plusx.serving.held import Held


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_model(tmp_path / "cats.plusx")


@pytest.fixture
def held(path: Path):
    held = Held("cats", path, "torch", Batcher)
    yield held
    held.now.batcher.close()


def put(path: Path, seed: int = 1) -> None:
    """Another model in its place, as a careful program puts one there."""
    os.replace(write_model(path.with_name("new"), seed=seed), path)


def test_a_newer_file_takes_its_place(held: Held, path: Path) -> None:
    before = held.now.answer(png(), 1).row
    assert not held.changed()
    put(path)
    assert held.changed()
    assert not held.changed()
    old = held.renew()
    assert old is not None
    assert (old.number, held.now.number, held.trouble) == (1, 2, None)
    assert held.now.answer(png(), 1).row != before
    # What began with the older one is still answered by it.
    assert old.answer(png(), 1).row == before
    old.batcher.close()


def spoilt(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def lying(path: Path) -> None:
    archive = read_archive(path)
    other = Golden(archive.golden.inputs, archive.golden.outputs + np.float32(1))
    write_archive(replace(archive, golden=other), path.with_name("new"))
    os.replace(path.with_name("new"), path)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def gone(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (spoilt, "cats.plusx: "),
        (lying, "differ from the training's"),
        (empty, "cats.plusx: "),
        (folder, "cats.plusx"),
        (gone, "is not there"),
    ],
)
def test_a_bad_file_does_not(held: Held, path: Path, harm, why: str) -> None:
    before = held.now.answer(png(), 1).row
    harm(path)
    assert held.changed() == path.is_file()
    assert held.renew() is None
    assert held.trouble is not None
    assert why in held.trouble
    assert "\n" not in held.trouble
    assert (held.now.number, held.now.answer(png(), 1).row) == (1, before)
    # And the next good one does.
    if path.is_dir():
        path.rmdir()
    put(path)
    assert held.changed()
    old = held.renew()
    assert old is not None
    old.batcher.close()
    assert (held.now.number, held.trouble) == (2, None)


def test_whatever_a_runtime_raises_the_older_one_goes_on(
    held: Held, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no kernel\nfor this")

    monkeypatch.setattr("plusx.serving.held.find_engine", broken)
    put(path)
    assert held.renew() is None
    assert held.trouble is not None
    assert held.trouble.endswith("RuntimeError: no kernel for this")
    assert held.now.answer(png(), 1).row["error"] is None


def test_a_run_is_looked_at_by_its_model(tmp_path: Path) -> None:
    run = tmp_path / "cats"
    run.mkdir()
    path = write_model(run / "model.plusx")
    held = Held("cats", run, "torch", Batcher)
    assert not held.changed()
    put(path)
    assert held.changed()
    held.now.batcher.close()


def test_a_server_has_its_own_limits(path: Path) -> None:
    def limit(spec: Spec) -> Spec:
        return spec.model_copy(update={"max_pixels": 100})

    held = Held("cats", path, "torch", Batcher, limit)
    assert held.now.answer(png(size=10), 1).row["error"] is None
    assert "above the limit of 100" in held.now.answer(png(size=11), 1).row["error"]
    # What the model says of itself is as it was.
    assert held.now.archive.manifest.preprocessing["max_pixels"] == PICTURES.max_pixels
    held.now.batcher.close()


def test_the_first_file_must_be_right(path: Path) -> None:
    lying(path)
    with pytest.raises(PlusxError, match="differ from the training's"):
        Held("cats", path, "torch", Batcher)


def test_nothing_is_read_that_a_request_names(held: Held, path: Path) -> None:
    with pytest.raises(TypeError, match="bytes or an array are needed, not str"):
        held.now.answer(str(path), 1)  # type: ignore[arg-type]
