"""The commands as people and scripts meet them: words, JSON, exit codes."""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from commands import plusx

QUICK = ["--epochs", "4", "--set", "model_options.num_filters=8"]


def answer(*arguments: str | Path, **how: Any) -> dict[str, Any]:
    done = plusx(*arguments, "--json", **how)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def run(digit_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    trained = answer("train", digit_folder, "--out", folder, *QUICK)
    assert trained["run"] == str(folder)
    assert trained["model"] == str(folder / "model.plusx")
    assert trained["duration_s"] > 0
    assert 0 <= trained["val"]["accuracy"] <= 1
    assert trained["test"]["count"] == 100
    return folder


def test_training_speaks_in_plain_lines_where_nobody_watches(digit_folder: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "plusx", "train", digit_folder, *QUICK]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 0
    assert done.stdout == ""
    assert re.search(r"^epoch 4/4  train loss \d", done.stderr, re.MULTILINE)
    assert re.search(r"^test:  \d", done.stderr, re.MULTILINE)
    assert "\x1b" not in done.stderr
    assert len(list((tmp_path / "runs").iterdir())) == 1


def test_evaluate_gives_what_scripts_rely_on(run: Path, digit_folder: Path) -> None:
    scores = answer("evaluate", run, digit_folder)
    assert scores.keys() >= {"count", "accuracy", "top5", "loss", "per_class", "confusion", "calibration_error"}
    assert scores["count"] == 100
    assert answer("evaluate", run, digit_folder, "--split", "train")["count"] == 200
    words = plusx("evaluate", run / "model.plusx", digit_folder).stdout
    assert f"{100 * scores['accuracy']:.2f} %" in words


def test_predict_answers_in_input_order(run: Path, digit_folder: Path, tmp_path: Path) -> None:
    paths = [str(path) for path in sorted(digit_folder.glob("test/[15]/*.png"))]
    by_name = answer("predict", run, *paths)["predictions"]
    assert [row["path"] for row in by_name] == paths
    assert all(row.keys() == {"path", "label", "probability", "top", "error"} for row in by_name)
    assert answer("predict", run, "-", stdin="\n".join(paths))["predictions"] == by_name
    folder = answer("predict", run, digit_folder / "test" / "1", digit_folder / "test" / "5")["predictions"]
    assert folder == by_name
    done = plusx("predict", run, *paths, "--out", tmp_path / "answers.csv")
    assert done.returncode == 0
    with (tmp_path / "answers.csv").open() as file:
        assert [row["label"] for row in csv.DictReader(file)] == [row["label"] for row in by_name]


def test_bad_inputs_are_rows_and_an_exit_code(run: Path, digit_folder: Path) -> None:
    good = next(digit_folder.glob("test/2/*.png"))
    done = plusx("predict", run, good, "none.png", "--json")
    assert done.returncode == 1
    assert [row["error"] for row in json.loads(done.stdout)["predictions"]] == [None, "there is no such file"]
    assert "1 of 2 inputs could not be read" in done.stderr
    assert plusx("predict", run, good, "none.png", "--max-errors", "1").returncode == 0


def test_info_and_models(run: Path) -> None:
    about = answer("info", run)
    assert about.keys() >= {"classes", "spec", "preprocessing", "created_with"}
    assert about["classes"] == [str(digit) for digit in range(10)]
    assert "10 classes" in plusx("info", run).stdout
    rows = answer("models", "resnet*d")["models"]
    assert {row["name"] for row in rows} >= {"resnet18d", "resnet200d"}
    assert all(row.keys() >= {"name", "params", "macs"} for row in rows)
    assert answer("models", "resnet50")["models"][0]["params"] == 25_557_032
    assert "80.86 % ImageNet" in plusx("models", "resnet50").stdout


def test_the_version_is_said() -> None:
    assert plusx("--version") == (0, "plusx 0.1.0\n", "")


def test_a_trained_model_is_trained_further(run: Path, digit_folder: Path, tmp_path: Path) -> None:
    choices = ["--from", run, "--freeze", "1", "--balance", "weights", "--epochs", "1", "--out", tmp_path / "run"]
    done = plusx("train", digit_folder, *choices)
    assert done.returncode == 0, done.stderr
    assert f"from {run}: 56 of 56 tensors taken" in done.stderr
    recipe = json.loads((tmp_path / "run" / "recipe.json").read_text())
    assert (recipe["name"], recipe["frozen"], recipe["balance"]) == ("fine_tune", 1, "weights")


def test_a_student_learns_from_a_teacher(run: Path, digit_folder: Path, tmp_path: Path) -> None:
    choices = ["--teacher", run, "--set", "distill.temperature=4", "--out", tmp_path / "run", *QUICK]
    done = plusx("train", digit_folder, *choices)
    assert done.returncode == 0, done.stderr
    assert f"distill: weight 0.5, temperature 4 (with the teacher {run})" in done.stderr
    assert (tmp_path / "run" / "teacher.plusx").read_bytes() == (run / "model.plusx").read_bytes()


def test_folds_are_summed_up(digit_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "folds"
    done = answer("train", digit_folder, "--folds", "2", "--out", out, *QUICK)
    assert [fold["run"] for fold in done["folds"]] == [str(out / "fold-1"), str(out / "fold-2")]
    assert done["out_of_fold"]["count"] == 200
    assert done["duration_s"] > 0
    words = plusx("train", digit_folder, "--folds", "2", "--out", out, "--resume").stderr
    assert re.search(r"^val:   \d+\.\d\d % ± \d+\.\d\d %", words, re.MULTILINE)


def test_resume_after_the_end_gives_the_same(run: Path, digit_folder: Path) -> None:
    before = (run / "model.plusx").read_bytes()
    done = plusx("train", digit_folder, "--out", run, "--resume")
    assert done.returncode == 0, done.stderr
    assert "resumed after step" in done.stderr
    # Only the time of writing may differ.
    assert len((run / "model.plusx").read_bytes()) == len(before)


WRONG: dict[str, tuple[list[str], int, str]] = {
    "no such data": (["train", "no-such-folder"], 2, "no such folder or file"),
    "misspelt set": (["train", "digit"], 2, "did you mean digits?"),
    "no data dir": (["train", "mnist"], 2, "--data-dir"),
    "bad set": (["train", "digits", "--set", "epochs"], 2, "KEY=VALUE"),
    "bad key": (["train", "digits", "--set", "lr=1"], 2, "--set lr"),
    "bad share": (["train", "digits", "--max-skipped", "lots"], 2, "--max-skipped lots"),
    "one fold": (["train", "digits", "--folds", "1"], 2, "--folds 1"),
    "no start": (["train", "digits", "--from", "none.pth"], 2, "--from none.pth: no such file"),
    "no teacher": (["train", "digits", "--teacher", "none.plusx"], 1, "--teacher none.plusx: is not there"),
    "bad balance": (["train", "digits", "--balance", "much"], 2, "balance"),
    "bad network": (["train", "digits", "--model", "resnet9"], 2, "did you mean resnet8?"),
    "no model": (["predict", "none.plusx", "a.png"], 1, "none.plusx"),
    "not a model": (["info", "pyproject.toml"], 1, "pyproject.toml"),
    "bad ending": (["predict", "none.plusx", "a.png", "--out", "a.txt"], 2, ".csv"),
    "bad filter": (["models", "vgg"], 2, "vgg"),
    "unknown flag": (["train", "digits", "--epoch", "3"], 2, "--epochs"),
    "unknown command": (["trian"], 2, "train"),
}


@pytest.mark.parametrize(("arguments", "code", "says"), WRONG.values(), ids=WRONG.keys())
def test_errors_are_a_line_that_names_the_mend(arguments: list[str], code: int, says: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    done = plusx(*arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    if done.stderr.startswith("plusx:"):
        assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["pyproject.toml"]


def test_debug_shows_where_an_error_came_from(tmp_path: Path) -> None:
    done = plusx("info", tmp_path / "none.plusx", "--debug")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_ctrl_c_leaves_a_resumable_run(digit_folder: Path, tmp_path: Path) -> None:
    import signal
    import time

    command = [sys.executable, "-m", "plusx", "train", str(digit_folder), "--out", str(tmp_path / "run")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen([*command, "--epochs", "400"], stderr=subprocess.PIPE, text=True, env=environment) as process:
        deadline = time.monotonic() + 60
        while not (tmp_path / "run" / "metrics.jsonl").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, words = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in words
    assert "--resume goes on" in words
    assert list((tmp_path / "run" / "checkpoints").iterdir())
