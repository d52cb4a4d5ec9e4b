"""`plusx shrink` as people and scripts meet it."""

import json
import re
from pathlib import Path

import pytest
from commands import plusx

import plusx as library

BAD = [
    (["--target-latency", "fast"], 2, "--target-latency fast: it must be such as 2ms; units are us, ms, s"),
    (["--target-size", "1MiB"], 2, "--target-size 1MiB: it must be such as 1MB; units are B, kB, MB, GB"),
    (["--budget", "soon"], 2, "--budget soon: it must be a length of time such as 30s, 5m or 2h"),
    (["--max-drop", "-2"], 2, "--max-drop -2: it must be 0 or more"),
    (["--resume"], 2, "--resume: name the folder of a shrinking with --out"),
]


@pytest.fixture(scope="module")
def run(digit_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    return library.train(digit_folder, out=out, changes={"epochs": "1"}, report=False).run


@pytest.mark.parametrize(("arguments", "code", "wrong"), BAD)
def test_errors_are_one_line(
    arguments: list[str], code: int, wrong: str, run: Path, digit_folder: Path, tmp_path: Path
) -> None:
    done = plusx("shrink", run, digit_folder, *arguments, cwd=tmp_path)
    assert done.returncode == code
    assert len(done.stderr.splitlines()) == 1
    assert re.search(wrong, done.stderr), done.stderr
    assert not list(tmp_path.iterdir())


def test_a_missing_model_is_one_line(digit_folder: Path, tmp_path: Path) -> None:
    done = plusx("shrink", tmp_path / "none.plusx", digit_folder, cwd=tmp_path)
    assert done.returncode == 1
    assert re.fullmatch(r"plusx: .*none.plusx.*\n", done.stderr)


def test_an_int8_model_cannot_be_shrunk_and_json_is_alone_on_stdout(
    run: Path, digit_folder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("nncf")
    # In so little time nothing is repaired: there are the given model and its int8.
    done = plusx("shrink", run, digit_folder, "--budget", "1s", "--out", tmp_path / "out", "--max-drop", "99", "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert [point["name"] for point in answer["points"]] == ["00", "01"]
    assert answer["ratio"] > 0
    assert re.search(r"val: accuracy .* % \(given; 95 % interval", done.stderr)
    if answer["chosen"] == "01":
        again = plusx("shrink", tmp_path / "out" / "model.plusx", digit_folder, cwd=tmp_path)
        assert again.returncode == 2
        assert "int8" in again.stderr
