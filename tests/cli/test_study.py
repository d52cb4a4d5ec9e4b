"""`plusx study` as people and scripts meet it."""

import json
import re
from pathlib import Path

import pytest
from commands import plusx

from plusx.api.study import study
from plusx.errors import WrongUse


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (["lesions"], "lesions: no such study; there are degradation, gradients, lesion, .*did you mean lesion"),
        (["lesion", "--seeds", "0"], "--seeds 0: it must be 1 or more"),
        (["lesion", "--data", "nowhere"], "nowhere: no such folder or file, nor a known set"),
        (["lesion", "--data", "mnist"], "mnist: add --data-dir FOLDER"),
        (["lesion", "--data", "mnist", "--data-dir", "none"], "--data-dir none: no such folder"),
    ],
)
def test_errors_are_one_line(arguments: list[str], wrong: str, tmp_path: Path) -> None:
    done = plusx("study", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert re.search(wrong, done.stderr), done.stderr
    assert not list(tmp_path.iterdir())


def test_unknown_settings_name_the_nearest() -> None:
    with pytest.raises(WrongUse, match=r"settings: .*epoch.*epochs"):
        study("lesion", changes={"epoch": 3})


@pytest.mark.slow
@pytest.mark.slow
def test_json_is_alone_on_stdout(tmp_path: Path) -> None:
    done = plusx("study", "shortcuts", "--quick", "--seeds", "1", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["page"] == str(Path("studies") / "shortcuts" / "study.html")
    assert (tmp_path / answer["page"]).stat().st_size > 10_000
    assert "Undecided: one seed" in done.stderr
