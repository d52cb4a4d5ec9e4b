"""`plusx audit`: counts on stdout as JSON, and `--strict` fails where scores would be untrue."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plusx.cli.main import main


def pictures(root: Path, leak: bool) -> Path:
    for split in ("train", "test"):
        for number in range(20):
            folder = root / split / "ab"[number % 2]
            folder.mkdir(parents=True, exist_ok=True)
            seed = number + 100 * (split == "test" and not (leak and number == 4))
            Image.fromarray(np.random.default_rng(seed).integers(0, 256, (16, 16), np.uint8)).save(
                folder / f"{number}.png"
            )
    return root


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["audit", *map(str, arguments)])
    return int(str(stopped.value.code or 0))


@pytest.mark.parametrize(("leak", "code"), [(False, 0), (True, 1)])
def test_strict_fails_where_there_is_a_leak(
    leak: bool, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = pictures(tmp_path / "set", leak)
    assert run(root, "--out", tmp_path / "out", "--no-labels", "--json", "--strict") == code
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert found["grave"] == int(leak)
    assert found["findings"] == ({"copy_in_two_splits": 1} if leak else {})
    assert Path(found["page"]).exists()
    if leak:
        assert "plusx: --strict:" in said.err
        assert "1 of copy_in_two_splits" in said.err


def test_without_strict_a_leak_is_no_failure(tmp_path: Path) -> None:
    assert run(pictures(tmp_path / "set", leak=True), "--out", tmp_path / "out", "--no-labels") == 0


def test_wrong_use(tmp_path: Path) -> None:
    assert run(tmp_path / "nothing", "--no-labels") == 2
    assert run(pictures(tmp_path / "set", leak=False), "--budget", "soon") == 2
