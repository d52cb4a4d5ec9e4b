"""Speech recognised, from a list of sounds with texts to a model, its answers and its scores."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import pytest
import torch
from scipy.io import wavfile

import plusx
from plusx.api.train import Trained
from plusx.archive import read_archive
from plusx.cli.evaluate import evaluate
from plusx.cli.main import main
from plusx.engines.torch import build_network

RATE = 16_000
TONES = {"a": 400, "b": 1000, "c": 2500}
LETTER_S = 0.12
SMALL = {
    "model_options.num_filters": "[24, 24, 24, 24]",
    "model_options.strides": "[1, 1, 1, 1]",
    "precision": "float32",
    "batch_size": "16",
}
QUICK: dict[str, Any] = {"changes": {"epochs": "25", "optimizer.lr": "0.01", **SMALL}}


def spoken(text: str, random: np.random.Generator) -> np.ndarray:
    """Each letter is a tone of its own, a space is silence; about as loud and as long as one another."""
    parts = []
    for letter in text:
        times = np.arange(int(RATE * LETTER_S * random.uniform(0.9, 1.1))) / RATE
        envelope = np.sin(np.pi * times / times[-1])
        parts.append(envelope * np.sin(2 * np.pi * TONES.get(letter, 0) * times) * random.uniform(3000, 9000))
    return np.concatenate(parts).astype(np.int16)


def texts(count: int, random: np.random.Generator) -> list[str]:
    words = [["".join(random.choice(list("abc"), random.integers(1, 4))) for _ in range(2)] for _ in range(count)]
    return [" ".join(pair) for pair in words]


@pytest.fixture(scope="module")
def listing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spoken")
    random = np.random.default_rng(0)
    with (folder / "list.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "text", "split"))
        for split, count in (("train", 240), ("val", 20), ("test", 30)):
            for number, text in enumerate(texts(count, random)):
                wavfile.write(folder / f"{split}{number:03d}.wav", RATE, spoken(text, random))
                rows.writerow((f"{split}{number:03d}.wav", text.upper(), split))
    return folder / "list.csv"


@pytest.fixture(scope="module")
def trained(listing: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return plusx.train(listing, out=tmp_path_factory.mktemp("runs") / "run", **QUICK)


def test_it_learns_what_is_said(trained: Trained) -> None:
    assert trained.test is not None
    assert trained.test["count"] == 30
    assert trained.test["wer"] < 0.2
    assert trained.test["cer"] < 0.1
    assert trained.test["cer"] <= trained.test["wer"]
    last = json.loads((trained.run / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["val_accuracy"] == pytest.approx(trained.val["accuracy"])
    assert last["val_loss"] == pytest.approx(trained.val["loss"], rel=1e-3)
    with (trained.run / "splits.csv").open() as file:
        assert all(set(row["label"]) <= set("abc ") for row in csv.DictReader(file))


def test_the_model_file_holds_all_of_it(trained: Trained, listing: Path) -> None:
    archive = read_archive(trained.model)
    assert archive.manifest.task == {"name": "transcribe"}
    assert archive.manifest.classes == (" ", "a", "b", "c")
    assert archive.manifest.preprocessing["longer"] == "refuse"
    scores = trained.load().evaluate(listing)
    assert trained.test is not None
    assert {name: scores[name] for name in trained.test} == trained.test


def test_its_graph_exports_log_mel_included(trained: Trained) -> None:
    archive = read_archive(trained.model)
    network = build_network(archive)
    sounds = torch.from_numpy(archive.golden.inputs.copy())
    program = torch.export.export(network, (sounds,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    with torch.inference_mode():
        np.testing.assert_allclose(program.module()(sounds).numpy(), archive.golden.outputs, rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(program.module()(sounds[:2]), network(sounds[:2]))


def test_answers_and_their_bad_inputs(trained: Trained, listing: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(9)
    wavfile.write(tmp_path / "long.wav", RATE, np.zeros(RATE * 9, np.int16))
    wavfile.write(tmp_path / "empty.wav", RATE, np.zeros(0, np.int16))
    (tmp_path / "text.wav").write_text("no sound")
    wavfile.write(tmp_path / "good.wav", RATE, spoken("abc cba", random))
    names = [tmp_path / f"{name}.wav" for name in ("good", "long", "empty", "text", "none")]
    good, long, empty, text, none = trained.load().predict(names)
    assert good["label"] == good["text"] == " ".join(good["words"])
    assert set(good["text"]) <= set("abc ")
    assert 0 < good["probability"] <= 1
    assert len(good["starts_s"]) == len(good["words"])
    assert good["error"] is None
    assert "lasts 9.0 s, longer than" in long["error"]
    assert "not one sample" in empty["error"]
    assert text["error"]
    assert none["error"] == "there is no such file"
    assert long["text"] is None


def test_a_beam_and_a_language_model(trained: Trained, listing: Path, tmp_path: Path) -> None:
    sounds = sorted(listing.parent.glob("test*.wav"))
    model = trained.load()
    greedy, beam = model.predict(sounds), model.predict(sounds, beam=8)
    same = np.mean([one["text"] == other["text"] for one, other in zip(greedy, beam, strict=True)])
    assert same > 0.6
    assert all(
        other["probability"] >= one["probability"] * 0.999
        for one, other in zip(greedy, beam, strict=True)
        if one["text"] == other["text"]
    )
    # A model that knows two words alone.
    (tmp_path / "two.arpa").write_text("\\1-grams:\n-9 <unk>\n-0.5 </s>\n-99 <s>\n-0.5 abc\n-0.5 cba\n\n\\end\\\n")
    heard = model.predict(sounds, lm=tmp_path / "two.arpa")
    assert [answer["error"] for answer in heard] == [None] * 30
    known = {word for answer in heard for word in answer["words"]} & {"abc", "cba"}
    assert known
    scores = model.evaluate(listing, lm=tmp_path / "two.arpa")
    with listing.open() as file:
        said = [row["text"].lower() for row in csv.DictReader(file) if row["split"] == "test"]
    assert scores["wer"] == pytest.approx(jiwer.wer(said, [answer["text"] for answer in heard]))
    assert scores["wer"] != model.evaluate(listing)["wer"]
    with pytest.raises(plusx.WrongUse, match="--beam 1"):
        model.predict(sounds, beam=1, lm=tmp_path / "two.arpa")
    with pytest.raises(plusx.WrongUse, match="--beam 1"):
        model.evaluate(listing, beam=1, lm=tmp_path / "two.arpa")
    with pytest.raises(plusx.WrongUse, match="--beam 0"):
        model.predict(sounds, beam=0)


def test_the_command_line(trained: Trained, listing: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    sound = str(listing.parent / "test000.wav")
    with pytest.raises(SystemExit):
        main(["predict", str(trained.model), sound, "--beam", "4"])
    [answer] = trained.load().predict(sound, beam=4)
    assert capsys.readouterr().out == f"{sound}: {answer['text']} ({100 * answer['probability']:.2f} %)\n"
    with pytest.raises(SystemExit):
        main(["predict", str(trained.model), sound, "--out", str(tmp_path / "answers.parquet")])
    evaluate(trained.model, str(listing))
    evaluate(trained.model, str(listing), beam=4)
    words = capsys.readouterr().out
    assert trained.test is not None
    assert f"word error rate    {100 * trained.test['wer']:.2f} %" in words
    assert "class" not in words


def test_a_beam_is_for_transcripts_alone(digit_folder: Path, tmp_path: Path) -> None:
    changes = {"epochs": "1", "model_options.num_filters": "8"}
    pictures = plusx.train(digit_folder, out=tmp_path / "run", changes=changes)
    with pytest.raises(plusx.WrongUse, match="--beam, --lm: they are for models that write transcripts"):
        pictures.load().predict(next(digit_folder.glob("test/*/*.png")), beam=4)
    with pytest.raises(plusx.WrongUse, match="--beam, --lm: they are for models that write transcripts"):
        pictures.load().evaluate(digit_folder, beam=4)


def test_characters_that_the_model_does_not_know_are_refused(trained: Trained, listing: Path, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(f"path,text\n{listing.parent / 'test000.wav'},bad\n")
    with pytest.raises(plusx.WrongUse, match=r"list\.csv: the model does not know the characters d"):
        trained.load().evaluate(tmp_path / "list.csv")


def test_a_transcript_that_is_too_long_for_its_sound_is_refused(listing: Path, tmp_path: Path) -> None:
    rows = [f"{listing.parent / f'train{number:03d}.wav'},{'ab' * 90 if number == 3 else 'ab'}" for number in range(20)]
    (tmp_path / "list.csv").write_text("path,text\n" + "\n".join(rows) + "\n")
    with pytest.raises(plusx.WrongUse, match=r"train003\.wav: its transcript of 180 characters needs 180 frames"):
        plusx.train(tmp_path / "list.csv", out=tmp_path / "run")


@pytest.mark.slow
def test_a_killed_run_ends_bit_equal(listing: Path, tmp_path: Path) -> None:
    options = [part for key, value in SMALL.items() for part in ("--set", f"{key}={value}")]
    command = [
        sys.executable,
        "-m",
        "plusx",
        "train",
        str(listing),
        "--epochs",
        "2",
        "--checkpoint-every",
        "0",
        *options,
    ]

    def start(out: Path, *more: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            [*command, "--out", str(out), *more], text=True, stderr=subprocess.PIPE, env=environment
        )

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for out in (whole, killed):
        process = start(out)
        if out == killed:
            while process.poll() is None and not list(out.glob("checkpoints/step-?????????[5-9]")):
                time.sleep(0.005)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            process = start(out, "--resume")
        _, words = process.communicate(timeout=240)
        assert process.returncode == 0, words
    assert "resumed after step" in words
    ours, theirs = read_archive(whole), read_archive(killed)
    for name, weight in ours.weights.items():
        assert weight.tobytes() == theirs.weights[name].tobytes(), name
