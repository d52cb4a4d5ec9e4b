"""Cross-validation: every example is answered once, by the network that never saw it, whatever happens in between."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import accuracy_score, log_loss

import plusx
from plusx.api.folds import CrossValidated
from plusx.archive import read_archive
from plusx.training.watch import Silent

QUICK: dict[str, Any] = {"changes": {"epochs": "2", "model_options.num_filters": "8", "seed": "3"}}


@pytest.fixture(scope="module")
def done(digit_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> CrossValidated:
    return plusx.cross_validate(digit_folder, folds=3, out=tmp_path_factory.mktemp("folds") / "all", **QUICK)


def answers(run: Path) -> list[dict[str, Any]]:
    return pq.read_table(run / "out_of_fold.parquet").to_pylist()


def held_out(run: Path) -> set[str]:
    with (run / "splits.csv").open() as file:
        return {row["name"] for row in csv.DictReader(file) if row["split"] == "val"}


def test_each_example_is_answered_once_by_the_network_that_never_saw_it(
    done: CrossValidated, digit_folder: Path
) -> None:
    rows = answers(done.run)
    wanted = {str(path): path.parent.name for path in digit_folder.glob("train/*/*.png")}
    assert len(rows) == len(wanted) == 200
    assert {row["path"]: row["label"] for row in rows} == wanted
    for number, fold in enumerate(done.folds, 1):
        own = {row["path"]: row for row in rows if row["fold"] == number}
        assert set(own) == held_out(fold.run)
        for answer in plusx.load(fold.run).predict(list(map(Path, own)), top=10):
            row = own[answer["path"]]
            assert row["predicted"] == answer["label"]
            assert row["probability"] == pytest.approx(answer["probability"], abs=1e-5)
            for one in answer["top"]:
                assert row[f"probability_{one['label']}"] == pytest.approx(one["probability"], abs=1e-5)


def test_folds_are_stratified(done: CrossValidated) -> None:
    counts = np.zeros((3, 10), int)
    for row in answers(done.run):
        counts[row["fold"] - 1, int(row["label"])] += 1
    assert np.ptp(counts, axis=0).max() <= 1


def test_scores_are_those_of_all_answers(done: CrossValidated) -> None:
    rows = answers(done.run)
    labels = [row["label"] for row in rows]
    assert done.out_of_fold["accuracy"] == pytest.approx(accuracy_score(labels, [row["predicted"] for row in rows]))
    probabilities = [[row[f"probability_{digit}"] for digit in range(10)] for row in rows]
    assert done.out_of_fold["loss"] == pytest.approx(log_loss(labels, probabilities), rel=1e-5)
    accuracies = [fold.val["accuracy"] for fold in done.folds]
    assert done.val == {"accuracy": pytest.approx(np.mean(accuracies)), "accuracy_std": np.std(accuracies, ddof=1)}
    tests = [fold.test["accuracy"] for fold in done.folds if fold.test]
    assert done.test is not None
    assert done.test["accuracy_std"] == pytest.approx(np.std(tests, ddof=1))
    assert json.loads((done.run / "folds.json").read_text()) == done.summary()


def test_each_fold_is_a_run(done: CrossValidated, digit_folder: Path) -> None:
    for fold in done.folds:
        scores = plusx.load(fold.run).evaluate(digit_folder)
        assert fold.test is not None
        assert scores["accuracy"] == fold.test["accuracy"]
    again = plusx.train(digit_folder, out=done.folds[1].run, resume=True)
    assert again.val == done.folds[1].val


def test_pictures_are_decoded_once_for_all_folds(digit_folder: Path, own_cache: Path, tmp_path: Path) -> None:
    plusx.cross_validate(digit_folder, folds=2, out=tmp_path / "all", **QUICK)
    # One for train and val together, one for test.
    assert len(list(own_cache.iterdir())) == 2


def test_a_val_split_is_parted_too(digit_folder: Path, tmp_path: Path) -> None:
    paths = sorted(digit_folder.glob("train/*/*.png"))
    with (tmp_path / "list.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "label", "split"))
        rows.writerows((path, path.parent.name, "train" if index % 4 else "val") for index, path in enumerate(paths))
    done = plusx.cross_validate(tmp_path / "list.csv", folds=2, out=tmp_path / "all", **QUICK)
    assert {row["path"] for row in answers(done.run)} == {str(path) for path in paths}
    assert done.test is None


def test_unreadable_pictures_are_left_out(digit_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(digit_folder / "train", tmp_path / "data")
    bad = sorted((tmp_path / "data").glob("*/*.png"))[::40]
    for path in bad:
        path.write_text("no picture")
    done = plusx.cross_validate(tmp_path / "data", folds=2, out=tmp_path / "all", **QUICK)
    rows = answers(done.run)
    assert len(rows) == done.out_of_fold["count"] == 200 - len(bad)
    assert not {row["path"] for row in rows} & set(map(str, bad))


def test_examples_with_several_labels(digit_folder: Path, tmp_path: Path) -> None:
    paths = sorted(digit_folder.glob("train/*/*.png"))
    with (tmp_path / "list.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "label"))
        for path in paths:
            digit = int(path.parent.name)
            rows.writerow((path, "|".join(name for name, has in (("big", digit > 4), ("odd", digit % 2)) if has)))
    done = plusx.cross_validate(tmp_path / "list.csv", folds=2, out=tmp_path / "all", **QUICK)
    found = answers(done.run)
    assert len(found) == 200
    assert {row["label"] for row in found} == {"", "big", "odd", "big|odd"}
    for row in found:
        named = [name for name in ("big", "odd") if row[f"probability_{name}"] >= 0.5]
        assert row["predicted"] == "|".join(named)


class Killed(Exception):
    pass


class KilledIn(Silent):
    """Stops the training of a fold at its end, before it is stored."""

    def __init__(self, fold: int) -> None:
        self.fold, self.now = fold, 0

    def note(self, text: str) -> None:
        self.now += text.startswith("fold ")

    def finished_epoch(self, epoch: Any, epochs: float) -> None:
        if self.now == self.fold:
            raise Killed


def weights(fold: Path) -> dict[str, bytes]:
    return {name: weight.tobytes() for name, weight in read_archive(fold).weights.items()}


def test_a_killed_cross_validation_ends_as_one_that_was_not(
    done: CrossValidated, digit_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "killed"
    with pytest.raises(Killed):
        plusx.cross_validate(digit_folder, folds=3, out=out, watcher=KilledIn(2), checkpoint_every_s=0, **QUICK)
    finished = (out / "fold-1" / "model.plusx").stat()
    # Killed while it began: run.json, which is written last, is not there.
    (out / "fold-3").mkdir()
    (out / "fold-3" / "recipe.json").write_text("{}")
    # What is left out now is as it was.
    again = plusx.cross_validate(digit_folder, folds=3, out=out, resume=True)
    assert (out / "fold-1" / "model.plusx").stat().st_mtime_ns == finished.st_mtime_ns
    for fold in ("fold-1", "fold-2", "fold-3"):
        assert weights(out / fold) == weights(done.run / fold)
    assert again.out_of_fold == done.out_of_fold
    assert answers(out) == answers(done.run)


def test_all_folds_begin_from_one_start(done: CrossValidated, digit_folder: Path, tmp_path: Path) -> None:
    quick: dict[str, Any] = {"folds": 2, "changes": {"epochs": "2"}}
    whole = plusx.cross_validate(digit_folder, out=tmp_path / "whole", start=done.folds[0].run, **quick)
    start = tmp_path / "start.plusx"
    shutil.copy(done.folds[0].model, start)
    with pytest.raises(Killed):
        plusx.cross_validate(digit_folder, out=tmp_path / "killed", start=start, watcher=KilledIn(1), **quick)
    start.unlink()
    plusx.cross_validate(digit_folder, folds=2, out=tmp_path / "killed", resume=True)
    for fold in ("fold-1", "fold-2"):
        assert weights(tmp_path / "killed" / fold) == weights(whole.run / fold)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "one": ({"folds": 1}, "--folds 1: it must be from 2"),
    "too many": ({"folds": 201}, "--folds 201"),
    "more than of a class": ({"folds": 30}, "--folds 30: the class"),
    "unknown": ({"model": "resnet19"}, "did you mean resnet1"),
    "nothing to resume": ({"resume": True}, "holds no folds"),
}


@pytest.mark.parametrize(("choices", "says"), WRONG.values(), ids=WRONG.keys())
def test_wrong_use_is_one_line_and_leaves_nothing(
    digit_folder: Path, tmp_path: Path, choices: dict[str, Any], says: str
) -> None:
    with pytest.raises(plusx.WrongUse) as caught:
        plusx.cross_validate(digit_folder, out=tmp_path / "all", **choices)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "all").exists()


def test_other_folds_are_other_runs(done: CrossValidated, digit_folder: Path) -> None:
    with pytest.raises(plusx.WrongUse, match="something is there already"):
        plusx.cross_validate(digit_folder, folds=3, out=done.run)
    with pytest.raises(plusx.WrongUse, match=r"has fold='1/3', not '1/4'"):
        plusx.cross_validate(digit_folder, folds=4, out=done.run, resume=True)
