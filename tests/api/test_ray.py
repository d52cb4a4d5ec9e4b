"""Lists answered on Ray: the same parts as on one machine, each input once, whatever is killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

import plusx
from plusx.api.ray import predict_on_ray
from plusx.api.volume import predict_into
from plusx.cli.main import main
from plusx.data.image import ImageSpec
from plusx.model.resnet import ResNet
from plusx.predict.inputs import expand
from plusx.predict.parts import ABOUT
from plusx.predict.worker import packed
from plusx.tasks.classify import Classify
from plusx.training.recipe import Recipe
from plusx.training.store import build_archive

PICTURES = 1000
PART_ROWS = 32
MISSING, BAD, EMPTY = 5, 170, 970
CLASSES = tuple("0123456789")
GONE_S = 30.0


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that was never trained, with the graph that ONNX Runtime starts with in a moment."""
    torch.manual_seed(0)
    spec = ImageSpec(height=8, width=8, channels=1)
    network = ResNet([1, 1], 8, num_classes=10, in_channels=1).eval()
    path = tmp_path_factory.mktemp("models") / "model.plusx"
    path.write_bytes(
        packed(build_archive(network, Recipe(model="resnet8", preprocessing=spec), Classify(), CLASSES, {}), "onnx")
    )
    return path


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A thousand real digits in a list of relative paths, among them a missing one, a damaged one and an empty path."""
    root = tmp_path_factory.mktemp("listed")
    names = [f"pictures/{number:04d}.png" for number in range(PICTURES)]
    (root / "pictures").mkdir()
    digits = np.asarray(load_digits(return_X_y=True)[0]).reshape(-1, 8, 8)
    for name, picture in zip(names, digits[:PICTURES], strict=True):
        Image.fromarray((picture * 255 / 16).round().astype("uint8")).save(root / name)
    (root / names[MISSING]).unlink()
    (root / names[BAD]).write_bytes(b"no picture")
    names[EMPTY] = ""
    pq.write_table(pa.table({"path": names}), root / "list.parquet", row_group_size=300)
    return root / "list.parquet"


@pytest.fixture(scope="module")
def alone(model: Path, listed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one machine answers."""
    folder = tmp_path_factory.mktemp("alone") / "answers"
    inputs = expand([str(listed)], sys.stdin)
    predict_into(plusx.load(model, "onnx"), inputs, folder, part_rows=PART_ROWS)
    return folder


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where Ray keeps its sessions. None of its processes may be left: their command lines name the folder."""
    # Short, since sockets' paths are.
    folder = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))
    monkeypatch.setenv("RAY_TMPDIR", str(folder))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    source = str(Path(plusx.__file__).parents[1])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [source, os.environ.get("PYTHONPATH")])))
    yield folder
    until(lambda: not running(folder), "Ray's processes ended")
    shutil.rmtree(folder, ignore_errors=True)


def running(folder: Path) -> list[str]:
    """The command lines of this machine's processes that name a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in words:
            found.append(words)
    return found


def until(reached: Callable[[], bool], what: str, wait_s: float = GONE_S) -> None:
    begun = time.monotonic()
    while not reached():
        assert time.monotonic() - begun < wait_s, f"never: {what}"
        time.sleep(0.01)


def command(model: Path, listed: object, out: object, *more: str) -> list[str]:
    fixed = ["--part-rows", str(PART_ROWS), "--engine", "onnx", "--max-errors", "3", "--json"]
    return [
        sys.executable,
        "-m",
        "plusx",
        "predict",
        str(model),
        str(listed),
        "--out",
        str(out),
        *fixed,
        "--ray",
        *more,
    ]


def answer(*arguments: Any) -> dict[str, Any]:
    done = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("part-*"))}


def check_each_once(folder: Path, listed: Path) -> None:
    """Every input is in one row, in the list's order."""
    rows = [row for part in sorted(folder.glob("part-*")) for row in pq.read_table(part).to_pylist()]
    names = [str(listed.parent / name) if name else "" for name in pq.read_table(listed)["path"].to_pylist()]
    assert Counter(row["path"] for row in rows) == Counter(names)
    assert [row["path"] for row in rows] == names
    assert [number for number, row in enumerate(rows) if row["error"]] == [MISSING, BAD, EMPTY]


needs_ray = pytest.mark.skipif(
    shutil.which("ray", path=str(Path(sys.executable).parent)) is None, reason="ray is not installed: plusx[scale]"
)


@needs_ray
def test_the_parts_are_those_of_one_machine(
    model: Path, listed: Path, alone: Path, sessions: Path, tmp_path: Path
) -> None:
    out = tmp_path / "answers"
    assert answer(model, listed, out) == {"out": str(out), "count": PICTURES, "errors": 3, "kept": 0, "parts": 32}
    assert contents(out) == contents(alone)
    check_each_once(out, listed)
    about, before = (json.loads((folder / ABOUT).read_text()) for folder in (out, alone))
    assert len(about.pop("manifest")) == 64
    assert about == {**before, "inputs": [str(listed)]}


@needs_ray
@pytest.mark.slow
def test_a_killed_machine_loses_and_doubles_nothing(
    model: Path, listed: Path, alone: Path, sessions: Path, tmp_path: Path
) -> None:
    out = tmp_path / "answers"
    nodes = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("ray_nodes.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert nodes.stdin is not None
    assert nodes.stdout is not None
    with nodes, (tmp_path / "log").open("w") as log:
        address = nodes.stdout.readline().strip()
        run = subprocess.Popen(command(model, listed, out, address), stdout=subprocess.PIPE, stderr=log, text=True)
        until(lambda: len(contents(out)) >= 3, "parts are written", 200)
        nodes.stdin.write("kill\n")
        nodes.stdin.flush()
        assert nodes.stdout.readline().strip() == "killed"
        there = len(contents(out))
        said, _ = run.communicate(timeout=300)
        nodes.stdin.close()
        assert run.returncode == 0, (tmp_path / "log").read_text()
    assert there < 32, "the machine was killed after the run"
    assert json.loads(said)["count"] == PICTURES
    assert contents(out) == contents(alone)
    check_each_once(out, listed)


@needs_ray
@pytest.mark.slow
def test_a_run_that_was_killed_goes_on(model: Path, listed: Path, alone: Path, sessions: Path, tmp_path: Path) -> None:
    out = tmp_path / "answers"
    run = subprocess.Popen(command(model, listed, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: len(contents(out)) >= 3, "parts are written", 200)
    run.send_signal(signal.SIGKILL)
    run.wait()
    until(lambda: not running(sessions), "Ray's processes ended")
    there = {path: path.stat().st_mtime_ns for path in out.glob("part-*")}
    assert 3 <= len(there) < 32
    refused = subprocess.run(command(model, listed, out), capture_output=True, text=True)
    assert (refused.returncode, "add --resume to go on" in refused.stderr) == (2, True)
    found = answer(model, listed, out, "--resume")
    assert found["count"] == PICTURES
    assert 0 < found["kept"] <= len(there) * PART_ROWS
    assert {path: path.stat().st_mtime_ns for path in there} == there
    assert contents(out) == contents(alone)
    check_each_once(out, listed)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """boto3's client of an S3 that runs in this process."""
    pytest.importorskip("s3fs", reason="s3fs is not installed: plusx[scale]")
    boto3 = pytest.importorskip("boto3", reason="boto3 is not installed: moto[server] brings it")
    server = pytest.importorskip("moto.server", reason="moto is not installed: moto[server]")
    serving = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    serving.start()
    host, port = serving.get_host_and_port()
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    for name, value in {"AWS_ENDPOINT_URL": f"http://{host}:{port}", **keys}.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket="pictures")
    yield client
    serving.stop()


@needs_ray
@pytest.mark.slow
def test_lists_pictures_and_answers_may_lie_on_s3(
    model: Path, listed: Path, alone: Path, bucket: Any, sessions: Path
) -> None:
    for path in (listed, *(listed.parent / "pictures").glob("*.png")):
        bucket.upload_file(str(path), "pictures", f"set/{path.relative_to(listed.parent)}")
    bucket.put_object(Bucket="pictures", Key="set/pictures/0009.png", Body=b"")
    out = "s3://pictures/answers/"
    found = answer(model, "s3://pictures/set/list.parquet", out, "--max-errors", "4")
    assert found == {"out": out, "count": PICTURES, "errors": 4, "kept": 0, "parts": 32}
    for number, (name, content) in enumerate(contents(alone).items()):
        wanted = pq.read_table(pa.BufferReader(content)).to_pylist()
        body = bucket.get_object(Bucket="pictures", Key=f"answers/{name}")["Body"].read()
        rows = pq.read_table(pa.BufferReader(body)).to_pylist()
        for place, (row, one) in enumerate(zip(rows, wanted, strict=True)):
            named = one["path"] and one["path"].replace(str(listed.parent), "s3://pictures/set")
            if number * PART_ROWS + place == 9:
                assert row == {**dict.fromkeys(row), "path": named, "error": "the file is empty"}
            else:
                assert (row["path"], row["label"], row["error"]) == (named, one["label"], one["error"])
    bucket.delete_object(Bucket="pictures", Key="answers/part-00000007.parquet")
    found = answer(model, "s3://pictures/set/list.parquet", out, "--max-errors", "4", "--resume")
    assert (found["count"], found["kept"]) == (PICTURES, PICTURES - PART_ROWS)


def test_what_does_not_go_together_is_refused(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(*arguments: str) -> str:
        with pytest.raises(SystemExit) as left:
            main(["predict", str(model), *arguments])
        assert left.value.code == 2
        return capsys.readouterr().err

    assert "put --ray behind it" in refused("--ray", "list.parquet", "--out", "a/")
    assert "give one Parquet list" in refused("a.parquet", "b.parquet", "--out", "a/", "--ray")
    assert "--masks: it does not go with --ray" in refused("a.parquet", "--out", "a/", "--masks", "m", "--ray")
    assert "give --out" in refused("a.parquet", "--ray")


def test_another_list_or_folder_is_refused_before_ray_starts(model: Path, listed: Path, tmp_path: Path) -> None:
    loaded = plusx.load(model, "onnx")
    shutil.copy(listed, tmp_path / "list.parquet")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").touch()
    with pytest.raises(plusx.WrongUse, match=r"it holds other files, such as notes\.txt"):
        predict_on_ray(loaded, listed, tmp_path / "other")
    with pytest.raises(plusx.WrongUse, match=r"--ray ray://head: give host:port of a cluster's head"):
        predict_on_ray(loaded, listed, tmp_path / "new", address="ray://head")
    with pytest.raises(plusx.PlusxError, match="nothing answers there"):
        predict_on_ray(loaded, listed, tmp_path / "out", address="127.0.0.1:6")
    with pytest.raises(plusx.WrongUse, match="add --resume to go on"):
        predict_on_ray(loaded, listed, tmp_path / "out", address="127.0.0.1:6")
    with pytest.raises(plusx.WrongUse, match="an option is not what these answers were begun with"):
        predict_on_ray(loaded, listed, tmp_path / "out", address="127.0.0.1:6", resume=True, top=3)
    pq.write_table(pa.table({"path": ["a.png"]}), tmp_path / "list.parquet")
    with pytest.raises(plusx.WrongUse, match="the list is not the one that these answers were begun with"):
        predict_on_ray(loaded, tmp_path / "list.parquet", tmp_path / "out", resume=True)


def test_a_missing_ray_is_one_line(model: Path, listed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(plusx.PlusxError, match=r"--ray: ray is not installed: pip install 'plusx\[scale\]'"):
        predict_on_ray(plusx.load(model, "onnx"), listed, tmp_path / "out")
