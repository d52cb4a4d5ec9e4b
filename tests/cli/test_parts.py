"""A folder as --out: killed at any moment and resumed, every input is answered once, as if nothing had happened."""

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
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import plusx
from plusx.api.train import Trained
from plusx.cli.main import main

PICTURES = 960


@pytest.fixture(scope="module")
def trained(digit_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    changes = {"epochs": "1", "model_options.num_filters": "8"}
    return plusx.train(digit_folder, out=tmp_path_factory.mktemp("runs") / "run", changes=changes)


@pytest.fixture(scope="module")
def many(digit_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hard links of the digits, and some files that are no pictures."""
    folder = tmp_path_factory.mktemp("many")
    files = sorted(digit_folder.glob("test/*/*.png"))
    (folder / "bad").write_bytes(b"no picture")
    for number in range(PICTURES):
        os.link(folder / "bad" if number % 100 == 7 else files[number % len(files)], folder / f"{number}.png")
    return folder


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "plusx", *map(str, arguments)]


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    assert isinstance(left.value.code, int)
    return left.value.code


def table(folder: Path) -> list[dict[str, Any]]:
    return pq.read_table(sorted(folder.glob("part-*"))).to_pylist()


def stop(process: subprocess.Popen[str], folder: Path, signal_: signal.Signals, chance: random.Random) -> None:
    """At a random moment after the next part is there."""
    before = len(list(folder.glob("part-*")))
    deadline = time.monotonic() + 60
    while len(list(folder.glob("part-*"))) == before and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.05 * chance.random())
    process.send_signal(signal_)


@pytest.mark.parametrize("what", ["predict", pytest.param("embed", marks=pytest.mark.slow)])
def test_killed_at_any_moment_and_resumed_each_input_is_there_once(
    what: str, trained: Trained, many: Path, tmp_path: Path
) -> None:
    asked = [what, trained.model, many, "--part-rows", "32", "--max-errors", "20", "--engine", "torch"]
    assert run(*asked, "--out", f"{tmp_path}/whole/") == 0
    chance = random.Random(0)
    folder = tmp_path / "killed"
    kills = 0
    for _ in range(3):
        again = command(*asked, "--out", f"{folder}/", "--resume")
        with subprocess.Popen(again, text=True, stderr=subprocess.PIPE, env=environment()) as process:
            stop(process, folder, signal.SIGKILL, chance)
            process.communicate(timeout=60)
        kills += process.returncode == -signal.SIGKILL
    assert kills >= 2
    assert run(*asked, "--out", f"{folder}/", "--resume") == 0
    rows = table(folder)
    assert [row["path"] for row in rows] == [f"{many}/{number}.png" for number in range(PICTURES)]
    assert rows == table(tmp_path / "whole")
    assert sum(row["error"] is not None for row in rows) == 10
    assert not list(folder.glob(".*"))


def test_ctrl_c_leaves_a_folder_that_goes_on(trained: Trained, many: Path, tmp_path: Path) -> None:
    more = ["--part-rows", "32", "--max-errors", "20", "--engine", "torch"]
    asked = command("predict", trained.model, many, "--out", f"{tmp_path}/a/", *more)
    # Where these tests are a shell's background job, they ignore it, and so would what they start.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(asked, text=True, stderr=subprocess.PIPE, env=environment()) as process:
        signal.signal(signal.SIGINT, before)
        stop(process, tmp_path / "a", signal.SIGINT, random.Random(1))
        _, words = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in words
    assert "keeps its whole parts, the same command with --resume goes on" in words
    assert run(*asked[3:], "--resume") == 0
    assert [row["path"] for row in table(tmp_path / "a")] == [f"{many}/{number}.png" for number in range(PICTURES)]


def test_json_counts_and_rows_are_those_of_a_file(
    trained: Trained, digit_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = digit_folder / "test"
    assert run("predict", trained.model, pictures, "none.png", "--json", "--max-errors", "1") == 0
    expected = json.loads(capsys.readouterr().out)["predictions"]
    out = f"{tmp_path}/answers/"
    asked = ["predict", trained.model, pictures, "none.png", "--out", out, "--part-rows", "32", "--json"]
    assert run(*asked, "--max-errors", "1") == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"out": out.rstrip("/"), "count": 101, "errors": 1, "kept": 0, "parts": 4}
    assert table(tmp_path / "answers") == expected
    # Errors of an earlier run count, too.
    assert run(*asked, "--resume") == 1
    said = capsys.readouterr()
    assert json.loads(said.out) == {**told, "kept": 101}
    assert "1 of 101 inputs could not be read" in said.err
    about = json.loads((tmp_path / "answers" / "_about.json").read_text())
    assert about.keys() >= {"plusx", "model", "sha256", "task", "options", "inputs", "format", "part_rows", "count"}
    assert about["inputs"] == [str(pictures), "none.png"]


def test_parts_in_python_are_those_of_the_command(trained: Trained, digit_folder: Path, tmp_path: Path) -> None:
    pictures = sorted(digit_folder.glob("test/*/*.png"))
    model = trained.load()
    written = model.predict_into(pictures, tmp_path / "answers", format="jsonl", part_rows=64, top=2)
    assert (written.count, written.parts) == (100, 2)
    lines = [line for part in sorted((tmp_path / "answers").glob("part-*")) for line in part.read_text().splitlines()]
    assert [json.loads(line) for line in lines] == model.predict(pictures, top=2)
    model.embed_into(pictures, tmp_path / "vectors", part_rows=64)
    vectors = [row["embedding"] for row in table(tmp_path / "vectors")]
    np.testing.assert_array_equal(np.array(vectors, np.float32), model.embed(pictures))
    with pytest.raises(plusx.WrongUse, match="an option is not what these answers were begun with"):
        model.predict_into(pictures, tmp_path / "answers", format="jsonl", part_rows=64, top=3, resume=True)


def test_a_parquet_list_names_the_inputs(
    trained: Trained, digit_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [str(path.relative_to(digit_folder)) for path in sorted(digit_folder.glob("test/*/*.png"))]
    list_ = digit_folder / "list.parquet"
    pq.write_table(pa.table({"path": [*paths, None], "label": ["x"] * 101}), list_, row_group_size=7)
    try:
        assert run("predict", trained.model, list_, "--out", tmp_path / "a.parquet", "--max-errors", "1") == 0
    finally:
        list_.unlink()
    rows = pq.read_table(tmp_path / "a.parquet").to_pylist()
    assert [row["path"] for row in rows] == [*(str(digit_folder / path) for path in paths), ""]
    assert [row["error"] for row in rows] == [None] * 100 + ["there is no such file"]


WRONG: dict[str, tuple[list[str], str]] = {
    "resume of a file": (["--out", "a.csv", "--resume"], "--resume: --out a.csv is one file"),
    "resume of nothing": (["--resume"], "--resume: the answers are printed; give a folder, such as --out answers/"),
    "format of a file": (["--out", "a.csv", "--format", "csv"], "--format: --out a.csv is one file"),
    "no such format": (["--out", "a/", "--format", "jsnl"], "--format jsnl: it must be one of csv, jsonl, parquet"),
    "rows": (["--out", "a/", "--part-rows", "100"], "--part-rows 100: it must be a multiple of 32"),
    "no ending": (["--out", "answers"], "or it must end with / for a folder of parts"),
    "masks": (["--out", "a/", "--masks", "m"], "masks and overlays do not go with a folder"),
}


@pytest.mark.parametrize(("more", "says"), WRONG.values(), ids=WRONG.keys())
def test_wrong_use_is_one_line(
    trained: Trained,
    more: list[str],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("predict", trained.model, "none.png", *more) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())
