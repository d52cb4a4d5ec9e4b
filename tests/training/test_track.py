"""What trackers were told is read back with each tool's own reader; no one gets past this machine."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from jobs import job, recipe

from plusx.errors import PlusxError, WrongUse
from plusx.training.loop import fit
from plusx.training.recipe import Recipe
from plusx.training.run import RunFolder
from plusx.training.track import TRACKERS, find_trackers
from plusx.training.track.tracker import Parameter, Tracker
from plusx.training.track.tracking import Tracking
from plusx.training.watch import Both, Silent, Step, Watcher

# The tools' own imports are of things that others have deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")

SMALL = recipe(model_options={"num_filters": 4}, batch_size=60, epochs=4)
SCORES = {"val": {"accuracy": 0.5, "confusion": [[1]], "split": "val"}, "test": None}


class Notes(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text)


class Stop(Exception):
    """Ends a training in the middle, as a kill would: without a checkpoint."""


class StopAt(Silent):
    def __init__(self, step: int):
        self.at = step

    def stepped(self, step: Step) -> None:
        if step.step == self.at:
            raise Stop


@pytest.fixture(autouse=True)
def nobody_gets_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are not looked up and only this machine is connected to; no variable of the user's is in force."""

    def connect(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"the network was used: {address}")
        real(self, address)

    def look_up(host: Any, *rest: Any, **more: Any) -> Any:
        if host not in (None, "localhost", "127.0.0.1", "::1"):
            raise AssertionError(f"a name was looked up: {host}")
        return look(host, *rest, **more)

    real, look = socket.socket.connect, socket.getaddrinfo
    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    for name in list(os.environ):
        if name.startswith(("MLFLOW_", "WANDB_")):
            monkeypatch.delenv(name)


def tracked(
    folder: Path, trackers: Mapping[str, type[Tracker]], watcher: Watcher, stop: int = 10**9, recipe: Recipe = SMALL
) -> None:
    """Trains with a checkpoint at each third step, and stops at a step."""
    run = RunFolder(folder)
    folder.mkdir(exist_ok=True)
    with Tracking(run, recipe, trackers, watcher.note) as tracking:
        fit(job(folder, recipe, Both(Both(watcher, StopAt(stop)), tracking), checkpoint_every_s=0))
        tracking.scored(SCORES)


def interrupted(folder: Path, trackers: Mapping[str, type[Tracker]], watcher: Watcher) -> list[dict[str, Any]]:
    """A training that is stopped twice and resumed; its rows. Of the second stop the checkpoints are lost."""
    for stop in (7, 16):
        with pytest.raises(Stop):
            tracked(folder, trackers, watcher, stop=stop)
        # wandb names its files by the second, and no process begins twice in one.
        time.sleep(1 - time.time() % 1)
    for path in sorted((folder / "checkpoints").iterdir()):
        (path / "sha256").unlink()
    tracked(folder, trackers, watcher)
    return RunFolder(folder).read_metrics()


class Strict(Silent):
    """A note of a tracker that failed is a failure."""

    def note(self, text: str) -> None:
        assert "--track" not in text, text


def steps_and_losses(rows: list[dict[str, Any]]) -> list[tuple[int, float]]:
    return [(row["step"], pytest.approx(row["val_loss"], rel=1e-6)) for row in rows]


def test_tensorboard_holds_each_row_once(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    rows = interrupted(tmp_path, find_trackers(["tensorboard"]), Strict())
    assert len(rows) == 4
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    for name in rows[0].keys() - {"step", "measure"}:
        assert [event.step for event in events.Scalars(name)] == [row["step"] for row in rows]
    assert [(event.step, event.value) for event in events.Scalars("val_loss")] == steps_and_losses(rows)
    assert [(event.step, event.value) for event in events.Scalars("val/accuracy")] == [(rows[-1]["step"], 0.5)]
    hparams = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    assert b"optimizer.lr" in hparams


def test_a_finished_run_that_is_resumed_is_told_once(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for _ in range(2):
        tracked(tmp_path, find_trackers(["tensorboard"]), Strict())
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("val_loss")] == [5, 10, 15, 20]
    assert [event.step for event in events.Scalars("val/accuracy")] == [20]


def test_a_tracker_that_comes_late_is_told_all(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with pytest.raises(Stop):
        tracked(tmp_path, {}, Silent(), stop=12)
    tracked(tmp_path, find_trackers(["tensorboard"]), Strict())
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("val_loss")] == [5, 10, 15, 20]


def test_mlflow_holds_each_row_once_in_one_run(tmp_path: Path) -> None:
    rows = interrupted(tmp_path, find_trackers(["mlflow"]), Strict())
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow/mlflow.db")
    experiment = client.get_experiment_by_name("plusx")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.run_name, run.info.status) == (tmp_path.name, "FINISHED")
    assert run.data.params["optimizer.lr"] == "0.1"
    assert run.data.params["model_options.num_filters"] == "4"
    assert run.data.metrics["val/accuracy"] == 0.5
    history = client.get_metric_history(run.info.run_id, "val_loss")
    assert [(metric.step, metric.value) for metric in history] == steps_and_losses(rows)


def test_a_failed_run_is_told_as_failed(tmp_path: Path) -> None:
    with pytest.raises(Stop):
        tracked(tmp_path, find_trackers(["mlflow"]), Strict(), stop=7)
    from mlflow import MlflowClient

    run_id = (tmp_path / "mlflow" / "run_id").read_text()
    run = MlflowClient(f"sqlite:///{tmp_path}/mlflow/mlflow.db").get_run(run_id)
    assert run.info.status == "FAILED"


def test_a_run_of_another_server_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "run" / "mlflow").mkdir(parents=True)
    (tmp_path / "run" / "mlflow" / "run_id").write_text("0" * 32)
    tracked(tmp_path / "run", find_trackers(["mlflow"]), Strict())
    assert (tmp_path / "run" / "mlflow" / "run_id").read_text() != "0" * 32


def test_a_server_that_is_away_is_noted_once_and_the_training_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    notes = Notes()
    tracked(tmp_path, find_trackers(["mlflow"]), notes)
    (line,) = [line for line in notes.lines if "--track" in line]
    assert line.startswith("--track mlflow: it failed (")
    assert len(RunFolder(tmp_path).read_metrics()) == 4


def wandb_records(path: Path) -> Iterator[Any]:
    """The records of a run's file: a log in LevelDB's format with a header of 7 bytes, in blocks of 32 KiB."""
    from wandb.proto.wandb_internal_pb2 import Record

    content, place, record = path.read_bytes(), 7, b""
    while place < len(content):
        left = 32768 - place % 32768
        if left < 7:
            place += left
            continue
        length, kind = struct.unpack("<HB", content[place + 4 : place + 7])
        record += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):
            yield Record.FromString(record)
            record = b""


def test_wandb_keeps_offline_runs_of_one_id(tmp_path: Path) -> None:
    rows = interrupted(tmp_path, find_trackers(["wandb"]), Strict())
    files = sorted(tmp_path.glob("wandb/offline-run-*/run-*.wandb"), key=lambda path: path.stat().st_mtime_ns)
    records = [record for path in files for record in wandb_records(path)]
    assert {record.run.run_id for record in records if record.HasField("run")} == {
        (tmp_path / "wandb" / "id").read_text()
    }
    told = [
        {(item.key or item.nested_key[0]): json.loads(item.value_json) for item in record.history.item}
        for record in records
        if record.HasField("history")
    ]
    assert [(row["_step"], row["val_loss"]) for row in told] == steps_and_losses(rows)


class Faulty:
    """Fails at its second row."""

    needs: ClassVar[tuple[str, ...]] = ()
    rows: ClassVar[list[int]] = []
    closed: ClassVar[list[bool]] = []

    def __init__(self, run: Path, parameters: Mapping[str, Parameter]) -> None:
        self.rows.clear()

    def resume(self, step: int) -> int:
        return 0

    def row(self, step: int, figures: Mapping[str, float]) -> None:
        self.rows.append(step)
        if len(self.rows) == 2:
            raise OSError(28, "No space left\non device")

    def finish(self, step: int, figures: Mapping[str, float]) -> None:
        raise AssertionError("told after it failed")

    def close(self, failed: bool) -> None:
        self.closed.append(failed)


def test_a_tracker_that_fails_is_noted_once_and_changes_nothing(tmp_path: Path) -> None:
    notes = Notes()
    tracked(tmp_path / "faulty", {"faulty": Faulty}, notes)
    assert [line for line in notes.lines if "--track" in line] == [
        "--track faulty: it failed ([Errno 28] No space left on device); the training goes on without it"
    ]
    assert (Faulty.rows, Faulty.closed) == ([5, 10], [True])
    tracked(tmp_path / "without", {}, Silent())
    both = [(tmp_path / name / "checkpoints/step-0000000020/sha256").read_text() for name in ("faulty", "without")]
    assert both[0] == both[1]


def test_wrong_names_and_missing_packages_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WrongUse, match=r"--track tensorbord: .*did you mean tensorboard\?"):
        find_trackers(["tensorbord"])
    monkeypatch.setattr("plusx.training.track.find_spec", lambda package: None)
    for name in TRACKERS:
        with pytest.raises(PlusxError, match=rf"--track {name}: .* pip install 'plusx\[track\]'"):
            find_trackers([name])


def test_nothing_is_imported_before_a_tracker_is_made() -> None:
    code = "import sys, plusx.training.track; assert not {'tensorboard', 'mlflow', 'wandb'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
