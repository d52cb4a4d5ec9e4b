"""From files to a model and back to answers, through the Python interface."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import plusx
from plusx.api.train import Trained
from plusx.archive import read_archive
from plusx.training.watch import Silent

QUICK: dict[str, Any] = {"changes": {"epochs": "6", "model_options.num_filters": "16"}}


class Notes(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture(scope="module")
def trained(digit_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return plusx.train(digit_folder, out=tmp_path_factory.mktemp("runs") / "run", **QUICK)


def test_a_run_leaves_what_it_promises(trained: Trained) -> None:
    there = {path.name for path in trained.run.iterdir()}
    assert there >= {"model.plusx", "recipe.json", "metrics.jsonl", "checkpoints", "skipped.csv", "splits.csv"}
    rows = [json.loads(line) for line in (trained.run / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert trained.test is not None
    assert trained.test["count"] == 100
    assert trained.test["accuracy"] > 0.7
    with (trained.run / "splits.csv").open() as file:
        splits = [row["split"] for row in csv.DictReader(file)]
    assert (splits.count("train"), splits.count("val"), splits.count("test")) == (180, 20, 100)


def test_the_stored_model_scores_as_the_training_said(trained: Trained, digit_folder: Path, digit_list: Path) -> None:
    model = trained.load()
    assert trained.test is not None
    for data in (digit_folder, digit_list):
        scores = model.evaluate(data)
        assert scores["split"] == "test"
        assert scores["accuracy"] == trained.test["accuracy"]
        assert scores["confusion"] == trained.test["confusion"]
    assert model.evaluate(digit_folder, cache=False)["loss"] == pytest.approx(trained.test["loss"])


def test_every_way_to_name_the_data_is_the_same_run(
    trained: Trained, digit_folder: Path, digit_list: Path, tmp_path: Path
) -> None:
    weights = read_archive(trained.model).weights
    ways: dict[str, dict[str, Any]] = {
        "list": {"data": digit_list},
        "uncached": {"data": digit_folder, "cache": False},
        "again": {"data": digit_folder},
    }
    for name, choices in ways.items():
        other = read_archive(plusx.train(out=tmp_path / name, **choices, **QUICK).model).weights
        assert all(np.array_equal(weights[key], other[key]) for key in weights), name


def test_predict_takes_paths_bytes_and_pixels(trained: Trained, digit_folder: Path) -> None:
    model = plusx.load(trained.run)
    path = next(digit_folder.glob("test/*/*.png"))
    pixels = np.asarray(Image.open(path))
    answers = model.predict([path, str(path), path.read_bytes(), pixels])
    assert len({(answer["label"], answer["probability"]) for answer in answers}) == 1
    assert [answer["path"] for answer in answers] == [str(path), str(path), None, None]
    ranked = model.predict(pixels, top=3)[0]["top"]
    assert [other["label"] for other in ranked] == [other["label"] for other in answers[0]["top"][:3]]


def test_one_bad_input_never_fails_its_batch(trained: Trained, digit_folder: Path, tmp_path: Path) -> None:
    good = [str(path) for path in sorted(digit_folder.glob("test/3/*.png"))]
    fake = tmp_path / "fake.png"
    fake.write_text("no picture")
    answers = trained.load().predict([good[0], str(fake), str(tmp_path / "none.png"), *good[1:]])
    assert [answer["error"] is None for answer in answers] == [True, False, False, *(True for _ in good[1:])]
    assert [a for a in answers if a["error"] is None] == trained.load().predict(good)


def test_classes_are_matched_by_name(trained: Trained, digit_folder: Path, tmp_path: Path) -> None:
    for label in ("7", "3"):
        shutil.copytree(digit_folder / "test" / label, tmp_path / "some" / label)
    scores = trained.load().evaluate(tmp_path / "some")
    assert trained.test is not None
    rows = {row["label"]: row for row in trained.test["per_class"]}
    for row in scores["per_class"]:
        if row["label"] in ("3", "7"):
            assert (row["count"], row["recall"]) == (rows[row["label"]]["count"], rows[row["label"]]["recall"])
        else:
            assert row["count"] == 0
    (tmp_path / "some" / "7").rename(tmp_path / "some" / "seven")
    with pytest.raises(plusx.WrongUse, match="seven"):
        trained.load().evaluate(tmp_path / "some")


@pytest.mark.parametrize("choices", [{"model": "resnet18_1d"}, {"changes": {"model_options.dims": "3"}}])
def test_a_network_for_other_dimensions_is_refused(choices: dict[str, Any], tmp_path: Path, digit_folder: Path) -> None:
    with pytest.raises(plusx.WrongUse, match=r"--model resnet\w+: it is for [13] dimensions, these examples have 2"):
        plusx.train(digit_folder, out=tmp_path / "run", **choices)
    assert not (tmp_path / "run").exists()


def test_a_run_is_never_trained_over(trained: Trained, digit_folder: Path) -> None:
    before = trained.model.read_bytes()
    with pytest.raises(plusx.WrongUse, match="--resume, or a new folder"):
        plusx.train(digit_folder, out=trained.run, **QUICK)
    assert trained.model.read_bytes() == before


def test_resume_holds_to_what_was_begun(trained: Trained, digit_folder: Path, digit_list: Path, tmp_path: Path) -> None:
    again = plusx.train(digit_folder, out=trained.run, resume=True)
    assert (again.val, again.test) == (trained.val, trained.test)
    with pytest.raises(plusx.WrongUse, match="recipe='auto'"):
        plusx.train(digit_folder, out=trained.run, resume=True, recipe="cifar")
    with pytest.raises(plusx.WrongUse, match="data="):
        plusx.train(digit_list, out=trained.run, resume=True)
    with pytest.raises(plusx.WrongUse, match="holds no run"):
        plusx.train(digit_folder, out=tmp_path, resume=True)
    with pytest.raises(plusx.WrongUse, match="with --out"):
        plusx.train(digit_folder, resume=True)


def test_changed_data_is_not_resumed(digit_folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(digit_folder, data)
    plusx.train(data, out=tmp_path / "run", **QUICK)
    next(data.glob("train/5/*.png")).unlink()
    with pytest.raises(plusx.PlusxError, match="has changed since the run"):
        plusx.train(data, out=tmp_path / "run", resume=True)


def test_two_processes_cannot_train_in_one_folder(trained: Trained, digit_folder: Path) -> None:
    from plusx.training.run import RunFolder

    with RunFolder(trained.run).held(), pytest.raises(plusx.WrongUse, match="another process"):
        plusx.train(digit_folder, out=trained.run, resume=True)


def test_bad_pictures_are_listed_up_to_a_share(digit_folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(digit_folder, data)
    for path in sorted(data.glob("train/*/*.png"))[:8]:
        path.write_bytes(path.read_bytes()[:40])
    notes = Notes()
    plusx.train(data, out=tmp_path / "run", watcher=notes, max_skipped=0.2, **QUICK)
    with (tmp_path / "run" / "skipped.csv").open() as file:
        skipped = list(csv.DictReader(file))
    assert len(skipped) == 8
    assert all(row["reason"] for row in skipped)
    assert any("8 pictures could not be used" in line for line in notes.lines)
    with pytest.raises(plusx.PlusxError, match=r"cannot be used .* --max-skipped"):
        plusx.train(data, out=tmp_path / "strict", max_skipped=0.01, **QUICK)
    assert not (tmp_path / "strict").exists()


def test_choices_are_said_with_their_reasons(digit_folder: Path, tmp_path: Path) -> None:
    notes = Notes()
    plusx.train(digit_folder, out=tmp_path / "run", watcher=notes, model="resnet20", changes={"epochs": "1"})
    text = "\n".join(notes.lines)
    assert "model: resnet20 (set by you)" in text
    assert "epochs: 1 (set by you)" in text
    assert "preprocessing: 8x8, grey, crop (all pictures looked at are 8x8)" in text
    assert read_archive(tmp_path / "run").manifest.network["num_layers"] == [3, 3, 3]


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        ({"model": "resnet19"}, "did you mean resnet1"),
        ({"recipe": "image"}, "did you mean images?"),
        ({"recipe": "no_such_module:f"}, "cannot be imported"),
        ({"recipe": "math:nothing"}, "has no function nothing"),
        ({"changes": {"epoch": "1"}}, "did you mean epochs?"),
        ({"changes": {"seed": "-1"}}, "--seed -1"),
        ({"changes": {"model_options.num_filtrs": "8"}}, "did you mean num_filters?"),
        ({"val_fraction": 1.5}, "between 0 and 1"),
        ({"modle": "resnet8"}, "did you mean model?"),
    ],
)
def test_wrong_use_is_one_line_and_leaves_nothing(
    digit_folder: Path, tmp_path: Path, choices: dict[str, Any], says: str
) -> None:
    with pytest.raises(plusx.WrongUse) as caught:
        plusx.train(digit_folder, out=tmp_path / "run", **choices)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_engine_is_wrong_use(trained: Trained) -> None:
    with pytest.raises(plusx.WrongUse, match=r"did you mean torch\?"):
        plusx.load(trained.model, engine="torhc")


def test_pictures_of_many_kinds_train_together(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for label, level in (("dark", 40), ("light", 200)):
        for number, (mode, ending) in enumerate([("RGB", "jpg"), ("L", "png"), ("RGBA", "webp"), ("P", "gif")] * 6):
            size = tuple(int(side) for side in random.integers(30, 70, 2))
            picture = Image.fromarray((random.normal(level, 20, (*size, 3)).clip(0, 255)).astype(np.uint8)).convert(
                mode
            )
            path = tmp_path / "data" / label / f"{number}.{ending}"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture.save(path)
    changes = {"epochs": "2", "model_options.num_filters": "8"}
    result = plusx.train(tmp_path / "data", out=tmp_path / "run", changes=changes)
    assert result.test is None
    preprocessing = read_archive(result.model).manifest.preprocessing
    assert preprocessing["channels"] == 3
    assert preprocessing["height"] == preprocessing["width"]


def test_a_tracked_run_ends_like_any_other_and_its_figures_are_told(
    trained: Trained, digit_folder: Path, tmp_path: Path
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    tracked = plusx.train(digit_folder, out=tmp_path / "run", track=("tensorboard",), **QUICK)
    told = EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [event.step for event in told.Scalars("val_loss")] == [row["step"] for row in rows]
    assert tracked.test is not None
    assert told.Scalars("test/accuracy")[-1].value == pytest.approx(tracked.test["accuracy"])
    assert read_archive(tracked.model).weights.keys() == read_archive(trained.model).weights.keys()
    assert tracked.test == trained.test


def test_an_unknown_tracker_is_told_before_any_work(digit_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(plusx.WrongUse, match="--track tensorbord"):
        plusx.train(digit_folder, out=tmp_path / "run", track=("tensorbord",))
    assert not (tmp_path / "run").exists()
