"""Several labels a picture, from a CSV to a model, its scores and its answers."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import plusx
from plusx.api.train import Trained
from plusx.archive import read_archive
from plusx.cli.evaluate import evaluate
from plusx.cli.main import main

QUICK: dict[str, Any] = {"changes": {"epochs": "6", "model_options.num_filters": "16"}}
LABELS = {"even": "02468", "large": "56789", "round": "0689"}


def labels_of(digit: str) -> str:
    """1 and 3 have none."""
    return " | ".join(label for label, digits in LABELS.items() if digit in digits)


@pytest.fixture(scope="module")
def listing(digit_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits with what can be said of each: even, large, round, several of these or none."""
    path = tmp_path_factory.mktemp("several") / "list.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "label", "split"))
        for picture in sorted(digit_folder.rglob("*.png")):
            rows.writerow((picture, labels_of(picture.parent.name), picture.parent.parent.name))
    return path


@pytest.fixture(scope="module")
def trained(listing: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return plusx.train(listing, out=tmp_path_factory.mktemp("runs") / "run", **QUICK)


def test_it_learns_the_labels(trained: Trained) -> None:
    assert trained.test is not None
    assert trained.test["count"] == 100
    assert trained.test["accuracy"] > 0.5
    assert trained.test["f1_macro"] > 0.75
    assert trained.test["mean_average_precision"] > 0.8
    assert [row["label"] for row in trained.test["per_class"]] == list(LABELS)
    with (trained.run / "splits.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["label"] for row in rows} == {labels_of(digit).replace(" ", "") for digit in "0123456789"}
    last = json.loads((trained.run / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["val_accuracy"] == pytest.approx(trained.val["accuracy"])


def test_the_stored_model_scores_as_the_training_said(trained: Trained, listing: Path) -> None:
    archive = read_archive(trained.model)
    assert archive.manifest.task == {"name": "multilabel", "threshold": 0.5}
    scores = trained.load().evaluate(listing)
    assert trained.test is not None
    assert {name: scores[name] for name in trained.test} == trained.test


def test_it_is_scored_on_pictures_of_one_label_each(trained: Trained, digit_folder: Path, tmp_path: Path) -> None:
    with (tmp_path / "one.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "label"))
        for picture in sorted(digit_folder.glob("test/[247]/*.png")):
            rows.writerow((picture, labels_of(picture.parent.name)))
    scores = trained.load().evaluate(tmp_path / "one.csv")
    assert [row["count"] > 0 for row in scores["per_class"]] == [True, True, False]
    assert scores["accuracy"] > 0.4
    with pytest.raises(plusx.WrongUse, match="does not know the classes 0, 1, 2"):
        trained.load().evaluate(digit_folder)


def test_answers_list_the_labels(trained: Trained, digit_folder: Path, tmp_path: Path) -> None:
    paths = sorted(digit_folder.glob("test/*/*.png"))
    *answers, bad = trained.load().predict([*paths, tmp_path / "none.png"])
    assert {tuple(answer) for answer in [*answers, bad]} == {("path", "label", "labels", "probability", "top", "error")}
    assert (bad["label"], bad["labels"], bad["top"]) == (None, None, None)
    assert all(answer["label"] == "|".join(answer["labels"]) for answer in answers)
    assert "" in {answer["label"] for answer in answers}
    right = [
        answer["label"] == labels_of(path.parent.name).replace(" ", "")
        for answer, path in zip(answers, paths, strict=True)
    ]
    assert trained.test is not None
    assert np.mean(right) == pytest.approx(trained.test["accuracy"])


def test_a_model_of_one_label_refuses_several(digit_folder: Path, listing: Path, tmp_path: Path) -> None:
    one = plusx.train(digit_folder, out=tmp_path / "run", changes={"epochs": "1", "model_options.num_filters": "8"})
    with pytest.raises(plusx.WrongUse, match=r"list\.csv: several labels an example, but the model names one"):
        one.load().evaluate(listing)


def test_words_for_people(trained: Trained, listing: Path, digit_folder: Path, capsys: pytest.CaptureFixture) -> None:
    evaluate(trained.model, str(listing))
    words = capsys.readouterr().out
    assert trained.test is not None
    for name, words_for in (("accuracy", "accuracy"), ("f1_micro", "F1, micro"), ("hamming_loss", "hamming loss")):
        assert f"{words_for:<18} {100 * trained.test[name]:.2f} %" in words
    assert "top-5" not in words
    picture = next(digit_folder.glob("test/0/*.png"))
    answer = trained.load().predict(picture)[0]
    with pytest.raises(SystemExit):
        main(["predict", str(trained.model), str(picture)])
    first = answer["top"][0]
    line = capsys.readouterr().out
    assert line.startswith(
        f"{picture}: {answer['label'] or 'none'} ({first['label']} {100 * first['probability']:.2f} %, "
    )


def test_a_file_of_answers_joins_the_labels(trained: Trained, digit_folder: Path, tmp_path: Path) -> None:
    pictures = str(digit_folder / "test" / "0")
    with pytest.raises(SystemExit):
        main(["predict", str(trained.model), pictures, "--out", str(tmp_path / "answers.csv")])
    with (tmp_path / "answers.csv").open() as file:
        written = [row["label"] for row in csv.DictReader(file)]
    expected = trained.load().predict(sorted((digit_folder / "test" / "0").glob("*.png")))
    assert written == [answer["label"] for answer in expected]
