"""Pictures with masks, from a folder to a model, its masks and its scores."""

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import jaccard_score

import plusx
from plusx.api.train import Trained
from plusx.archive import read_archive
from plusx.cli.main import main
from plusx.data.samples import read_dataset
from plusx.engines.torch import build_network
from plusx.predict.paint import palette
from plusx.training.watch import Silent, Step

SIDE = 32
CLASSES = ("ground", "box", "disc")
SMALL = {"epochs": "25", "model_options.num_filters": "8"}
FEW = {"epochs": "2", "model_options.num_filters": "8"}


def picture(random: np.random.Generator, height: int = SIDE, width: int = SIDE) -> tuple[np.ndarray, np.ndarray]:
    """(pixels (height, width, 3), mask) of a red box and a blue disc on noise."""
    pixels = random.integers(60, 120, (height, width, 3)).astype(np.uint8)
    mask = np.zeros((height, width), np.uint8)
    rows, columns = np.mgrid[:height, :width]
    top, left = (int(random.integers(0, side - 14)) for side in (height, width))
    box = (rows >= top) & (rows < top + 12) & (columns >= left) & (columns < left + 12)
    down, across = (int(random.integers(6, side - 6)) for side in (height, width))
    disc = (rows - down) ** 2 + (columns - across) ** 2 < 36
    for place, (inside, colour) in enumerate(((box, (220, 40, 40)), (disc, (40, 40, 220))), start=1):
        pixels[inside], mask[inside] = colour, place
    return pixels, mask


def write_pair(folder: Path, name: str, pixels: np.ndarray, mask: np.ndarray) -> None:
    for kind, values in (("images", pixels), ("masks", mask)):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        Image.fromarray(values).save(folder / kind / f"{name}.png")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root, random = tmp_path_factory.mktemp("masked"), np.random.default_rng(0)
    for split, count in (("train", 64), ("val", 16), ("test", 16)):
        for number in range(count):
            write_pair(root / split, f"{number:03d}", *picture(random))
    (root / "classes.txt").write_text("\n".join(CLASSES))
    return root


@pytest.fixture(scope="module")
def trained(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return plusx.train(folder, out=tmp_path_factory.mktemp("runs") / "run", changes=SMALL)


def command(*words: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    return int(left.value.code or 0)


def test_it_learns_the_masks(trained: Trained) -> None:
    assert trained.test is not None
    assert trained.test["mean_iou"] > 0.8
    recipe = json.loads((trained.run / "recipe.json").read_text())
    assert (recipe["name"], recipe["model_options"]["head"]) == ("segment", "unet")


def test_the_stored_model_scores_as_the_training_said(trained: Trained, folder: Path) -> None:
    model = trained.load()
    assert model.classes == CLASSES
    scores = model.evaluate(folder)
    assert trained.test is not None
    assert {name: scores[name] for name in trained.test} == trained.test
    masks = model.masks(sorted((folder / "test" / "images").glob("*.png")))
    true = [np.asarray(Image.open(path)) for path in sorted((folder / "test" / "masks").glob("*.png"))]
    ours, theirs = (np.concatenate([one.ravel() for one in many]) for many in (masks, true))
    assert jaccard_score(theirs, ours, average="macro") == pytest.approx(scores["mean_iou"])


def test_its_golden_examples_hold_and_damaged_ones_are_refused(trained: Trained, tmp_path: Path) -> None:
    golden = read_archive(trained.model).golden
    assert golden.outputs.shape[1:] == (len(CLASSES), SIDE, SIDE)
    damaged = tmp_path / "model.plusx"
    content = bytearray(trained.model.read_bytes())
    content[len(content) // 2] ^= 0xFF
    damaged.write_bytes(content)
    with pytest.raises(plusx.PlusxError, match=r"model\.plusx"):
        plusx.load(damaged)


def test_masks_and_overlays_are_written(trained: Trained, folder: Path, tmp_path: Path, capsys) -> None:
    wide, mask = picture(np.random.default_rng(5), 75, 101)
    write_pair(tmp_path, "wide", wide, mask)
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    own = folder / "test" / "images" / "000.png"
    left = command(
        *("predict", trained.model, tmp_path / "images" / "wide.png", own, bad, "--max-errors", 1, "--json"),
        *("--masks", tmp_path / "out", "--overlays", tmp_path / "over"),
    )
    assert left == 0
    rows = json.loads(capsys.readouterr().out)["predictions"]
    paths = [str(tmp_path / "out" / name) for name in ("wide.png", "000.png")]
    assert [row["mask"] for row in rows] == [*paths, None]
    assert rows[2]["error"] is not None
    written = Image.open(tmp_path / "out" / "wide.png")
    assert (written.mode, written.size) == ("P", (101, 75))
    assert (written.getpalette() or [])[:9] == palette()[:3].ravel().tolist()
    values = np.asarray(written)
    assert (values == mask).mean() > 0.95
    assert rows[0]["shares"][0] == {"label": "ground", "share": pytest.approx((values == 0).mean())}
    over = np.asarray(Image.open(tmp_path / "over" / "wide.png"))
    np.testing.assert_array_equal(over[values == 0], wide[values == 0])
    assert (over[values == 1] != wide[values == 1]).any(axis=1).all()


def test_masks_are_only_for_models_of_masks(digit_folder: Path, tmp_path: Path, capsys) -> None:
    other = plusx.train(digit_folder, out=tmp_path / "run", changes=FEW)
    assert command("predict", other.model, digit_folder / "test", "--masks", tmp_path / "masks") == 2
    assert "--masks: it is for models of pictures with masks" in capsys.readouterr().err


def test_a_picture_of_four_tiles_is_answered_as_each_of_them(trained: Trained) -> None:
    pixels, _ = picture(np.random.default_rng(7))
    model = trained.load()
    alone = model.masks(pixels)[0]
    for repeats in ((2, 2), (1, 3)):
        whole = model.masks(np.tile(pixels, (*repeats, 1)))[0]
        assert whole.shape == tuple(SIDE * many for many in repeats)
        agree = whole == np.tile(alone, repeats)
        assert agree.mean() > 0.95


def test_its_whole_graph_can_be_exported(trained: Trained) -> None:
    archive = read_archive(trained.model)
    network, one = build_network(archive), torch.from_numpy(archive.golden.inputs)
    inputs = torch.cat([one, one.flip(-1), one.flip(-2)])
    program = torch.export.export(network, (inputs,), dynamic_shapes=({0: torch.export.Dim("batch", min=2)},))
    for some in (inputs, inputs[:2]):
        torch.testing.assert_close(program.module()(some), network(some), rtol=1e-4, atol=1e-4)


class StopAt(Silent):
    """Presses Ctrl-C after a step."""

    def stepped(self, step: Step) -> None:
        if step.step == 5:
            os.kill(os.getpid(), signal.SIGINT)


def test_a_stopped_run_ends_as_one_that_never_was(folder: Path, tmp_path: Path) -> None:
    whole = plusx.train(folder, out=tmp_path / "whole", changes=FEW)
    with pytest.raises(KeyboardInterrupt):
        plusx.train(folder, out=tmp_path / "stopped", watcher=StopAt(), changes=FEW)
    resumed = plusx.train(folder, out=tmp_path / "stopped", resume=True)
    first, second = read_archive(whole.model), read_archive(resumed.model)
    assert {name: one.tobytes() for name, one in first.weights.items()} == {
        name: one.tobytes() for name, one in second.weights.items()
    }
    assert whole.test == resumed.test


@pytest.mark.slow
def test_a_budget_a_start_and_folds(trained: Trained, folder: Path, tmp_path: Path) -> None:
    timed = plusx.train(folder, out=tmp_path / "timed", budget_s=5.0)
    assert timed.duration_s < 15
    tuned = plusx.train(folder, out=tmp_path / "tuned", start=trained.model, changes={"epochs": "1"})
    assert tuned.test is not None
    assert tuned.test["mean_iou"] > 0.7


def test_a_list_of_pictures_and_masks_is_the_same_set(folder: Path, tmp_path: Path) -> None:
    rows = [
        f"{path},{path.parent.parent / 'masks' / path.name},{path.parent.parent.name}"
        for path in sorted(folder.glob("*/images/*.png"))
    ]
    listed = tmp_path / "list.csv"
    listed.write_text("path,mask,split\n" + "\n".join(rows))
    shutil.copy(folder / "classes.txt", tmp_path)
    ours, theirs = (read_dataset(data).split("train") for data in (folder, listed))
    assert ours.source.fingerprint() == theirs.source.fingerprint()
    assert theirs.classes == CLASSES


def grey(values: np.ndarray) -> Image.Image:
    return Image.fromarray(values.astype(np.uint8))


BAD_MASKS: dict[str, tuple[Image.Image, str]] = {
    "value": (grey(np.full((SIDE, SIDE), 7)), "the mask has the value 7, which is none of the 3 classes"),
    "size": (grey(np.zeros((SIDE, SIDE - 1))), f"its mask is {SIDE - 1} x {SIDE} pixels, the picture {SIDE} x {SIDE}"),
    "colours": (grey(np.zeros((SIDE, SIDE, 3))), "its mask: it has colours or more than 8 bits (mode RGB); save"),
    "ignored": (grey(np.full((SIDE, SIDE), 255)), "its mask ignores every pixel"),
}


@pytest.mark.parametrize(("mask", "says"), BAD_MASKS.values(), ids=BAD_MASKS.keys())
def test_mislabelled_masks_are_listed_with_the_reason(
    mask: Image.Image, says: str, folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(folder, tmp_path / "set")
    wrong = tmp_path / "set" / "train" / "masks" / "003.png"
    mask.save(wrong)
    done = plusx.train(tmp_path / "set", out=tmp_path / "run", changes={**FEW, "epochs": "1"})
    skipped = (done.run / "skipped.csv").read_text().splitlines()
    assert len(skipped) == 2
    assert str(tmp_path / "set" / "train" / "images" / "003.png") in skipped[1]
    assert says in skipped[1]
    with pytest.raises(plusx.PlusxError) as refused:
        plusx.train(tmp_path / "set", out=tmp_path / "none", changes=FEW, max_skipped=0.0)
    assert "003.png" in str(refused.value)
    assert says in str(refused.value)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "balance": ({"changes": {"balance": "weights"}}, "--balance weights"),
    "head": ({"changes": {"model_options.head": "classify"}}, "head"),
    "task": ({"task": "classify"}, "task"),
    "augment": ({"changes": {"augment": '[{"name": "speed"}]'}}, "augment"),
}


@pytest.mark.parametrize(("choices", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_what_does_not_fit_is_refused(choices: dict[str, Any], says: str, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(plusx.WrongUse) as refused:
        plusx.train(folder, out=tmp_path / "run", **choices)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "run").exists()
