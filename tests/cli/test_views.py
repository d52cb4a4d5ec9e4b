"""`--tta` as people and scripts meet it."""

import json
from pathlib import Path
from typing import Any

import pytest

from plusx.api.train import train
from plusx.cli.main import main


@pytest.fixture(scope="module")
def run(digit_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    return train(digit_folder, out=folder, changes={"epochs": "4", "model_options.num_filters": "8"}).run


def plusx(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(map(str, arguments)))
    return int(ended.value.code or 0)


def test_scores_say_which_views(run: Path, digit_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found: dict[str, dict[str, Any]] = {}
    for tta in ("none", "mirror", "shift"):
        assert plusx("evaluate", run, digit_folder, "--tta", tta, "--json") == 0
        found[tta] = json.loads(capsys.readouterr().out)
    assert [scores.get("tta") for scores in found.values()] == [None, "mirror", "shift"]
    assert [scores["count"] for scores in found.values()] == [100] * 3
    assert len({scores["loss"] for scores in found.values()}) == 3
    assert plusx("evaluate", run, digit_folder, "--tta", "shift") == 0
    assert "views              shift\n" in capsys.readouterr().out


def test_answers_say_which_views(run: Path, digit_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = digit_folder / "test" / "1"
    assert plusx("predict", run, folder, "--json") == 0
    plain = json.loads(capsys.readouterr().out)
    assert plusx("predict", run, folder, "--tta", "shift", "--json") == 0
    shifted = json.loads(capsys.readouterr().out)
    assert "tta" not in plain
    assert shifted["tta"] == "shift"
    assert [row["path"] for row in shifted["predictions"]] == [row["path"] for row in plain["predictions"]]
    assert shifted["predictions"] != plain["predictions"]
    assert plusx("predict", run, folder, "--tta", "mirror") == 0
    assert "each answer is the mean over views: mirror" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_a_misspelt_view_is_wrong_use(
    run: Path, digit_folder: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert plusx(command, run, digit_folder, "--tta", "shfit") == 2
    assert capsys.readouterr().err == "plusx: --tta shfit: no such views; did you mean shift?; " + (
        "there are none, mirror, shift\n"
    )
