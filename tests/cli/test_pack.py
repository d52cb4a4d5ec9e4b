"""`plusx pack` as people and scripts meet it."""

import json
from pathlib import Path

import pytest
from commands import plusx as run

import plusx
from plusx.cli.main import main


def test_pack_then_train(digit_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = run("pack", digit_folder, "--out", tmp_path / "shards", "--shard-size", "100KB", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["counts"] == {"train": 200, "test": 100}
    assert said["skipped"] == 0
    shards = list((tmp_path / "shards").glob("*.tar"))
    assert said["shards"] == len(shards) > 3
    assert said["size_bytes"] == sum(shard.stat().st_size for shard in shards)
    assert "train: 200 pictures" in done.stderr
    quick = ["--epochs", "1", "--set", "model_options.num_filters=8", "--json"]
    capsys.readouterr()
    main_until_done(["train", f"file://{tmp_path}/shards", "--out", f"{tmp_path}/run", *quick])
    assert json.loads(capsys.readouterr().out)["test"]["count"] == 100
    main_until_done(["train", f"file://{tmp_path}/shards", "--out", f"{tmp_path}/run", "--resume"])
    assert "resumed after step" in capsys.readouterr().err


def main_until_done(arguments: list[str]) -> None:
    """A command in this process, which has torch in memory already."""
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert not left.value.code


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["digits", "--out", "made", "--shard-size", "lots"], "--shard-size lots"),
        (["digits", "--out", "made", "--shard-size", "0MB"], "--shard-size 0MB"),
        (["digits", "--out", "."], "--out .: something is there already"),
        (["digits", "--out", "s3://bucket/x"], "a local folder"),
        (["none", "--out", "made"], "no such folder or file"),
        (["mnist", "--out", "made"], "--data-dir"),
    ],
)
def test_wrong_use_is_one_line(
    arguments: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as left:
        main(["pack", *arguments])
    assert left.value.code == 2
    said = capsys.readouterr()
    assert says in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert list(tmp_path.iterdir()) == []


def test_skipped_pictures_are_told_of(digit_folder: Path, tmp_path: Path) -> None:
    for name in ("a/1.png", "b/2.png", "b/3.png"):
        path = tmp_path / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(next(digit_folder.glob("train/1/*.png")).read_bytes())
    (tmp_path / "set" / "b" / "3.png").write_bytes(b"none")
    done = run("pack", tmp_path / "set", "--out", tmp_path / "shards")
    assert done.returncode == 0
    assert "1 pictures could not be used" in done.stderr
    assert done.stdout == ""
    with pytest.raises(plusx.WrongUse, match="shard-size"):
        plusx.pack(tmp_path / "set", tmp_path / "other", shard_bytes=0)
