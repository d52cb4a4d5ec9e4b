import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from plusx.data.files import atomic_folder, atomic_write, remove_abandoned


def test_a_file_appears_whole_and_alone(tmp_path: Path):
    path = tmp_path / "a.csv"
    with atomic_write(path) as file:
        file.write("é\n")
        assert not path.exists()
    assert path.read_bytes() == "é\n".encode()
    with atomic_write(path, "wb") as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a.csv"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path):
    path = tmp_path / "a.json"
    path.write_text("old")
    with pytest.raises(TypeError), atomic_write(path) as file:
        file.write(7)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path):
    with atomic_folder(tmp_path / "deep" / "run") as folder:
        (folder / "inner").mkdir()
        (folder / "inner" / "x").write_text("1")
        assert not (tmp_path / "deep" / "run").exists()
    assert (tmp_path / "deep" / "run" / "inner" / "x").read_text() == "1"
    with pytest.raises(RuntimeError), atomic_folder(tmp_path / "deep" / "other"):
        raise RuntimeError
    assert os.listdir(tmp_path / "deep") == ["run"]


@pytest.mark.parametrize("full", [False, True])
def test_a_folder_that_is_there_is_not_replaced(tmp_path: Path, full: bool):
    faster = tmp_path / "run" / "theirs" if full else tmp_path / "run"
    with pytest.raises(FileExistsError), atomic_folder(tmp_path / "run"):
        faster.mkdir(parents=True)  # another process
    assert os.listdir(tmp_path) == ["run"]
    assert os.listdir(tmp_path / "run") == (["theirs"] if full else [])


WAIT_IN_FOLDER = """
import sys, time
from pathlib import Path
from plusx.data.files import atomic_folder
with atomic_folder(Path(sys.argv[1])) as folder:
    (folder / "half").touch()
    print("inside", flush=True)
    time.sleep(60)
"""


def test_what_a_killed_process_leaves_is_removed_and_a_living_one_is_left_alone(tmp_path: Path):
    child = subprocess.Popen(
        [sys.executable, "-c", WAIT_IN_FOLDER, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == "inside\n"
        (partial,) = tmp_path.iterdir()
        hour_ago = time.time() - 3600
        os.utime(partial, (hour_ago, hour_ago))
        remove_abandoned(tmp_path)
        assert partial.exists()
        child.send_signal(signal.SIGKILL)
    remove_abandoned(tmp_path)
    assert not partial.exists()


def test_a_young_folder_is_left_to_the_owner_who_may_be_about_to_lock_it(tmp_path: Path):
    (tmp_path / ".run.abc.partial").mkdir()
    remove_abandoned(tmp_path)
    assert (tmp_path / ".run.abc.partial").exists()
