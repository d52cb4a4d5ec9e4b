"""What is decided before Ray sees anything."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plusx.errors import PlusxError, WrongUse
from plusx.predict.manifest import Manifest, open_manifest
from plusx.predict.ray import Outcome, _Actor, _parts_of, _said, _Told, joined, runs_of, workers_for


def listed(folder: Path, rows: int, group_rows: int) -> Manifest:
    path = folder / "list.parquet"
    pq.write_table(pa.table({"path": [f"{row}.png" for row in range(rows)]}), path, row_group_size=group_rows)
    return open_manifest(str(path))


@pytest.mark.parametrize(("group_rows", "step"), [(10, 16), (320, 16), (1000, 32)])
def test_runs_are_as_long_as_row_groups_and_leave_out_what_is_done(group_rows: int, step: int, tmp_path: Path) -> None:
    manifest = listed(tmp_path, 3200, group_rows)
    done = np.zeros(100, bool)
    everything = runs_of(manifest, done, 32)
    assert [run["first"] for run in everything] == list(range(0, 100, step))
    assert [run["end"] for run in everything] == [*range(step, 100, step), 100]
    done[: step + 1] = True
    assert runs_of(manifest, done, 32) == everything[1:]
    assert runs_of(manifest, np.ones(100, bool), 32) == []


class Held:
    """Ray, as far as a task that reads lists needs it."""

    def __init__(self, value: object) -> None:
        self.get = lambda reference: value


def test_a_task_gives_the_parts_that_are_left_and_says_what_it_cannot_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = listed(tmp_path, 100, 7)
    done = np.array([False, True, False, False])
    run = pa.table({"first": [0], "end": [4]})
    monkeypatch.setattr("plusx.predict.ray._ray", lambda: Held(_Told(manifest, done, 32)))
    rows = [row for table in _parts_of(run, None) for row in table.to_pylist()]
    assert [row["part"] for row in rows] == [0, 2, 3]
    assert [path for row in rows for path in row["paths"]] == [f"{n}.png" for n in [*range(32), *range(64, 100)]]
    (tmp_path / "list.parquet").unlink()
    (row,) = [row for table in _parts_of(run, None) for row in table.to_pylist()]
    assert "there is no such file" in row["failure"]
    monkeypatch.setattr("plusx.predict.ray.Worker", lambda order: None)
    with pytest.raises(PlusxError, match="there is no such file; check the path; --resume goes on"):
        _said(Outcome(**_Actor(None)(pa.Table.from_pylist([row])).to_pylist()[0]))


def test_a_worker_that_cannot_begin_says_so_with_its_first_part(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(order: object) -> None:
        raise PlusxError("onnxruntime is not installed: pip install 'plusx[deploy]'")

    monkeypatch.setattr("plusx.predict.ray.Worker", broken)
    monkeypatch.setattr("plusx.predict.ray._ray", lambda: Held(None))
    parts = pa.table({"part": [3], "paths": [["a.png"]], "failure": pa.array([None], pa.string())})
    (outcome,) = _Actor(None)(parts).to_pylist()
    assert (outcome["part"], outcome["rows"]) == (3, 0)
    assert "onnxruntime is not installed" in outcome["failure"]


def test_workers_are_as_many_as_processors_or_gpus() -> None:
    assert workers_for("torch", {"CPU": 6.0}) == (1, 0, 6)
    assert workers_for("torch", {"CPU": 7.0, "GPU": 2.0}) == (3, 1, 2)
    assert workers_for("onnx", {"CPU": 7.0, "GPU": 2.0}) == (1, 0, 7)
    assert workers_for("torch", {"CPU": 1.0, "GPU": 2.0}) == (1, 1, 2)


@pytest.mark.parametrize("address", ["ray://head:10001", "head", "head:port"])
def test_what_is_no_address_is_refused_at_once(address: str) -> None:
    pytest.importorskip("ray", reason="ray is not installed: plusx[scale]")
    with pytest.raises(WrongUse, match="give host:port of a cluster's head"), joined(address):
        pass
