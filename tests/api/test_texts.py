"""Texts, from a list or a folder to a model, its scores and its answers."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import plusx
from plusx.api.train import Trained
from plusx.archive import read_archive
from plusx.cli.main import main
from plusx.cli.predict import predict
from plusx.engines.torch import build_network

QUICK: dict[str, Any] = {"changes": {"epochs": "8", "model_options.num_filters": "16", "precision": "float32"}}
ALPHABETS = {
    "greek": "αβγδεζηθικλμνξοπρστυφχψω",
    "latin": "abcdefghijklmnopqrstuvwxyz",
    "russian": "абвгдежзийклмнопрст",
}


def words(label: str, count: int, seed: int) -> list[str]:
    """Made-up words of an alphabet; the first letters are the commonest, as in a language."""
    chosen = np.random.default_rng(seed)
    letters = ALPHABETS[label]
    share = np.arange(len(letters), 0, -1) / sum(range(len(letters) + 1))
    return [
        " ".join("".join(chosen.choice(list(letters), chosen.integers(2, 9), p=share)) for _ in range(6))
        for _ in range(count)
    ]


@pytest.fixture(scope="module")
def listing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "list.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("text", "label", "split"))
        for seed, (split, count) in enumerate({"train": 80, "val": 20, "test": 30}.items()):
            for label in ALPHABETS:
                rows.writerows((one, label, split) for one in words(label, count, seed))
    return path


@pytest.fixture(scope="module")
def trained(listing: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return plusx.train(listing, out=tmp_path_factory.mktemp("runs") / "run", **QUICK)


def test_it_learns_and_the_stored_model_scores_as_the_training_said(trained: Trained, listing: Path) -> None:
    assert trained.test is not None
    assert trained.test["count"] == 90
    assert trained.test["accuracy"] > 0.9
    scores = trained.load().evaluate(listing)
    assert {name: scores[name] for name in trained.test} == trained.test
    recipe = json.loads((trained.run / "recipe.json").read_text())
    assert recipe["preprocessing"] == {"modality": "text", "length": 128, "cut": "head"}
    assert (recipe["name"], recipe["model"]) == ("texts", "resnet8_text")


def test_bytes_files_and_bad_ones_are_answered(trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("абвг аабв где", encoding="utf-8")
    (tmp_path / "latin.txt").write_bytes("café".encode("latin-1"))
    model = trained.load()
    inputs = ["αβγ δεζ".encode(), b"", tmp_path / "good.txt", tmp_path / "latin.txt", b"abc " * 2_500_000, b"a\0b"]
    answers = model.predict(inputs)
    assert [answer["label"] for answer in answers] == ["greek", None, "russian", None, "latin", None]
    assert [answer["error"] for answer in answers if answer["error"]] == [
        "the text is empty; leave it out",
        "not UTF-8: byte 4 is 0xe9; save it as UTF-8",
        "byte 2 is zero: no text, or UTF-16; save it as UTF-8",
    ]
    assert model.predict("αβγ".encode())[0]["path"] is None


def test_the_network_exports_with_its_embedding(trained: Trained) -> None:
    network = build_network(read_archive(trained.model))
    text = torch.randint(0, 256, (2, 1, 128), dtype=torch.uint8)
    program = torch.export.export(network, (text,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    more = torch.randint(0, 256, (5, 1, 128), dtype=torch.uint8)
    torch.testing.assert_close(program.module()(more), network(more))


def run(arguments: list[str], capsys: pytest.CaptureFixture) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exited:
        main(arguments)
    said = capsys.readouterr()
    return int(exited.value.code or 0), said.out, said.err


def test_texts_on_the_command_line(trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "a.txt").write_text("абвг аабв где", encoding="utf-8")
    code, out, _ = run(["predict", str(trained.run), "--text", "αβγ δεζ", "--text", "abc", str(tmp_path)], capsys)
    assert code == 0
    first, second, third = out.splitlines()
    assert first.startswith("greek ")
    assert second.startswith("latin ")
    assert third.startswith(f"{tmp_path / 'a.txt'}: russian ")
    _, out, _ = run(["predict", str(trained.run), "--text", "αβγ", "--json"], capsys)
    [answer] = json.loads(out)["predictions"]
    assert (answer["path"], answer["label"]) == (None, "greek")
    code, _, err = run(["predict", str(trained.run)], capsys)
    assert (code, "no inputs" in err) == (2, True)


def test_texts_are_no_pictures(trained: Trained, digit_folder: Path, listing: Path, tmp_path: Path) -> None:
    pictures = plusx.train(
        digit_folder, out=tmp_path / "p", changes={"epochs": "0.2", "model_options.num_filters": "4"}
    )
    with pytest.raises(plusx.WrongUse, match="--text: this model's examples are images"):
        predict(pictures.run, text=["abc"])
    with pytest.raises(plusx.WrongUse, match="moves pictures, this model's examples are texts"):
        trained.load().predict(b"abc", tta="mirror")
    for choices, said in (
        ({"recipe": "images"}, "--recipe images: it is not for texts"),
        ({"model": "resnet18"}, "--model resnet18: it is for 2 dimensions, these examples have 1"),
        ({"model": "resnet10_1d"}, "--model resnet10_1d: it does not read bytes, these examples are texts"),
        ({"changes": {"augment": '[{"name": "flip"}]'}}, "--set augment: flip is not for the modality text"),
        ({"changes": {"mix": "{}"}}, "--set mix: bytes of two texts have no middle"),
        ({"changes": {"resize": "{}"}}, "--set resize: only what has a height and a width"),
        ({"changes": {"whiten": "true"}}, "first convolution does not see the input"),
    ):
        with pytest.raises(plusx.WrongUse, match=said):
            plusx.train(listing, out=tmp_path / said[:9], **choices)
    with pytest.raises(plusx.WrongUse, match="--recipe texts: it is not for pictures"):
        plusx.train(digit_folder, out=tmp_path / "no", recipe="texts")
    with pytest.raises(plusx.WrongUse, match="--set augment: byte_drop is not for the modality image"):
        plusx.train(digit_folder, out=tmp_path / "no", changes={"augment": '[{"name": "byte_drop"}]'})


def test_other_choices_of_a_training_go_with_texts(listing: Path, trained: Trained, tmp_path: Path) -> None:
    tuned = plusx.train(listing, out=tmp_path / "tuned", start=trained.run, changes={"epochs": "1"})
    assert json.loads((tuned.run / "recipe.json").read_text())["name"] == "fine_tune_texts"
    assert tuned.val["accuracy"] > 0.9
    mixed = {"mix": '{"mixup": 0}', "preprocessing.length": "64", "preprocessing.cut": "head+tail", "epochs": "1"}
    deep = plusx.train(
        listing, out=tmp_path / "vdcnn", model="vdcnn9", changes={**mixed, "model_options.num_filters": "8"}
    )
    assert deep.load().predict(b"abc " * 99)[0]["error"] is None


def test_within_a_budget(listing: Path, tmp_path: Path) -> None:
    done = plusx.train(listing, out=tmp_path / "run", budget_s=4)
    # That the time is kept to, too, `tests/contracts/test_kinds.py` holds, where nothing else runs.
    recipe = json.loads((tmp_path / "run" / "recipe.json").read_text())
    assert recipe["reasons"]["epochs"].startswith("what 4 s allow at ")
    assert done.val["accuracy"] > 0.5


def test_several_labels(tmp_path: Path) -> None:
    path = tmp_path / "several.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("text", "label"))
        for seed in range(100):
            greek, latin = words("greek", 1, seed)[0], words("latin", 1, seed)[0]
            rows.writerows([(greek + latin, "greek|latin"), (greek, "greek"), (latin, "latin"), ("123 456", "")])
    done = plusx.train(path, out=tmp_path / "run", **QUICK)
    assert done.val["accuracy"] > 0.8
    answers = done.load().predict(["αβγ δεζ abc def abc".encode(), b"12 3456"])
    assert [answer["label"] for answer in answers] == ["greek|latin", ""]


def test_folders_of_files_with_bad_ones_among_them(tmp_path: Path) -> None:
    for label in ALPHABETS:
        (tmp_path / "texts" / label).mkdir(parents=True)
        for number, one in enumerate(words(label, 20, 5)):
            (tmp_path / "texts" / label / f"{number}.txt").write_text(one, encoding="utf-8")
    bad = {"bom.txt": b"\xff\xfea\0", "latin.txt": b"caf\xe9", "empty.txt": b""}
    for name, content in bad.items():
        (tmp_path / "texts" / "latin" / name).write_bytes(content)
    quick = {"epochs": "1", "model_options.num_filters": "8"}
    done = plusx.train(tmp_path / "texts", out=tmp_path / "run", max_skipped=0.5, changes=quick)
    with (done.run / "skipped.csv").open() as file:
        assert {Path(row["path"]).name for row in csv.DictReader(file)} == bad.keys()
    with pytest.raises(plusx.PlusxError, match=r"3 of \d+ train texts cannot be used .*save it as UTF-8"):
        plusx.train(tmp_path / "texts", out=tmp_path / "no", val_fraction=0.02, max_skipped=0.0, changes=quick)


def start(data: Path, out: Path, *more: str) -> subprocess.Popen[str]:
    choices = [
        "--epochs",
        "4",
        "--checkpoint-every",
        "0",
        "--set",
        "average=0.9",
        "--set",
        "model_options.num_filters=8",
    ]
    arguments = [sys.executable, "-m", "plusx", "train", str(data), "--out", str(out), *choices, *more]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(arguments, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)


@pytest.mark.slow
def test_a_killed_run_ends_bit_equal(listing: Path, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    process = start(listing, killed)
    while process.poll() is None and len(list(killed.glob("checkpoints/step-??????????"))) < 2:
        time.sleep(0.002)
    time.sleep(random.random() * 0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    for process in (start(listing, whole), start(listing, killed, "--resume")):
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    first, second = read_archive(whole), read_archive(killed)
    assert first.weights.keys() == second.weights.keys()
    for name, weight in first.weights.items():
        assert weight.tobytes() == second.weights[name].tobytes(), name
