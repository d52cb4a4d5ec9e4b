"""Distillation from a command to its end: who may teach, that a run is exact, and what a person is told."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import plusx
from plusx.archive import read_archive
from plusx.engines.torch import TorchEngine
from plusx.training.run import RunFolder
from plusx.training.teacher import Teacher
from plusx.training.watch import Silent, Step

SMALL = {"model_options.num_filters": "8"}


class Killed(Exception):
    pass


class Notes(Silent):
    def __init__(self, stop_after: int = 10**9) -> None:
        self.lines: list[str] = []
        self.losses: list[float] = []
        self.stop_after = stop_after

    def note(self, text: str) -> None:
        self.lines.append(text)

    def stepped(self, step: Step) -> None:
        self.losses.append(step.loss)
        if step.step == self.stop_after:
            raise Killed


@pytest.fixture(scope="module")
def teacher(digit_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    changes = {"epochs": "15", "model_options.num_filters": "16"}
    return plusx.train(digit_folder, out=tmp_path_factory.mktemp("runs") / "teacher", changes=changes).run


def weights(run: Path) -> dict[str, np.ndarray]:
    return read_archive(run).weights


def equal(one: Path, other: Path) -> bool:
    first, second = weights(one), weights(other)
    return first.keys() == second.keys() and all(first[name].tobytes() == second[name].tobytes() for name in first)


def test_a_teacher_answers_in_the_students_order(teacher: Path) -> None:
    archive = read_archive(teacher)
    classes = archive.manifest.classes[::-1]
    inputs = archive.golden.inputs
    outputs = Teacher(archive, classes, torch.device("cpu"))(torch.from_numpy(inputs))
    assert not outputs.requires_grad
    np.testing.assert_allclose(outputs.numpy()[:, ::-1], TorchEngine(archive)(inputs), atol=1e-5)


def test_a_student_of_its_teacher_alone_comes_to_answer_as_it_does(
    teacher: Path, digit_folder: Path, tmp_path: Path
) -> None:
    """Without labels: what it learns it can have from the teacher alone."""
    changes = {"epochs": "12", "distill.weight": "1", **SMALL}
    notes = Notes()
    student = plusx.train(digit_folder, out=tmp_path / "run", teacher=teacher, changes=changes, watcher=notes)
    assert f"distill: weight 1, temperature 2 (with the teacher {teacher})" in notes.lines
    assert "distill.weight: 1 (set by you)" in notes.lines
    assert not any("otherwise" in line for line in notes.lines)
    pictures = sorted((digit_folder / "test").rglob("*.png"))
    wanted = [row["label"] for row in plusx.load(teacher).predict(pictures)]
    found = [row["label"] for row in student.load().predict(pictures)]
    assert np.mean([one == other for one, other in zip(wanted, found, strict=True)]) > 0.85
    kept = RunFolder(student.run)
    assert kept.teacher.read_bytes() == (teacher / "model.plusx").read_bytes()
    assert json.loads(kept.recipe.read_text())["distill"] == {"weight": 1.0, "temperature": 2.0}


def test_a_weight_of_nothing_is_training_by_labels(teacher: Path, digit_folder: Path, tmp_path: Path) -> None:
    """The teacher draws no random numbers and changes nothing else."""
    plain = {"epochs": "1", "model_options.stochastic_depth": "0.3", **SMALL}
    plusx.train(digit_folder, out=tmp_path / "plain", changes=plain)
    plusx.train(digit_folder, out=tmp_path / "none", teacher=teacher, changes={**plain, "distill.weight": "0"})
    plusx.train(digit_folder, out=tmp_path / "half", teacher=teacher, changes=plain)
    assert equal(tmp_path / "plain", tmp_path / "none")
    assert not equal(tmp_path / "plain", tmp_path / "half")


MIXED = {"epochs": "2", "average": "0.9", "mix": '{"mixup": 0.2, "cutmix": 1}', "precision": "bfloat16", **SMALL}


@pytest.mark.parametrize(("stop_after", "every_s"), [(1, 1e9), (4, 0.0)], ids=["before a checkpoint", "after some"])
def test_a_killed_run_ends_bit_equal_though_its_teacher_is_gone(
    teacher: Path, digit_folder: Path, tmp_path: Path, stop_after: int, every_s: float
) -> None:
    whole = plusx.train(digit_folder, out=tmp_path / "whole", teacher=teacher, changes=MIXED)
    moved = tmp_path / "teacher"
    shutil.copytree(teacher, moved)
    run: dict[str, Any] = {"out": tmp_path / "killed", "changes": MIXED, "teacher": moved}
    with pytest.raises(Killed):
        plusx.train(digit_folder, watcher=Notes(stop_after), checkpoint_every_s=every_s, **run)
    shutil.rmtree(moved)
    plusx.train(digit_folder, out=tmp_path / "killed", resume=True)
    assert equal(whole.run, tmp_path / "killed")
    with pytest.raises(plusx.WrongUse, match="has teacher="):
        plusx.train(digit_folder, out=tmp_path / "killed", teacher=teacher, resume=True)


@pytest.mark.parametrize(("damage", "says"), [("gone", "cannot be read"), ("changed", "not what was written")])
def test_a_damaged_copy_is_no_teacher(
    teacher: Path, digit_folder: Path, tmp_path: Path, damage: str, says: str
) -> None:
    out = tmp_path / "run"
    with pytest.raises(Killed):
        plusx.train(digit_folder, out=out, teacher=teacher, changes=SMALL, watcher=Notes(1))
    kept = RunFolder(out).teacher
    data = kept.read_bytes()
    kept.unlink() if damage == "gone" else kept.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(plusx.PlusxError, match=rf"teacher\.plusx: .*{says}") as caught:
        plusx.train(digit_folder, out=out, resume=True)
    assert "\n" not in str(caught.value)


def test_every_fold_has_the_teacher_of_the_first(teacher: Path, digit_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "folds"
    changes = {"epochs": "1", **SMALL}
    plusx.cross_validate(digit_folder, folds=2, out=out, teacher=teacher, changes=changes)
    copies = [(out / fold / "teacher.plusx").read_bytes() for fold in ("fold-1", "fold-2")]
    assert copies[0] == copies[1] == (teacher / "model.plusx").read_bytes()


def test_several_labels_are_taught_too(digit_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "label", "split"))
        for picture in sorted(digit_folder.rglob("*.png")):
            digit = picture.parent.name
            labels = "|".join(name for name, own in {"even": "02468", "large": "56789"}.items() if digit in own)
            rows.writerow((picture, labels, picture.parent.parent.name))
    teacher = plusx.train(path, out=tmp_path / "teacher", changes={"epochs": "6", "model_options.num_filters": "16"})
    changes = {"epochs": "6", "distill.weight": "1", **SMALL}
    student = plusx.train(path, out=tmp_path / "student", teacher=teacher.run, changes=changes)
    assert student.test is not None
    assert student.test["accuracy"] > 0.4
    with pytest.raises(plusx.WrongUse, match="its task is multilabel"):
        plusx.train(digit_folder, out=tmp_path / "other", teacher=teacher.run)


def test_other_preparation_is_noted(teacher: Path, digit_folder: Path, tmp_path: Path) -> None:
    notes = Notes()
    changes = {"epochs": "0.1", "preprocessing.resampling": "bicubic", **SMALL}
    plusx.train(digit_folder, out=tmp_path / "run", teacher=teacher, changes=changes, watcher=notes)
    said = [line for line in notes.lines if "otherwise" in line]
    assert said == [f"prepared otherwise than for the teacher {teacher}: resampling bicubic, there bilinear"]


def test_the_mend_for_another_size_mends(teacher: Path, digit_folder: Path, tmp_path: Path) -> None:
    wrong = {"epochs": "0.1", "preprocessing.height": "10", "preprocessing.width": "9", **SMALL}
    with pytest.raises(plusx.WrongUse) as caught:
        plusx.train(digit_folder, out=tmp_path / "run", teacher=teacher, changes=wrong)
    text = str(caught.value)
    assert text == (
        f"--teacher {teacher}: its examples have another size; --set preprocessing.height=8 --set preprocessing.width=8"
    )
    colour = {"preprocessing.channels": "3", "preprocessing.mean": "[1,2,3]", "preprocessing.std": "[1,2,3]"}
    with pytest.raises(plusx.WrongUse) as caught:
        plusx.train(digit_folder, out=tmp_path / "run", teacher=teacher, changes={**wrong, **colour})
    mend = dict(part.strip().split("=") for part in str(caught.value).split("--set ")[1:])
    assert "preprocessing.channels" in mend
    plusx.train(digit_folder, out=tmp_path / "run", teacher=teacher, changes={**wrong, **colour, **mend})


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no file": ({"teacher": "none.plusx"}, "--teacher none.plusx: is not there"),
    "no model": ({"teacher": "tests"}, "--teacher tests"),
    "no teacher": ({"changes": {"distill.weight": "0.5"}}, "--set distill.weight: it is for a teacher; name one"),
    "weight": ({"teacher": True, "changes": {"distill.weight": "2"}}, "--set: distill.weight: "),
    "key": ({"teacher": True, "changes": {"distill.wait": "2"}}, "the recipe has no wait there"),
    "null": ({"teacher": True, "changes": {"distill": "null"}}, "--set distill: it goes together with --teacher"),
    "budget": ({"teacher": True, "budget_s": 30.0}, "--budget: what a teacher costs is not measured"),
}


@pytest.mark.parametrize(("choices", "says"), WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_taught_is_one_line_and_leaves_nothing(
    teacher: Path, digit_folder: Path, tmp_path: Path, choices: dict[str, Any], says: str
) -> None:
    if choices.get("teacher") is True:
        choices = {**choices, "teacher": teacher}
    with pytest.raises(plusx.PlusxError) as caught:
        plusx.train(digit_folder, out=tmp_path / "run", **choices)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_other_classes_are_named(teacher: Path, digit_folder: Path, tmp_path: Path) -> None:
    for label in "0123":
        shutil.copytree(digit_folder / "train" / label, tmp_path / "few" / label)
    with pytest.raises(plusx.WrongUse, match="these examples lack the class 4"):
        plusx.train(tmp_path / "few", out=tmp_path / "run", teacher=teacher)
    few = plusx.train(tmp_path / "few", out=tmp_path / "few-run", changes={"epochs": "1", **SMALL})
    with pytest.raises(plusx.WrongUse, match="it does not know the class 4"):
        plusx.train(digit_folder, out=tmp_path / "run", teacher=few.run)
