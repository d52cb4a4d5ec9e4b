"""`plusx.audit` on every kind of examples: a page, a list that agrees with hashlib, and nothing of the set changed."""

import csv
import hashlib
import shutil
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from examples import KINDS
from PIL import Image
from sklearn.datasets import make_blobs
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.naive_bayes import GaussianNB

import plusx
from plusx.api.answered import Answered, answer_all, why_not
from plusx.api.suspects import doubt, suspects
from plusx.data.audit.examine import Examined
from plusx.data.audit.findings import Finding
from plusx.data.samples import read_dataset
from plusx.data.sources import ArraySource, Samples
from plusx.training.watch import Silent


def digests(root: Path) -> dict[str, str]:
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in root.rglob("*") if path.is_file()}


def listed(out: Path) -> list[dict[str, str]]:
    with (out / "findings.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_examples_is_audited_and_stays_as_it_was(kind: str, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    data = KINDS[kind].write(tmp_path / "set")
    before = digests(tmp_path / "set")
    audited = plusx.audit(data, out=tmp_path / "out", labels=False)
    assert digests(tmp_path / "set") == before
    assert audited.examples == 190
    assert sum(audited.counts.values()) == len(listed(tmp_path / "out"))
    assert "Verdict" in (tmp_path / "out" / "audit.html").read_text(encoding="utf-8")


def test_leaks_are_those_that_hashlib_finds(digit_folder: Path, tmp_path: Path) -> None:
    root = tmp_path / "set"
    for path in digit_folder.rglob("*.png"):
        copy = root / path.relative_to(digit_folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    for number, path in enumerate(sorted(root.glob("train/*/*.png"))[::40]):
        (root / "test" / path.parent.name / f"leak{number}.png").write_bytes(path.read_bytes())
    contents = digests(root)
    wanted = {
        frozenset((one, other))
        for one, other in combinations(contents, 2)
        if contents[one] == contents[other] and ("/train/" in one) != ("/train/" in other)
    }
    audited = plusx.audit(root, out=tmp_path / "out", labels=False)
    rows = [row for row in listed(tmp_path / "out") if row["finding"] == "copy_in_two_splits"]
    assert {frozenset((row["path"], row["other"])) for row in rows} == wanted
    assert audited.grave["copy_in_two_splits"] == len(wanted) == 5


def flipped(digit_folder: Path, root: Path) -> set[str]:
    """The set at `root`, eight of its training pictures under the next label."""
    paths = sorted(digit_folder.rglob("*.png"))
    wrong = set(np.random.default_rng(0).choice(200, 8, replace=False).tolist())
    names: set[str] = set()
    for number, path in enumerate(sorted(paths, key=lambda one: "train" not in one.parts)):
        label = (int(path.parent.name) + (number in wrong)) % 10
        copy = root / path.parent.parent.name / str(label) / path.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
        names |= {str(copy)} if number in wrong else set()
    return names


def told_wrong(findings: Iterable[Finding]) -> dict[str, str]:
    return {one.path: one.suggestion for one in findings if one.finding == "wrong_label"}


@pytest.mark.slow
def test_wrong_labels_are_found_by_quick_trainings(digit_folder: Path, tmp_path: Path) -> None:
    wrong = flipped(digit_folder, tmp_path / "set")
    found = told_wrong(plusx.audit(tmp_path / "set", out=tmp_path / "out", budget_s=15).findings)
    assert len(wrong & set(found)) >= 4
    assert len(set(found) - wrong) <= 8


def test_wrong_labels_are_found_by_another_librarys_probabilities() -> None:
    points, true = make_blobs(1800, n_features=5, centers=6, cluster_std=1.5, random_state=0)
    wrong = np.random.default_rng(0).choice(len(true), 18, replace=False)
    labels = true.astype(np.int64)
    labels[wrong] = (labels[wrong] + 3) % 6
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    probabilities = np.asarray(cross_val_predict(GaussianNB(), points, labels, cv=folds, method="predict_proba"))
    samples = Samples(ArraySource(np.zeros((1800, 1, 1), np.uint8), "made"), labels, tuple("abcdef"))
    examined = Examined([], samples, np.zeros(len(samples), np.int64))
    answered = Answered(np.arange(len(samples)), probabilities)
    found = told_wrong(one.finding for one in suspects(examined, answered))
    names = {f"made/{row}": f"perhaps {'abcdef'[true[row]]}" for row in wrong}
    assert len(found.items() & names.items()) >= 16
    assert len(set(found) - set(names)) <= 2


def test_networks_that_know_less_than_the_labels_do_not_judge_them() -> None:
    labels = np.arange(100) % 2
    samples = Samples(ArraySource(np.zeros((100, 1, 1), np.uint8), "made"), labels, ("cat", "dog"))
    examined = Examined([], samples, np.zeros(100, np.int64))
    right = np.where(np.arange(100) < 60, labels, 1 - labels)
    answered = Answered(np.arange(100), np.eye(2)[right])
    assert "agree with 60.00 % of them" in str(doubt(examined, answered))
    assert doubt(examined, Answered(np.arange(100), np.eye(2)[labels])) is None


def test_each_of_several_labels_is_a_question_of_its_own() -> None:
    random = np.random.default_rng(0)
    targets = random.integers(0, 2, (200, 2)).astype(np.uint8)
    probabilities = np.abs(targets - random.uniform(0.01, 0.1, targets.shape))
    probabilities[7, 1] = abs(targets[7, 1] - 0.01)
    targets[7, 1] = 1 - targets[7, 1]
    samples = Samples(ArraySource(np.zeros((200, 1, 1), np.uint8), "made"), targets, ("sea", "sky"))
    examined = Examined([], samples, np.zeros(200, np.int64))
    found = told_wrong(one.finding for one in suspects(examined, Answered(np.arange(200), probabilities)))
    assert found == {"made/7": f"perhaps {'not' if targets[7, 1] else 'also'} sky"}


def test_every_example_is_answered_once(digit_folder: Path) -> None:
    dataset = read_dataset(digit_folder)
    choices = {"changes": {"model_options.num_filters": "8"}}
    answered = answer_all(dataset, digit_folder, 3.0, choices, Silent())
    assert answered.rows.tolist() == list(range(300))
    assert answered.probabilities.sum(axis=1) == pytest.approx(np.ones(300))


def test_what_cannot_be_checked_is_said(tmp_path: Path) -> None:
    for number in range(31):
        folder = tmp_path / "set" / ("many" if number else "one")
        folder.mkdir(parents=True, exist_ok=True)
        picture = np.random.default_rng(number).integers(0, 256, (8, 8), np.uint8)
        Image.fromarray(picture).save(folder / f"{number}.png")
    assert "the class one has 1 examples" in str(why_not(read_dataset(tmp_path / "set")))
    audited = plusx.audit(tmp_path / "set", out=tmp_path / "out")
    assert audited.notes == (why_not(read_dataset(tmp_path / "set")),)


def test_a_set_in_memory_is_audited_without_trainings(digit_folder: Path, tmp_path: Path) -> None:
    audited = plusx.audit(read_dataset(digit_folder), out=tmp_path / "out")
    assert audited.notes == ("labels were not checked: the examples are in memory",)


class Heard(Silent):
    """Keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_a_training_tells_of_leaks_in_a_line(digit_folder: Path, tmp_path: Path) -> None:
    root = tmp_path / "set"
    shutil.copytree(digit_folder, root)
    for number, path in enumerate(sorted(root.glob("train/*/*.png"))[::50]):
        shutil.copy(path, root / "test" / path.parent.name / f"leak{number}.png")
    heard = Heard()
    changes = {"epochs": "0.5", "model_options.num_filters": "8"}
    plusx.train(root, out=tmp_path / "run", changes=changes, watcher=heard, val_fraction=0.2)
    told = [note for note in heard.notes if "plusx audit" in note]
    # Of the four copied ones some may have been held out: each is told with the split it lies in.
    assert 1 <= len(told) <= 2
    assert sum(int(note.split()[0]) for note in told) == 4
    assert all(note.endswith(f"; plusx audit {root} shows them") and "and test" in note for note in told)
