"""Numbers a picture, from a list to a model, its intervals and its answers."""

import csv
import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import plusx
from plusx.api.suit import suited
from plusx.api.train import Trained
from plusx.archive import read_archive
from plusx.cli.main import main
from plusx.data.augment import Shift
from plusx.data.image_facts import survey_images
from plusx.data.samples import read_dataset
from plusx.recipes.fine_tune import fine_tune
from plusx.recipes.images import images, images_ladder
from plusx.training.watch import Silent, Step

QUICK: dict[str, Any] = {"changes": {"epochs": "6", "model_options.num_filters": "16"}}
SMALL: dict[str, Any] = {"changes": {"epochs": "2", "model_options.num_filters": "8"}}


def ink(picture: Path) -> float:
    """How much of a digit is black, of 1: a number that a picture has."""
    return float(np.asarray(Image.open(picture)).mean() / 255)


def write(path: Path, columns: tuple[str, ...], rows: list[tuple]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
    return path


@pytest.fixture(scope="module")
def listing(digit_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [(one, ink(one), one.parent.parent.name) for one in sorted(digit_folder.rglob("*.png"))]
    return write(tmp_path_factory.mktemp("numbers") / "list.csv", ("path", "target", "split"), rows)


@pytest.fixture(scope="module")
def trained(listing: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return plusx.train(listing, out=tmp_path_factory.mktemp("runs") / "run", val_fraction=0.25, **QUICK)


def test_it_learns_the_numbers(trained: Trained, listing: Path) -> None:
    assert trained.test is not None
    assert trained.test["count"] == 100
    assert trained.test["r2"] > 0.8
    # Of the 50 that calibrated it, exactly the smallest share above nine tenths: 46 of them.
    assert trained.val["coverage"] == 46 / 50
    with (trained.run / "splits.csv").open() as file:
        labels = {row["name"]: float(row["label"]) for row in csv.DictReader(file)}
    assert labels == pytest.approx({name: ink(Path(name)) for name in labels}, rel=1e-4)
    last = json.loads((trained.run / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["measure"] == "skill"
    assert last["val_accuracy"] == pytest.approx(trained.val["skill"], abs=1e-5)
    assert last["val_loss"] == pytest.approx(trained.val["loss"], rel=1e-4)


def test_the_stored_model_scores_as_the_training_said(trained: Trained, listing: Path) -> None:
    task = read_archive(trained.model).manifest.task
    targets = read_dataset(listing).split("train").targets
    assert task["name"] == "regress"
    assert task["mean"] == pytest.approx([targets.mean()], rel=0.05)
    scores = trained.load().evaluate(listing)
    assert trained.test is not None
    assert {name: scores[name] for name in trained.test} == trained.test


def test_answers_are_numbers_in_intervals(trained: Trained, digit_folder: Path, tmp_path: Path) -> None:
    paths = sorted(digit_folder.glob("test/*/*.png"))
    *answers, bad = trained.load().predict([*paths, tmp_path / "none.png"])
    assert {tuple(one) for one in [*answers, bad]} == {
        ("path", "label", "probability", "value", "low", "high", "error")
    }
    assert (bad["label"], bad["value"], bad["low"]) == (None, None, None)
    assert all(one["low"] < one["value"] < one["high"] for one in answers)
    held = np.mean([one["low"] <= ink(path) <= one["high"] for one, path in zip(answers, paths, strict=True)])
    assert trained.test is not None
    assert held == pytest.approx(trained.test["coverage"], abs=0.011)


def test_a_table_of_answers_holds_them(trained: Trained, digit_folder: Path, tmp_path: Path) -> None:
    pictures = str(digit_folder / "test" / "0")
    for name in ("answers.csv", "answers.parquet"):
        with pytest.raises(SystemExit):
            main(["predict", str(trained.model), pictures, "--out", str(tmp_path / name)])
    rows = pq.read_table(tmp_path / "answers.parquet").to_pylist()
    with (tmp_path / "answers.csv").open() as file:
        assert [float(row["value"]) for row in csv.DictReader(file)] == [row["value"] for row in rows]
    expected = trained.load().predict(sorted((digit_folder / "test" / "0").glob("*.png")))
    assert [row["high"] for row in rows] == [one["high"] for one in expected]


def test_words_for_people(trained: Trained, listing: Path, digit_folder: Path, capsys: pytest.CaptureFixture) -> None:
    for command in (["evaluate", str(trained.model), str(listing)], ["info", str(trained.model)]):
        with pytest.raises(SystemExit) as left:
            main(command)
        assert left.value.code == 0
    words = capsys.readouterr().out
    assert trained.test is not None
    assert f"mean abs. error    {trained.test['mae']:.4f}" in words
    assert f"in their intervals {100 * trained.test['coverage']:.2f} %" in words
    assert "1 targets: target" in words
    assert "skill" in words
    assert "right" not in words
    picture = next(digit_folder.glob("test/0/*.png"))
    with pytest.raises(SystemExit):
        main(["predict", str(trained.model), str(picture)])
    answer = trained.load().predict(picture)[0]
    assert capsys.readouterr().out.startswith(f"{picture}: {answer['label']} (90.00 % between ")


def test_several_numbers_are_matched_by_their_names(digit_folder: Path, tmp_path: Path) -> None:
    pictures = sorted(digit_folder.rglob("*.png"))
    rows = [(one, ink(one), 10 * ink(one) + 5, one.parent.parent.name) for one in pictures]
    listed = write(tmp_path / "two.csv", ("path", "target_ink", "target_more", "split"), rows)
    trained = plusx.train(listed, out=tmp_path / "run", **QUICK)
    assert trained.test is not None
    assert [row["label"] for row in trained.test["per_target"]] == ["ink", "more"]
    assert trained.test["mae"] == pytest.approx(np.mean([row["mae"] for row in trained.test["per_target"]]))
    turned = write(
        tmp_path / "turned.csv",
        ("target_more", "path", "target_ink", "split"),
        [(more, path, own, split) for path, own, more, split in rows],
    )
    assert trained.load().evaluate(turned)["per_target"] == trained.test["per_target"]
    one = write(tmp_path / "one.csv", ("path", "target_ink"), [row[:2] for row in rows])
    with pytest.raises(plusx.WrongUse, match=r"one\.csv: the model says more, which these examples lack"):
        trained.load().evaluate(one)


@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
def test_other_lists_are_the_same_examples(listing: Path, ending: str, tmp_path: Path) -> None:
    import pyarrow.csv

    table = pyarrow.csv.read_csv(listing)
    other = tmp_path / f"list{ending}"
    if ending == ".parquet":
        pq.write_table(table, other)
    else:
        other.write_text("\n".join(json.dumps(row) for row in table.to_pylist()))
    for split in ("train", "test"):
        ours, theirs = (read_dataset(one).split(split) for one in (listing, other))
        assert ours.source.fingerprint() == theirs.source.fingerprint()
        assert ours.targets.dtype == np.float32
        np.testing.assert_array_equal(ours.targets, theirs.targets)


BAD = {
    "": "line 3: target: no number; fill it in or remove the row",
    "much": "line 3: target: 'much' is no number",
    "nan": "line 3: target: nan is not finite",
    "-inf": "line 3: target: -inf is not finite",
    "1e300": "line 3: target: 1e300 is too large",
}


@pytest.mark.parametrize(("text", "says"), BAD.items())
def test_bad_targets_are_refused_with_their_line(text: str, says: str, listing: Path, tmp_path: Path) -> None:
    picture = next(read_dataset(listing).split("test").source.name(index) for index in range(1))
    listed = write(tmp_path / "bad.csv", ("path", "target"), [(picture, 1), (picture, text)])
    with pytest.raises(plusx.WrongUse) as refused:
        read_dataset(listed)
    assert str(refused.value).startswith(f"{listed}: {says}")


@pytest.mark.parametrize("columns", [("path", "target"), ("path", "target_ink", "target_angle")])
def test_a_number_that_never_changes_is_refused(columns: tuple[str, ...], digit_folder: Path, tmp_path: Path) -> None:
    pictures = sorted(digit_folder.glob("train/*/*.png"))
    own = [(one, *((ink(one),) if len(columns) == 3 else ()), 0.5) for one in pictures]
    listed = write(tmp_path / "same.csv", columns, own)
    with pytest.raises(plusx.PlusxError) as refused:
        plusx.train(listed, out=tmp_path / "run", **SMALL)
    name = columns[-1].removeprefix("target_")
    assert str(refused.value) == (
        f"{listed}: {name} is 0.5 in every training example, which leaves nothing to learn; list examples in which it "
        "differs, or remove the column"
    )
    assert not (tmp_path / "run").exists()


def test_pictures_are_moved_a_little_and_nothing_else(trained: Trained, digit_folder: Path, tmp_path: Path) -> None:
    recipe = json.loads((trained.run / "recipe.json").read_text())
    assert recipe["augment"] == [{"name": "shift", "reach": 1, "fill": "edge"}]
    colours = tmp_path / "colours"
    colours.mkdir()
    for number in range(40):
        shade = np.random.default_rng(number).integers(0, 256, (56, 70, 3), np.uint8)
        Image.fromarray(shade).save(colours / f"{number}.png")
    listed = write(tmp_path / "list.csv", ("path", "target"), [(f"colours/{one}.png", one) for one in range(40)])
    samples = read_dataset(listed).split("train")
    facts = survey_images(samples)
    for recipe in (images(facts), *images_ladder(facts), fine_tune(facts)):
        assert suited(recipe, samples).augment == (Shift(reach=4),)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "balance": ({"changes": {"balance": "weights"}}, "--balance weights: it is not for the task regress; use none"),
    "loss": ({"changes": {"loss": "binary"}}, "--set loss=binary: it is for scores of classes"),
    "task": ({"task": "classify"}, "its examples are for the task regress, not for classify"),
    "misspelt": ({"task": "regres"}, "--task regres: no such task; did you mean regress?"),
}


@pytest.mark.parametrize(("choices", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_what_does_not_fit_is_refused_before_anything_is_begun(
    choices: dict[str, Any], says: str, listing: Path, tmp_path: Path
) -> None:
    with pytest.raises(plusx.WrongUse) as refused:
        plusx.train(listing, out=tmp_path / "run", **choices)
    assert says in str(refused.value)
    assert not (tmp_path / "run").exists()


def test_teachers_shards_and_other_models_are_refused(
    trained: Trained, listing: Path, digit_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(plusx.WrongUse, match="these examples ask for none"):
        plusx.train(listing, out=tmp_path / "run", teacher=trained.model, **SMALL)
    with pytest.raises(plusx.WrongUse, match="shards hold labels"):
        plusx.pack(listing, tmp_path / "shards")
    with pytest.raises(plusx.WrongUse, match="for the task classify, not for regress"):
        trained.load().evaluate(digit_folder)


class StopAt(Silent):
    """Presses Ctrl-C after a step."""

    def stepped(self, step: Step) -> None:
        if step.step == 4:
            os.kill(os.getpid(), signal.SIGINT)


def test_a_stopped_run_ends_as_one_that_never_was(listing: Path, tmp_path: Path) -> None:
    choices = {
        "val_fraction": 0.25,
        "changes": {"epochs": "2", "model_options.num_filters": "8", "mix": '{"cutmix": 0}'},
    }
    whole = plusx.train(listing, out=tmp_path / "whole", **choices)
    with pytest.raises(KeyboardInterrupt):
        plusx.train(listing, out=tmp_path / "stopped", watcher=StopAt(), **choices)
    resumed = plusx.train(listing, out=tmp_path / "stopped", resume=True)
    first, second = read_archive(whole.model), read_archive(resumed.model)
    assert first.manifest.task == second.manifest.task
    assert first.manifest.task["scale"] is not None
    assert {name: one.tobytes() for name, one in first.weights.items()} == {
        name: one.tobytes() for name, one in second.weights.items()
    }


def test_folds_are_scored_together_in_their_own_units(listing: Path, tmp_path: Path) -> None:
    done = plusx.cross_validate(listing, folds=2, out=tmp_path / "folds", **QUICK)
    rows = pq.read_table(done.run / "out_of_fold.parquet").to_pylist()
    assert len(rows) == 200
    errors = [abs(row["value_target"] - ink(Path(row["path"]))) for row in rows]
    assert np.mean(errors) == pytest.approx(done.out_of_fold["mae"], rel=1e-4)
    held = [row["low_target"] <= ink(Path(row["path"])) <= row["high_target"] for row in rows]
    assert np.mean(held) == pytest.approx(done.out_of_fold["coverage"], abs=0.011)
    assert done.out_of_fold["r2"] > 0.5
    assert done.val["mae"] == pytest.approx(np.mean([fold.val["mae"] for fold in done.folds]))
    assert "accuracy" not in done.val


def test_a_budget_and_another_models_weights(trained: Trained, listing: Path, tmp_path: Path) -> None:
    done = plusx.train(listing, out=tmp_path / "short", budget_s=4, changes={"model_options.num_filters": "8"})
    # That the time is kept to, too, `tests/contracts/test_kinds.py` holds, where nothing else runs.
    recipe = json.loads((tmp_path / "short" / "recipe.json").read_text())
    assert recipe["reasons"]["epochs"].startswith("what 4 s allow at ")
    assert done.test is not None
    tuned = plusx.train(listing, out=tmp_path / "tuned", start=trained.model, changes={"epochs": "1"})
    assert tuned.test is not None
    assert tuned.test["r2"] > 0.5
