"""Weights that wait in their file: the same ones, checked no less, and not touched by a runtime with a graph."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from plusx.archive import Archive, BadArchive, StoredWeights, read_archive, weights_sha256, write_archive


@pytest.fixture
def place(tmp_path: Path, model: Archive) -> Path:
    return write_archive(model, tmp_path / "model.plusx")


def test_they_are_those_of_the_file(place: Path, model: Archive) -> None:
    waiting = read_archive(place, weights=False).weights
    assert isinstance(waiting, StoredWeights)
    assert sorted(waiting) == sorted(model.weights)
    assert len(waiting) == 3
    for name, array in waiting.items():
        assert array.dtype == model.weights[name].dtype
        assert array.flags.writeable
        np.testing.assert_array_equal(array, model.weights[name])
    assert waiting["stem.weight"] is waiting["stem.weight"]


def test_their_hash_is_that_of_the_same_weights_in_memory(place: Path, model: Archive) -> None:
    waiting = read_archive(place, weights=False).weights
    other = {**model.weights, "stem.steps": np.array(8, np.int64)}
    assert weights_sha256(waiting) == weights_sha256(model.weights) != weights_sha256(other)


def test_a_model_of_them_is_written_as_any_other(place: Path, tmp_path: Path) -> None:
    again = write_archive(read_archive(place, weights=False), tmp_path / "again.plusx")
    assert again.read_bytes() == place.read_bytes()


def test_damage_is_found_when_they_are_asked_for(place: Path) -> None:
    data = place.read_bytes()
    start = data.index(b'{"', data.index(b"weights.safetensors"))
    place.write_bytes(data[: start + 300] + bytes([data[start + 300] ^ 1]) + data[start + 301 :])
    waiting = read_archive(place, weights=False).weights
    with pytest.raises(BadArchive, match=r"model\.plusx"):
        dict(waiting)


def test_another_model_in_its_place_is_refused(place: Path, model: Archive) -> None:
    waiting = read_archive(place, weights=False).weights
    write_archive(replace(model, weights={"stem.steps": np.array(9, np.int64)}), place)
    with pytest.raises(BadArchive, match=r"has weights\.safetensors with other content than its manifest says"):
        dict(waiting)
