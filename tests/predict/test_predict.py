import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plusx.errors import PlusxError, WrongUse
from plusx.predict.inputs import expand
from plusx.predict.write import WRITERS, write_rows
from plusx.tasks.classify import Classify

GOOD = {
    "path": "a, ü.png",
    "label": "7",
    "probability": 0.75,
    "top": [{"label": "7", "probability": 0.75}, {"label": "1", "probability": 0.25}],
    "error": None,
}
BAD = {"path": "b.png", "label": None, "probability": None, "top": None, "error": "there is no such file"}


def read(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    with path.open(encoding="utf-8", newline="") as file:
        rows = [{name: value or None for name, value in row.items()} for row in csv.DictReader(file)]
    return [
        {
            **row,
            "probability": row["probability"] and float(row["probability"]),
            "top": row["top"] and json.loads(row["top"]),
        }
        for row in rows
    ]


@pytest.mark.parametrize("ending", WRITERS)
def test_rows_come_back_as_they_were(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"answers{ending}"
    write_rows(iter([GOOD, BAD] * 3000), path, Classify.ANSWER)
    assert read(path) == [GOOD, BAD] * 3000


@pytest.mark.parametrize("ending", WRITERS)
def test_a_failure_half_way_leaves_what_was_there(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"answers{ending}"
    path.write_text("before")

    def rows():
        yield GOOD
        raise RuntimeError("the network failed")

    with pytest.raises(RuntimeError):
        write_rows(rows(), path, Classify.ANSWER)
    assert path.read_text() == "before"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match=r"\.csv, \.jsonl, \.parquet; did you mean \.parquet\?"):
        write_rows([GOOD], tmp_path / "answers.parqet", Classify.ANSWER)


def test_a_place_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(PlusxError, match="No such file or directory"):
        write_rows([GOOD], tmp_path / "none" / "answers.csv", Classify.ANSWER)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for name in ("b/10.png", "b/9.png", "a.JPG", ".hidden.png", "notes.txt", "b/.git/x.png", "c d.webp"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def names(root: Path, *inputs: str, stdin: str = "") -> list[str]:
    paths = expand([str(root / text) if text != "-" else text for text in inputs], io.StringIO(stdin))
    return [str(Path(path).relative_to(root)) if Path(path).is_absolute() else path for path in paths]


def test_a_folder_gives_its_pictures_in_natural_order(pictures: Path) -> None:
    assert names(pictures, "") == ["a.JPG", "c d.webp", "b/9.png", "b/10.png"]


def test_globs_files_and_stdin_in_their_order(pictures: Path) -> None:
    found = names(pictures, "b/*.png", "a.JPG", "none.png", "-", stdin="x.png\r\n\ny z.png")
    assert found == ["b/9.png", "b/10.png", "a.JPG", "none.png", "x.png", "y z.png"]


def test_a_name_with_brackets_is_a_file_first(pictures: Path) -> None:
    (pictures / "x[1].png").touch()
    assert names(pictures, "x[1].png") == ["x[1].png"]


@pytest.mark.parametrize(("text", "says"), [("*.gif", "no file fits it"), ("empty", "no picture is in this folder")])
def test_nothing_found_is_wrong_use(pictures: Path, text: str, says: str) -> None:
    (pictures / "empty").mkdir()
    with pytest.raises(WrongUse, match=says):
        names(pictures, text)


def test_rows_are_written_as_they_come(tmp_path: Path) -> None:
    live = 0
    most = 0

    class Row(dict[str, Any]):
        def __init__(self) -> None:
            nonlocal live, most
            super().__init__(GOOD)
            live += 1
            most = max(most, live)

        def __del__(self) -> None:
            nonlocal live
            live -= 1

    write_rows((Row() for _ in range(20_000)), tmp_path / "answers.parquet", Classify.ANSWER)
    assert most < 10_000
    assert np.all([row["label"] == "7" for row in read(tmp_path / "answers.parquet")])


def test_a_parquet_list_is_read_as_it_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    path = tmp_path / "sub" / "list.parquet"
    table = pa.table({"path": ["a.png", "/b/c.png", None, "d/e.png"], "label": ["x"] * 4})
    pq.write_table(table, path, row_group_size=1)
    found = list(expand([str(path)], io.StringIO()))
    assert found == [f"{tmp_path}/sub/a.png", "/b/c.png", "", f"{tmp_path}/sub/d/e.png"]


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"rubbish", "no Parquet file that can be read"), (None, "no column path; it has file")],
)
def test_a_list_without_paths_is_wrong_use(content: bytes | None, says: str, tmp_path: Path) -> None:
    path = tmp_path / "list.parquet"
    if content is None:
        pq.write_table(pa.table({"file": ["a"], "label": ["x"]}), path)
    else:
        path.write_bytes(content)
    with pytest.raises(WrongUse, match=says):
        list(expand([str(path)], io.StringIO()))
