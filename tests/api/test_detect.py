"""Pictures with boxes, from a folder to a model, its boxes and its scores."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from coco_folders import COLOURS, write_squares
from PIL import Image

import plusx
from plusx.api.train import Trained
from plusx.archive import read_archive
from plusx.cli.main import main
from plusx.engines.torch import build_network
from plusx.training.watch import Silent, Step

SMALL = {
    "model_options.num_layers": "[1, 1, 1, 1]",
    "model_options.num_filters": "16",
    "precision": "float32",
    "batch_size": "8",
}
QUICK: dict[str, Any] = {"changes": {"epochs": "30", "optimizer.lr": "0.003", "augment": "[]", **SMALL}}
SHORT: dict[str, Any] = {"changes": {"epochs": "2", **SMALL, "model_options.num_filters": "8"}}


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("squares")
    for seed, (split, count) in enumerate({"train": 80, "val": 16, "test": 24}.items()):
        write_squares(root / split, count, seed)
    return root


@pytest.fixture(scope="module")
def trained(squares: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return plusx.train(squares, out=tmp_path_factory.mktemp("runs") / "run", **QUICK)


def test_it_learns_to_find(trained: Trained) -> None:
    assert trained.test is not None
    assert trained.test["count"] == 24
    assert trained.test["ap50"] > 0.6
    assert trained.test["ap50"] > trained.test["map"] > 0.2
    last = json.loads((trained.run / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["measure"] == "found"
    assert last["val_accuracy"] == pytest.approx(trained.val["found"], abs=1e-5)
    assert last["val_loss"] == pytest.approx(trained.val["loss"], rel=1e-4)
    recipe = json.loads((trained.run / "recipe.json").read_text())
    assert (recipe["name"], recipe["preprocessing"]["fit"]) == ("detect", "letterbox")


def test_the_stored_model_scores_as_the_training_said(trained: Trained, squares: Path) -> None:
    scores = trained.load().evaluate(squares)
    assert trained.test is not None
    assert {name: scores[name] for name in trained.test} == trained.test


def test_boxes_are_in_each_pictures_own_pixels(trained: Trained, tmp_path: Path) -> None:
    """A square of 50 pixels in pictures of other sizes and shapes is where it was drawn."""
    model, where = trained.load(), {}
    for number, (height, width) in enumerate(((128, 128), (96, 160), (150, 110))):
        pixels = np.random.default_rng(number).integers(90, 130, (height, width, 3)).astype(np.uint8)
        x, y = 20 + 10 * number, 30
        pixels[y : y + 50, x : x + 50] = COLOURS["red"]
        path = tmp_path / f"{number}.png"
        Image.fromarray(pixels).save(path)
        where[path] = [x, y, x + 50, y + 50]
    *answers, bad = model.predict([*where, b"no picture"])
    assert bad["error"]
    assert bad["boxes"] is None
    for answer, box in zip(answers, where.values(), strict=True):
        assert answer["label"].split("|")[0] == "red"
        assert answer["boxes"][0]["probability"] >= 0.5
        assert np.abs(np.array(answer["boxes"][0]["box"]) - box).max() < 12


def test_an_exported_network_says_all_that_is_needed(trained: Trained, squares: Path) -> None:
    archive = read_archive(trained.model)
    assert len(archive.golden.inputs) == 1
    network = build_network(archive).eval()
    pixels = torch.from_numpy(archive.golden.inputs)
    exported = torch.export.export(network, (pixels,)).module()
    with torch.no_grad():
        np.testing.assert_allclose(exported(pixels), archive.golden.outputs, atol=1e-3)


def test_files_of_answers_and_overlays(trained: Trained, squares: Path, tmp_path: Path) -> None:
    for ending in ("csv", "jsonl", "parquet"):
        with pytest.raises(SystemExit) as left:
            main(["predict", str(trained.model), str(squares / "test"), "--out", str(tmp_path / f"answers.{ending}")])
        # The labels beside the pictures are none.
        assert left.value.code == 0
    rows = pq.read_table(tmp_path / "answers.parquet").to_pylist()
    lines = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert [row["boxes"] for row in rows] == [line["boxes"] for line in lines]
    assert len(rows) == 24
    pictures = sorted((squares / "test").glob("*.png"))[:2]
    with pytest.raises(SystemExit):
        main(["predict", str(trained.model), *map(str, pictures), "--overlays", str(tmp_path / "drawn")])
    for picture in pictures:
        drawn, plain = (np.array(Image.open(one)) for one in (tmp_path / "drawn" / picture.name, picture))
        assert drawn.shape == plain.shape
        assert (drawn != plain).any()


def test_words_for_people(trained: Trained, squares: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        main(["evaluate", str(trained.model), str(squares)])
    words = capsys.readouterr().out
    assert trained.test is not None
    assert f"mAP, 0.5 to 0.95   {100 * trained.test['map']:.2f} %" in words
    assert "AP50" in words
    with pytest.raises(SystemExit):
        main(["predict", str(trained.model), str(squares / "test" / "000.png")])
    assert " at " in capsys.readouterr().out


class StopAt(Silent):
    """Presses Ctrl-C after a step."""

    def stepped(self, step: Step) -> None:
        if step.step == 4:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.slow
def test_a_stopped_run_ends_as_one_that_never_was(squares: Path, tmp_path: Path) -> None:
    whole = plusx.train(squares, out=tmp_path / "whole", **SHORT)
    with pytest.raises(KeyboardInterrupt):
        plusx.train(squares, out=tmp_path / "stopped", watcher=StopAt(), **SHORT)
    resumed = plusx.train(squares, out=tmp_path / "stopped", resume=True)
    first, second = read_archive(whole.model), read_archive(resumed.model)
    assert {name: one.tobytes() for name, one in first.weights.items()} == {
        name: one.tobytes() for name, one in second.weights.items()
    }


@pytest.mark.slow
def test_a_classifiers_weights_are_a_start(digit_folder: Path, squares: Path, tmp_path: Path) -> None:
    small = {"model_options.num_filters": "8", "model_options.num_layers": "[1, 1, 1]", "epochs": "1"}
    classifier = plusx.train(digit_folder, out=tmp_path / "classifier", model="resnet8", changes=small)
    tuned = plusx.train(squares, out=tmp_path / "tuned", start=classifier.model, changes={"epochs": "1"})
    recipe = json.loads((tuned.run / "recipe.json").read_text())
    assert recipe["name"] == "detect_fine_tune"
    assert recipe["preprocessing"]["fit"] == "letterbox"
    again = plusx.train(squares, out=tmp_path / "again", start=tuned.model, changes={"epochs": "1"})
    assert read_archive(again.model).manifest.network["head"] == "retinanet"


@pytest.mark.slow
def test_a_time_to_train_in(squares: Path, tmp_path: Path) -> None:
    done = plusx.train(squares, out=tmp_path / "short", budget_s=8, changes=SMALL)
    assert done.duration_s < 11
    assert done.test is not None


def test_pictures_that_cannot_be_used_are_listed(squares: Path, tmp_path: Path) -> None:
    content = write_squares(tmp_path / "data", 40, 5)
    content["images"].append({"id": 99, "file_name": "gone.png", "height": 9, "width": 9})
    (tmp_path / "data" / "annotations.json").write_text(json.dumps(content))
    done = plusx.train(tmp_path / "data", out=tmp_path / "run", **SHORT)
    assert "gone.png,there is no such file" in (done.run / "skipped.csv").read_text()
    assert "no val split" not in (done.run / "skipped.csv").read_text()


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "policy": ({"changes": {"augment": '[{"name": "trivial_augment"}]'}}, "boxes cannot follow trivial_augment"),
    "mix": ({"changes": {"mix": "{}"}}, "--set mix: it is for examples with labels, not for the task detect"),
    "balance": ({"changes": {"balance": "weights"}}, "--balance weights: it is not for the task detect; use none"),
    "loss": ({"changes": {"loss": "dice"}}, "--set loss=dice: it is for pictures with masks"),
    "task": ({"task": "classify"}, "its examples are for the task detect, not for classify"),
}


@pytest.mark.parametrize(("choices", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_what_does_not_fit_is_refused_before_anything_is_begun(
    choices: dict[str, Any], says: str, squares: Path, tmp_path: Path
) -> None:
    with pytest.raises(plusx.WrongUse) as refused:
        plusx.train(squares, out=tmp_path / "run", **choices)
    assert says in str(refused.value)
    assert not (tmp_path / "run").exists()


def test_what_boxes_cannot_do_is_refused(trained: Trained, squares: Path, tmp_path: Path) -> None:
    with pytest.raises(plusx.WrongUse, match="shards hold no masks or boxes yet"):
        plusx.pack(squares, tmp_path / "shards")
    with pytest.raises(plusx.WrongUse, match="answers to the task detect are too large to keep"):
        plusx.cross_validate(squares, folds=2, out=tmp_path / "folds")
    with pytest.raises(plusx.WrongUse, match="--tta mirror: answers of the task detect cannot"):
        trained.load().evaluate(squares, tta="mirror")
    with pytest.raises(SystemExit) as left:
        main(["predict", str(trained.model), str(squares / "test" / "000.png"), "--masks", str(tmp_path)])
    assert left.value.code == 2


def test_without_what_counts_the_training_does_not_begin(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plusx.tasks.detect.find_spec", lambda name: None)
    with pytest.raises(plusx.PlusxError, match=r"boxes are scored by pycocotools.*pip install 'plusx\[detect\]'"):
        plusx.train(squares, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
