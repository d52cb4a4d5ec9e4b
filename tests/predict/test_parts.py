"""A folder of answers: each input once, however often it was stopped; nothing is written over, nothing mixed."""

import json
from collections.abc import Iterable, Iterator
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plusx.data.rows import read_table
from plusx.errors import PlusxError, WrongUse
from plusx.predict.parts import Answering, answer_into, check_part_rows
from plusx.predict.write import write_rows
from plusx.tasks.base import AnswerType

ANSWER: dict[str, AnswerType] = {"label": "text"}
NAMES = [f"häuser/{number}, „x“.png" if number % 3 else f"{number}.png" for number in range(150)]


class Stopped(Exception):
    pass


class Machine:
    """Answers an input by its length; says which it was asked; stops after some."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.asked: list[str] = []
        self._stop_after = stop_after

    def __call__(self, inputs: Iterable[Any]) -> Iterator[dict[str, Any]]:
        for source in inputs:
            if self._stop_after is not None and len(self.asked) == self._stop_after:
                raise Stopped
            self.asked.append(source)
            bad = source.startswith("7")
            yield {"path": source, "label": None if bad else str(len(source)), "error": "bad" if bad else None}


def about(**changes: Any) -> dict[str, Any]:
    same = {"sha256": "ab", "task": {"name": "classify"}, "options": {"top": 5}, "format": "parquet", "part_rows": 32}
    return {**same, "count": None, **changes}


def run(folder: Path, inputs: Iterable[str] = NAMES, machine: Machine | None = None, resume: bool = False, **changes):
    answering = Answering(machine or Machine(), itemgetter("error"), partial(write_rows, answer=ANSWER))
    return answer_into(folder, about(**changes), iter(inputs), answering, resume=resume)


def rows_in(folder: Path) -> list[dict[str, str]]:
    parts = sorted(folder.glob("part-*"))
    wanted = {"path", "label", "error"}
    return [row.values for part in parts for row in read_table(part, wanted.__contains__).rows]


@pytest.mark.parametrize("format", ["parquet", "csv", "jsonl"])
def test_parts_hold_every_input_in_order(format: str, tmp_path: Path) -> None:
    written = run(tmp_path / "a" / "b", format=format)
    assert [row["path"] for row in rows_in(tmp_path / "a" / "b")] == NAMES
    assert (written.count, written.kept, written.parts) == (150, 0, 5)
    assert written.errors == sum(name.startswith("7") for name in NAMES)
    names = [f"part-0000000{number}.{format}" for number in range(5)]
    assert sorted(path.name for path in (tmp_path / "a" / "b").iterdir()) == ["_about.json", *names]
    assert json.loads((tmp_path / "a" / "b" / "_about.json").read_text())["count"] == 150


def test_a_folder_of_parts_is_one_table_to_others(tmp_path: Path) -> None:
    run(tmp_path)
    assert pq.read_table(tmp_path).column("path").to_pylist() == NAMES


@settings(max_examples=25, deadline=None)
@given(stops=st.lists(st.integers(0, 160), max_size=4), format=st.sampled_from(["parquet", "csv", "jsonl"]))
def test_however_often_it_is_stopped_each_input_is_there_once(
    stops: list[int], format: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("answers")
    whole = 0
    for stop in stops:
        machine = Machine(stop)
        try:
            run(folder, machine=machine, resume=True, format=format)
        except Stopped:
            assert len(machine.asked) == stop
        assert machine.asked == NAMES[whole:][: len(machine.asked)]
        whole = len(rows_in(folder))
    last = Machine()
    written = run(folder, machine=last, resume=True, format=format)
    assert last.asked == NAMES[whole:]
    assert (written.count, written.kept) == (150, whole)
    assert written.errors == sum(name.startswith("7") for name in NAMES)
    assert [row["path"] for row in rows_in(folder)] == NAMES
    assert not list(folder.glob(".*"))


def test_a_finished_folder_is_only_looked_through(tmp_path: Path) -> None:
    first = run(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("part-*")}
    machine = Machine()
    again = run(tmp_path, machine=machine, resume=True)
    assert machine.asked == []
    assert (again.count, again.kept, again.errors) == (150, 150, first.errors)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("part-*")} == before


def test_what_a_killed_process_left_half_written_is_cleared(tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        run(tmp_path, machine=Machine(70))
    (tmp_path / ".part-00000002.parquet.0123456789ab.partial").write_bytes(b"PAR1 half")
    run(tmp_path, resume=True)
    assert [path.name for path in tmp_path.glob(".*")] == []
    assert len(rows_in(tmp_path)) == 150


CHANGED: dict[str, tuple[dict[str, Any], str]] = {
    "model": ({"sha256": "cd"}, "the model is not what these answers were begun with"),
    "threshold": ({"task": {"name": "classify", "threshold": 0.2}}, "the task or its --threshold is not"),
    "option": ({"options": {"top": 4}}, "an option is not"),
    "format": ({"format": "csv"}, "--format is not"),
    "rows": ({"part_rows": 64}, "--part-rows is not"),
    "another": ({"inputs": [*NAMES[:40], "other.png", *NAMES[41:]]}, "part-00000001.parquet, row 9 is of"),
    "fewer": ({"inputs": NAMES[:40]}, "there is no further input"),
    "another order": ({"inputs": NAMES[::-1]}, "part-00000000.parquet, row 1 is of 0.png"),
}


@pytest.mark.parametrize(("changes", "says"), CHANGED.values(), ids=CHANGED.keys())
def test_what_has_changed_since_is_refused(changes: dict[str, Any], says: str, tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        run(tmp_path, machine=Machine(70))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    machine = Machine()
    with pytest.raises(WrongUse, match=says) as refused:
        run(tmp_path, machine=machine, resume=True, **changes)
    assert "\n" not in str(refused.value)
    assert machine.asked == []
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("count", [128, 150])
def test_inputs_that_came_after_the_end_are_refused(count: int, tmp_path: Path) -> None:
    run(tmp_path, NAMES[:count])
    with pytest.raises(WrongUse, match=rf"new\.png comes after the {count} that there were"):
        run(tmp_path, [*NAMES[:count], "new.png"], resume=True)


def test_a_lost_part_and_a_torn_one_are_refused(tmp_path: Path) -> None:
    run(tmp_path)
    (tmp_path / "part-00000001.parquet").unlink()
    with pytest.raises(WrongUse, match="part 1 is missing before part-00000002"):
        run(tmp_path, resume=True)
    short = pq.read_table(tmp_path / "part-00000002.parquet").slice(0, 10)
    pq.write_table(short, tmp_path / "part-00000001.parquet")
    with pytest.raises(WrongUse, match="inputs have changed"):
        run(tmp_path, resume=True)
    (tmp_path / "part-00000001.parquet").write_bytes(b"")
    with pytest.raises(WrongUse, match=r"part-00000001\.parquet: not a Parquet file"):
        run(tmp_path, resume=True)


def test_a_folder_of_anything_else_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for resume in (False, True):
        with pytest.raises(WrongUse, match=r"it holds other files, such as notes\.txt"):
            run(tmp_path, resume=resume)
    (tmp_path / "_about.json").write_text("[]")
    with pytest.raises(WrongUse, match=r"its _about\.json is not plusx's"):
        run(tmp_path, resume=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["_about.json", "notes.txt"]


def test_answers_are_never_written_over(tmp_path: Path) -> None:
    run(tmp_path)
    with pytest.raises(WrongUse, match="it holds answers already; add --resume"):
        run(tmp_path)


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    def rows(inputs: Iterable[Any]) -> Iterator[dict[str, Any]]:
        with pytest.raises(PlusxError, match="another run writes into it"):
            run(tmp_path, resume=True)
        yield from Machine()(inputs)

    answering = Answering(rows, itemgetter("error"), partial(write_rows, answer=ANSWER))
    assert answer_into(tmp_path, about(), iter(NAMES), answering, resume=False).count == 150


def test_a_place_that_cannot_be_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PlusxError, match="cannot be written"):
        run(tmp_path / "file" / "answers")


def test_no_inputs_are_no_parts(tmp_path: Path) -> None:
    assert run(tmp_path, []).count == 0
    assert [path.name for path in tmp_path.iterdir()] == ["_about.json"]


@pytest.mark.parametrize("rows", [0, -32, 33])
def test_parts_end_where_batches_do(rows: int) -> None:
    check_part_rows(64)
    with pytest.raises(WrongUse, match=f"--part-rows {rows}: it must be a multiple of 32"):
        check_part_rows(rows)
