"""Volumes and signals from files to a model and back: real digits as slices, and as eight channels over time."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import plusx
from plusx.api.train import Trained
from plusx.archive import read_archive
from plusx.data.samples import read_dataset
from plusx.engines.torch import build_network
from plusx.errors import PlusxError, WrongUse
from plusx.training.watch import Silent

QUICK: dict[str, Any] = {"changes": {"epochs": "8", "model_options.num_filters": "8"}}
CARD: dict[str, str] = {"intended_use": "trying plusx", "limits": "no diagnosis"}
KINDS = ("volume", "scan", "signal", "table")


def digits(first: int, count: int) -> list[tuple[np.ndarray, int]]:
    """Those of so many of scikit-learn's digits that are a 0, 1 or 2, uint8 (8, 8)."""
    images, labels = load_digits(return_X_y=True)
    chosen = [row for row in range(first, first + count) if labels[row] < 3]
    return [((images[row] * 255 / 16).round().astype(np.uint8).reshape(8, 8), int(labels[row])) for row in chosen]


def write(kind: str, digit: np.ndarray, path: Path) -> None:
    """A digit (8, 8) as a volume of four equal slices, or as eight samples of eight channels."""
    volume = np.pad(np.broadcast_to(digit, (4, 8, 8)), ((1, 1), (0, 0), (0, 0)))
    if kind == "volume":
        np.save(path.with_suffix(".npy"), volume)
    elif kind == "scan":
        image = nibabel.Nifti1Image(volume.transpose(2, 1, 0).astype(np.int16), np.diag([2.0, 2.0, 3.0, 1.0]))
        nibabel.save(image, path.with_suffix(".nii.gz"))
    elif kind == "signal":
        np.save(path.with_suffix(".npy"), digit.astype(np.float32))
    else:
        rows = [f"{number / 100},{','.join(map(str, row))}" for number, row in enumerate(digit.tolist())]
        path.with_suffix(".csv").write_text("time,a,b,c,d,e,f,g,h\n" + "\n".join(rows) + "\n")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The digits 0, 1 and 2 as each kind of file, in class folders under train/ and test/."""
    root = tmp_path_factory.mktemp("examples")
    for split, first, count in (("train", 0, 400), ("test", 400, 150)):
        for number, (digit, label) in enumerate(digits(first, count)):
            for kind in KINDS:
                folder = root / kind / split / str(label)
                folder.mkdir(parents=True, exist_ok=True)
                write(kind, digit, folder / f"{number:03d}")
    return {kind: root / kind for kind in KINDS}


@pytest.fixture(scope="module")
def trained(folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Trained]:
    runs = tmp_path_factory.mktemp("runs")
    return {kind: plusx.train(folders[kind], out=runs / kind, **QUICK, **CARD) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
class TestEachKind:
    def test_it_learns_and_the_model_scores_as_the_training_said(self, kind: str, trained, folders) -> None:
        done: Trained = trained[kind]
        assert done.test is not None
        assert done.test["accuracy"] > 0.8
        scores = done.load().evaluate(folders[kind])
        assert (scores["accuracy"], scores["confusion"]) == (done.test["accuracy"], done.test["confusion"])
        assert done.load().evaluate(folders[kind], cache=False)["loss"] == pytest.approx(done.test["loss"])

    def test_files_bytes_and_folders_have_the_same_answers(self, kind: str, trained, folders) -> None:
        model = trained[kind].load()
        paths = sorted(path for path in (folders[kind] / "test").rglob("*") if path.is_file())[:5]
        by_path = model.predict(paths)
        by_bytes = model.predict([path.read_bytes() for path in paths])
        assert [one["probability"] for one in by_path] == [one["probability"] for one in by_bytes]
        assert all(one["error"] is None for one in by_path)

    def test_bad_files_are_answers_with_an_error(self, kind: str, trained, folders, tmp_path: Path) -> None:
        good = next(path for path in folders[kind].rglob("*") if path.is_file())
        bad = tmp_path / good.name
        bad.write_bytes(good.read_bytes()[:-9] if kind in ("volume", "scan", "signal") else b"1,2\n3\n")
        rows = trained[kind].load().predict([bad, good, tmp_path / "none"])
        assert [row["error"] is None for row in rows] == [False, True, False]

    def test_its_whole_graph_can_be_exported(self, kind: str, trained) -> None:
        archive = read_archive(trained[kind].model)
        network = build_network(archive)
        inputs = torch.from_numpy(archive.golden.inputs)
        batch = torch.export.Dim("batch", min=2)
        program = torch.export.export(network, (inputs,), dynamic_shapes=({0: batch},))
        for some in (inputs, inputs[:3]):
            torch.testing.assert_close(program.module()(some), network(some), rtol=1e-4, atol=1e-4)

    def test_the_card_goes_with_it(self, kind: str, trained) -> None:
        assert read_archive(trained[kind].model).manifest.card is not None


def test_what_npy_files_hold_decides_and_modality_overrides(folders: dict[str, Path], tmp_path: Path) -> None:
    for kind, name in (("volume", "volume"), ("scan", "volume"), ("signal", "signal"), ("table", "signal")):
        assert read_dataset(folders[kind]).any_split().modality == name
    assert read_dataset(folders["signal"], modality="volume").any_split().modality == "volume"
    with pytest.raises(PlusxError, match=r"none of .* is no volume of 3 axes"):
        plusx.train(folders["signal"], out=tmp_path / "run", modality="volume")
    listing = tmp_path / "list.csv"
    rows = [f"{path},{path.parent.name}" for path in (folders["signal"] / "train").rglob("*.npy")]
    listing.write_text("path,label\n" + "\n".join(rows))
    assert read_dataset(listing).any_split().modality == "signal"


@pytest.mark.parametrize(
    ("kind", "choices", "words"),
    [
        (
            "volume",
            {"changes": {"augment": '[{"name": "flip"}]'}},
            "--set augment: flip is not for the modality volume",
        ),
        ("signal", {"changes": {"augment": '[{"name": "intensity"}]'}}, "intensity is not for the modality signal"),
        ("volume", {"recipe": "images"}, "--recipe images: it is not for volumes"),
        ("signal", {"recipe": "volumes"}, "--recipe volumes: it is not for signals"),
        ("volume", {"model": "resnet18"}, "it is for 2 dimensions, these examples have 3"),
        ("signal", {"limits": "x"}, "--intended-use: a model's card says its use and its limits"),
        ("signal", {"intended_use": "x\ny", "limits": "z"}, "one line of printable text"),
    ],
)
def test_wrong_use_is_one_line(folders: dict[str, Path], tmp_path: Path, kind: str, choices, words: str) -> None:
    with pytest.raises(WrongUse) as refused:
        plusx.train(folders[kind], out=tmp_path / "run", **choices)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("kind", ["volume", "signal"])
@pytest.mark.slow
def test_a_budget_is_kept_to(kind: str, folders: dict[str, Path], tmp_path: Path) -> None:
    done = plusx.train(folders[kind], out=tmp_path / "run", budget_s=5.0)
    assert done.duration_s < 15
    recipe = json.loads((tmp_path / "run" / "recipe.json").read_text())
    assert recipe["name"] == f"{kind}s"
    if kind == "volume":
        assert recipe["precision"] == "float32"


class Notes(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text)


def test_volumes_begin_from_a_network_of_pictures(folders: dict[str, Path], tmp_path: Path) -> None:
    pictures = plusx.train(
        "digits", out=tmp_path / "pictures", changes={"epochs": "3", "model_options.num_filters": "8"}
    )
    notes = Notes()
    few = {"epochs": "2", "batch_size": "32"}
    done = plusx.train(folders["volume"], out=tmp_path / "volumes", start=pictures.run, changes=few, watcher=notes)
    assert any("filters of pictures, inflated along depth" in line for line in notes.lines)
    assert any("that of" in line and "arXiv 1705.07750" in line for line in notes.lines)
    assert read_archive(done.model).manifest.network["dims"] == 3
    assert done.test is not None
    assert done.test["accuracy"] > 0.6
    with pytest.raises(WrongUse, match="its network is for 3 dimensions, these examples have 2"):
        plusx.train("digits", out=tmp_path / "back", start=done.run)
    with pytest.raises(WrongUse, match="its network is for 2 dimensions, these examples have 1"):
        plusx.train(folders["signal"], out=tmp_path / "line", start=pictures.run)


def start(data: Path, out: Path, *more: str) -> subprocess.Popen[str]:
    choices = ["--epochs", "6", "--checkpoint-every", "0", "--set", "model_options.num_filters=8", *more]
    command = [sys.executable, "-m", "plusx", "train", str(data), "--out", str(out), *choices]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)


@pytest.mark.parametrize("kind", ["volume", "signal"])
@pytest.mark.slow
def test_a_killed_run_ends_bit_equal(kind: str, folders: dict[str, Path], tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    process = start(folders[kind], killed)
    while process.poll() is None and not list(killed.glob("checkpoints/step-??????????")):
        time.sleep(0.001)
    time.sleep(random.random() * 0.3)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    for process in (start(folders[kind], killed, "--resume"), start(folders[kind], whole)):
        _, words = process.communicate(timeout=120)
        assert process.returncode == 0, words
    ours, theirs = read_archive(killed).weights, read_archive(whole).weights
    assert ours.keys() == theirs.keys()
    assert all(ours[name].tobytes() == theirs[name].tobytes() for name in theirs)
