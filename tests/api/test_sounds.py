"""Sounds end to end: training, evaluation, prediction, the model file, resuming, a budget, and what cannot be used."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from waves import as_int16, tone, wav, write_tones

import plusx
from plusx.api.plan import make_plan
from plusx.api.resolve import resolve
from plusx.api.train import train
from plusx.archive import read_archive
from plusx.data.samples import read_dataset
from plusx.errors import WrongUse

QUICK = {"epochs": "6", "model_options.num_filters": "8"}


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tones(tmp_path_factory.mktemp("sounds") / "tones")


@pytest.fixture(scope="module")
def run(tones: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    train(tones, out=out, changes={**QUICK, "epochs": "20"})
    return out


def test_tones_are_told_apart_and_every_choice_is_said(run: Path, tones: Path) -> None:
    model = plusx.load(run)
    assert model.evaluate(tones)["accuracy"] > 0.9
    recipe = json.loads((run / "recipe.json").read_text())
    assert recipe["name"] == "sounds"
    assert recipe["preprocessing"]["samples"] == 8000
    assert recipe["reasons"]["preprocessing"] == "all sounds looked at last 0.5 s"
    golden = read_archive(run).golden.inputs
    assert golden.dtype == np.int16
    assert (golden.min(), golden.max()) < (-30_000, 0)
    assert golden.max() > 30_000


def test_bytes_files_and_samples_are_answered_and_bad_ones_are_rows(run: Path, tones: Path) -> None:
    file = tones / "test" / "high" / "1.wav"
    stereo = np.stack([as_int16(tone(300, 0.5)).astype(np.int32) << 8] * 2, axis=1)
    three = np.ascontiguousarray(stereo.astype("<i4").view(np.uint8).reshape(-1, 2, 4)[:, :, :3]).reshape(-1, 6)
    inputs = [
        str(file),
        file.read_bytes(),
        as_int16(tone(300, 0.5)),
        wav(three.view("V3").reshape(-1, 2), bits=24),
        wav(as_int16(tone(300, 0.5, 8_000)), 8_000),
        b"",
        wav(np.zeros(0, np.int16)),
        wav(np.array([np.nan], "<f4"), kind=3, bits=32),
        wav(np.zeros(100, np.int16))[:-20],
    ]
    answers = plusx.load(run).predict(inputs)
    assert [answer["label"] for answer in answers] == ["high", "high", "low", "low", "low", None, None, None, None]
    assert [answer["error"] for answer in answers[5:]] == [
        "the file is empty; copy it again",
        "there is not one sample in it; leave it out",
        "a sample is infinite or no number; save it anew",
        "the file is cut short; copy it again",
    ]


def test_bad_sounds_are_skipped_and_listed(tones: Path, tmp_path: Path) -> None:
    root = tmp_path / "some"
    write_tones(root)
    (root / "train" / "low" / "bad.wav").write_bytes(b"rubbish")
    train(root, out=tmp_path / "run", changes={**QUICK, "epochs": "1"})
    assert 'bad.wav,"not a WAV' in (tmp_path / "run" / "skipped.csv").read_text()


@pytest.mark.parametrize(
    "choices",
    [
        {"recipe": "waves"},
        {"model": "resnet18_1d", "changes": {"preprocessing.bands": "channels", "model_options.num_filters": "8"}},
        {"changes": {"mix": "{}", "sharpness": "0.05"}},
        {"changes": {"precision": "bfloat16"}},
        {"changes": {"augment": "[]", "spec_mask": "null", "preprocessing.shorter": "repeat"}},
    ],
    ids=lambda choices: str(choices),
)
def test_other_networks_and_methods_hear_sounds_too(tones: Path, tmp_path: Path, choices: dict) -> None:
    changes = {"epochs": "1", **choices.get("changes", {})}
    trained = train(tones, out=tmp_path / "run", **{**choices, "changes": changes})
    assert trained.test is not None
    assert trained.test["count"] == 12


def test_a_model_of_sounds_is_trained_further(run: Path, tones: Path, tmp_path: Path) -> None:
    train(tones, out=tmp_path / "run", start=run, changes={"epochs": "1"})
    recipe = json.loads((tmp_path / "run" / "recipe.json").read_text())
    assert recipe["name"] == "fine_tune_sounds"
    assert recipe["preprocessing"] == json.loads((run / "recipe.json").read_text())["preprocessing"]


@pytest.mark.slow
def test_a_budget_is_kept(tones: Path, tmp_path: Path) -> None:
    trained = train(tones, out=tmp_path / "run", budget_s=12.0)
    # A busy machine may take its time for the last step; what must not happen is a run of twice the time.
    assert trained.duration_s < 24


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        (
            {"changes": {"augment": '[{"name": "flip"}]'}},
            "flip is not for the modality sound; use time_shift",
        ),
        ({"model": "resnet18_1d"}, "it is for 1 dimensions, these examples have 2; --recipe waves hears samples"),
        ({"recipe": "waves", "changes": {"spec_mask": "{}"}}, "only the log-mel spectrograms"),
        ({"changes": {"preprocessing.mels": "0"}}, "greater than or equal to 1"),
    ],
)
def test_what_does_not_fit_sounds_is_wrong_use(tones: Path, choices: dict, words: str) -> None:
    plan = make_plan({"data": tones, **choices})
    with pytest.raises(WrongUse, match=words):
        resolve(plan, read_dataset(tones).split("train"))


def test_sounds_are_not_packed_yet(tones: Path, tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="pictures can be packed, not sounds"):
        plusx.pack(tones, tmp_path / "shards")


def test_sounds_augmentations_are_not_for_pictures() -> None:
    plan = make_plan({"data": "digits", "changes": {"augment": '[{"name": "gain"}]'}})
    with pytest.raises(WrongUse, match="gain is not for the modality image; use flip"):
        resolve(plan, read_dataset("digits").split("train"))


@pytest.mark.slow
def test_a_killed_run_ends_bit_equal(tones: Path, tmp_path: Path) -> None:
    def start(out: Path, *more: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "plusx", "train", str(tones), "--out", str(out), "--checkpoint-every", "0"]
        choices = ["--epochs", "5", "--set", "model_options.num_filters=8", *more]
        return subprocess.Popen(
            [*command, *choices], text=True, stderr=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )

    killed = start(tmp_path / "killed")
    while killed.poll() is None and not list((tmp_path / "killed").glob("checkpoints/step-0*6")):
        time.sleep(0.001)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    for process in (start(tmp_path / "whole"), start(tmp_path / "killed", "--resume")):
        _, words = process.communicate(timeout=200)
        assert process.returncode == 0, words
    whole, resumed = read_archive(tmp_path / "whole"), read_archive(tmp_path / "killed")
    for name, weight in whole.weights.items():
        assert weight.tobytes() == resumed.weights[name].tobytes(), name
