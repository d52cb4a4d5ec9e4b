"""Examples as vectors: trained with a margin, searched among classes that were not trained, and from any model."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

import plusx
from plusx.api.train import Trained
from plusx.archive import read_archive
from plusx.cli.main import main
from plusx.engines.torch import build_network
from plusx.training.watch import Silent, Step

QUICK: dict[str, Any] = {"changes": {"epochs": "6", "model_options.num_filters": "16"}}
SMALL: dict[str, Any] = {"changes": {"epochs": "2", "model_options.num_filters": "8"}}


@pytest.fixture(scope="module")
def some_digits(digit_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """0 to 7 to train on; 8 and 9 apart, as classes that nobody trained."""
    root = tmp_path_factory.mktemp("some")
    for split, digits in (("train", "01234567"), ("test", "01234567")):
        for digit in digits:
            (root / "known" / split).mkdir(parents=True, exist_ok=True)
            (root / "known" / split / digit).symlink_to(digit_folder / split / digit)
    for digit in "89":
        (root / "new").mkdir(exist_ok=True)
        (root / "new" / digit).symlink_to(digit_folder / "train" / digit)
    return root


@pytest.fixture(scope="module")
def trained(some_digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return plusx.train(some_digits / "known", task="embed", out=tmp_path_factory.mktemp("runs") / "run", **QUICK)


@pytest.fixture(scope="module")
def classifier(some_digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return plusx.train(some_digits / "known", out=tmp_path_factory.mktemp("runs") / "run", **SMALL)


def test_examples_of_one_class_are_near(trained: Trained, some_digits: Path) -> None:
    assert trained.test is not None
    assert trained.test["accuracy"] > 0.8
    assert trained.test["mean_average_precision"] > 0.6
    scores = trained.load().evaluate(some_digits / "known")
    assert {name: scores[name] for name in trained.test} == trained.test
    new = trained.load().evaluate(some_digits / "new")
    assert [row["label"] for row in new["per_class"]] == ["8", "9"]
    assert new["accuracy"] > 0.7


def test_the_stored_network_ends_with_the_mean(trained: Trained, classifier: Trained, digit_folder: Path) -> None:
    archive = read_archive(trained.model)
    assert archive.manifest.network["head"] == "embed"
    assert not any(name.startswith("head.") for name in archive.weights)
    answers = trained.load().predict(sorted(digit_folder.glob("test/8/*.png"))[:3])
    assert [tuple(answer) for answer in answers] == [("path", "embedding", "error")] * 3
    np.testing.assert_allclose([np.linalg.norm(answer["embedding"]) for answer in answers], 1, rtol=1e-5)


def test_any_model_gives_vectors(trained: Trained, classifier: Trained, digit_folder: Path) -> None:
    pictures = sorted(digit_folder.glob("test/*/*.png"))[:5]
    model = trained.load()
    np.testing.assert_allclose(
        model.embed(pictures), [answer["embedding"] for answer in model.predict(pictures)], rtol=1e-5, atol=1e-7
    )
    model = classifier.load()
    vectors = model.embed(pictures)
    whole = build_network(model.archive)
    linear = whole.get_submodule("net.head.linear")
    temperature = model.archive.manifest.task["temperature"]
    outputs = (linear(torch.from_numpy(vectors)) / temperature).softmax(1).detach().numpy()
    np.testing.assert_allclose(outputs.max(1), [answer["probability"] for answer in model.predict(pictures)], rtol=1e-4)
    with pytest.raises(plusx.PlusxError, match=r"none\.png: there is no such file"):
        model.embed([pictures[0], "none.png"])


def test_the_command_writes_vectors(classifier: Trained, digit_folder: Path, tmp_path: Path, capsys) -> None:
    pictures = sorted(map(str, digit_folder.glob("test/0/*.png")))
    expected = classifier.load().embed(pictures)
    asked = ["embed", str(classifier.model), *pictures, str(tmp_path / "none.png"), "--max-errors", "1", "--json"]
    for name in ("v.npy", "v.parquet"):
        with pytest.raises(SystemExit) as left:
            main([*asked, "--out", str(tmp_path / name)])
        assert left.value.code == 0
        told = json.loads(capsys.readouterr().out)
        assert told == {"out": str(tmp_path / name), "count": len(pictures) + 1, "width": 32, "errors": 1}
    written = np.load(tmp_path / "v.npy", allow_pickle=False)
    np.testing.assert_array_equal(written[:-1], expected)
    assert np.isnan(written[-1]).all()
    rows = pq.read_table(tmp_path / "v.parquet").to_pylist()
    np.testing.assert_array_equal(np.array([row["embedding"] for row in rows[:-1]], np.float32), expected)
    assert (rows[-1]["embedding"], rows[-1]["error"]) == (None, "there is no such file")


WRONG = {
    "ending": (["--out", "v.csv"], 2, "--out v.csv: the ending must be one of .npy, .parquet"),
    "none can be read": (["--out", "v.npy"], 1, "not one input could be read; the first: there is no such file"),
}


@pytest.mark.parametrize(("more", "code", "says"), WRONG.values(), ids=WRONG.keys())
def test_wrong_use_is_one_line(
    classifier: Trained, more: list[str], code: int, says: str, tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as left:
        main(["embed", str(classifier.model), "none.png", *more])
    assert left.value.code == code
    assert says in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_vectors_are_the_roots_of_a_classifiers(trained: Trained, some_digits: Path, tmp_path: Path) -> None:
    same = plusx.train(some_digits / "known", out=tmp_path / "run", **QUICK)
    pictures = sorted(some_digits.glob("known/test/*/*.png"))[:20]
    roots = np.sqrt(np.maximum(same.load().embed(pictures), 1e-6))
    wanted = roots / np.linalg.norm(roots, axis=1, keepdims=True)
    np.testing.assert_allclose(trained.load().embed(pictures), wanted, atol=1e-6)


def test_a_margin_may_be_set(some_digits: Path, tmp_path: Path) -> None:
    changes = {**SMALL["changes"], "task.margin": "0.25", "task.scale": "8"}
    found = plusx.train(some_digits / "known", task="embed", out=tmp_path / "run", changes=changes)
    archive = read_archive(found.model)
    assert archive.manifest.task == {"name": "embed", "scale": 8.0, "margin": 0.25}
    assert not any(name.startswith("head.") for name in archive.weights)
    assert json.loads((found.run / "recipe.json").read_text())["task"] == {"margin": 0.25, "scale": 8}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "logits": ({"changes": {"balance": "logits"}}, "--balance logits: it is not for the task embed; use none or"),
    "loss": ({"changes": {"loss": "binary"}}, "--set loss=binary: it is for scores of classes"),
    "setting": ({"changes": {"task.marjin": "1"}}, "--set task.marjin: the task embed has no such setting; it has m"),
    "value": ({"changes": {"task.margin": "3"}}, "--set task: margin: Input should be less than 2"),
    "none": ({"changes": {"task.margin": "0.1"}, "task": "classify"}, "the task classify has no such setting; leave"),
}


@pytest.mark.parametrize(("choices", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_what_does_not_fit_is_refused(choices: dict[str, Any], says: str, digit_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(plusx.WrongUse, match=says):
        plusx.train(digit_folder, **{"task": "embed", "out": tmp_path / "run", **choices})
    assert not (tmp_path / "run").exists()


def test_folds_teachers_and_several_labels_are_refused(classifier: Trained, digit_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(plusx.WrongUse, match="--folds 2: the networks' answers to the task embed do not compare"):
        plusx.cross_validate(digit_folder, folds=2, task="embed", out=tmp_path / "folds")
    with pytest.raises(plusx.WrongUse, match="these examples ask for none"):
        plusx.train(digit_folder, task="embed", teacher=classifier.model, out=tmp_path / "run", **SMALL)
    listed = tmp_path / "several.csv"
    listed.write_text(f"path,label\n{next(digit_folder.rglob('*.png'))},a|b\n")
    with pytest.raises(plusx.WrongUse, match="for the task multilabel, not for embed"):
        plusx.train(listed, task="embed", out=tmp_path / "run")


class StopAt(Silent):
    """Presses Ctrl-C after a step."""

    def stepped(self, step: Step) -> None:
        if step.step == 4:
            os.kill(os.getpid(), signal.SIGINT)


def test_a_stopped_run_ends_as_one_that_never_was(digit_folder: Path, tmp_path: Path) -> None:
    choices = {"task": "embed", "changes": {**SMALL["changes"], "mix": "{}", "balance": "sampling"}}
    whole = plusx.train(digit_folder, out=tmp_path / "whole", **choices)
    with pytest.raises(KeyboardInterrupt):
        plusx.train(digit_folder, out=tmp_path / "stopped", watcher=StopAt(), **choices)
    resumed = plusx.train(digit_folder, out=tmp_path / "stopped", resume=True)
    first, second = read_archive(whole.model), read_archive(resumed.model)
    assert {name: one.tobytes() for name, one in first.weights.items()} == {
        name: one.tobytes() for name, one in second.weights.items()
    }


def test_a_task_may_be_asked_for(digit_folder: Path, tmp_path: Path) -> None:
    trained = plusx.train(digit_folder, task="multilabel", out=tmp_path / "run", **SMALL)
    assert read_archive(trained.model).manifest.task == {"name": "multilabel", "threshold": 0.5}


def test_a_budget_and_another_models_weights(trained: Trained, digit_folder: Path, tmp_path: Path) -> None:
    plusx.train(
        digit_folder, task="embed", out=tmp_path / "short", budget_s=4, changes={"model_options.num_filters": "8"}
    )
    # That the time is kept to, too, `tests/contracts/test_kinds.py` holds, where nothing else runs.
    recipe = json.loads((tmp_path / "short" / "recipe.json").read_text())
    assert recipe["reasons"]["epochs"].startswith("what 4 s allow at ")
    tuned = plusx.train(digit_folder, start=trained.model, out=tmp_path / "tuned", changes={"epochs": "2"})
    assert tuned.test is not None
    assert tuned.test["accuracy"] > 0.5
