"""What is told of a model, and what is not."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from servers import ask, png, serving, write_model

import plusx
from plusx.archive import read_archive, write_archive
from plusx.archive.card import Card
from plusx.serving.about import epochs, measured, trained_on, without_place

PROVENANCE: dict[str, Any] = {
    "recipe": {"data": "/home/ann/secret"},
    "data": {"origin": "/home/ann/secret/digits", "train": 120, "val": 30, "skipped": "/home/ann/skipped.csv"},
    "metrics": {"measure": "accuracy", "val_accuracy": 0.9, "epoch": 3, "elapsed_s": 12.5},
}


def with_provenance(path: Path, provenance: dict[str, Any], card: Card | None = None) -> Path:
    archive = read_archive(write_model(path))
    manifest = archive.manifest.model_copy(update={"provenance": provenance, "card": card})
    return write_archive(replace(archive, manifest=manifest), path)


def test_a_card_has_what_people_ask_and_no_places(tmp_path: Path) -> None:
    card = Card(intended_use="sorting letters", limits="nothing but digits")
    with serving(with_provenance(tmp_path / "digits.plusx", PROVENANCE, card)) as running:
        answer = ask(running.port, "/models")
    (about,) = json.loads(answer.body)["models"]
    assert about["measured"] == {"measure": "accuracy", "value": 0.9, "split": "validation", "count": 30}
    assert about["data"] == {"name": "digits", "train": 120, "val": 30}
    assert about["card"] == {"intended_use": "sorting letters", "limits": "nothing but digits", "contact": None}
    assert (about["task"], about["modality"], about["classes"]) == ("classify", "image", ["a", "b"])
    assert (about["input"], about["outputs"], about["no_heat"]) == ("8x8, grey, crop", "classes", None)
    assert about["epochs"] == 3
    for private in (b"/home", b"secret", b"elapsed_s", str(tmp_path).encode()):
        assert private not in answer.body


def test_a_refused_file_is_told_of_without_its_folder(tmp_path: Path) -> None:
    path = write_model(tmp_path / "digits.plusx")
    with serving(path) as running:
        held = running.service.model()
        path.write_bytes(b"no model")
        held.renew()
        answer = ask(running.port, "/models/digits")
        assert str(tmp_path) not in answer.body.decode()
        assert json.loads(answer.body)["trouble"].startswith("digits.plusx: ")
        assert ask(running.port, "/predict", png()).status == 200


@pytest.mark.parametrize("provenance", [{}, {"metrics": None, "data": 3}, {"metrics": {"val_accuracy": "high"}}])
def test_a_model_may_say_nothing_of_its_training(tmp_path: Path, provenance: dict[str, Any]) -> None:
    manifest = read_archive(with_provenance(tmp_path / "m.plusx", provenance)).manifest
    assert measured(manifest) is None
    assert trained_on(manifest) is None
    assert epochs(manifest) is None


def test_folders_are_taken_out_of_messages(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert without_place(f"{run}/model.plusx: is damaged", run) == "model.plusx: is damaged"
    assert without_place("nothing of places", None) == "nothing of places"


def test_a_trained_run_tells_its_figures_and_no_path(digit_folder: Path, tmp_path: Path) -> None:
    choices = {"model": "resnet8", "changes": {"epochs": "1"}, "report": False}
    trained = plusx.train(digit_folder, out=tmp_path / "digits", **choices)
    with serving(trained.run) as running:
        answer = ask(running.port, "/models/digits")
    about = json.loads(answer.body)
    split = about["data"]
    assert (split["name"], split["train"] + split["val"]) == (digit_folder.name, 200)
    assert (about["epochs"], about["measured"]["count"]) == (1, split["val"])
    assert about["measured"]["value"] == pytest.approx(trained.val["accuracy"], abs=0.02)
    # The file holds a list of its members and their names beside what is counted.
    size = trained.model.stat().st_size
    assert 0.8 * size < about["size_bytes"] < size
    for folder in {*digit_folder.parents, *trained.model.parents} - {Path("/")}:
        assert f"{folder}/" not in answer.body.decode()


@pytest.mark.parametrize(
    ("origin", "name"),
    [
        ("https://ann:word@host", "host"),
        ("/home/ann/cats@2", "cats@2"),
        ("https://host/cats?from=/home/ann", "cats"),
        ("C:\\Users\\Ann\\dogs", "dogs"),
    ],
)
def test_the_sets_name_holds_no_password_and_no_folder(tmp_path: Path, origin: str, name: str) -> None:
    provenance = {"data": {"origin": origin, "train": 1}}
    manifest = read_archive(with_provenance(tmp_path / "m.plusx", provenance)).manifest
    assert trained_on(manifest) == {"name": name, "train": 1}
