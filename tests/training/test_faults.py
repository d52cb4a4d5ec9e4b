"""Kills at every operation on files and at random moments, full and failing disks: nothing is lost.

`test_kill.py` kills whole commands; here the killed children are forked, which is quick enough for hundreds.
"""

from __future__ import annotations

import random
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from faults import (
    KILLED,
    end_of,
    example,
    exit_code,
    failing_disk,
    faults,
    forked,
    full_disk,
    read_only,
    same,
    save,
    train,
)

from plusx.errors import PlusxError
from plusx.training.checkpoint import checkpoint_paths, load_latest, save_checkpoint
from plusx.training.run import RunFolder

forks = pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")
# Far above what saving takes: a loop that never ends is a failure, not a hang.
MOST_OPERATIONS = 200


def steps(folder: Path) -> list[int]:
    return [int(path.name.removeprefix("step-")) for path in checkpoint_paths(folder / "checkpoints")]


def rows(folder: Path) -> list[dict[str, Any]]:
    """metrics.jsonl without what the clock decides."""
    clock = ("elapsed_s", "samples_per_s")
    return [{key: row[key] for key in row if key not in clock} for row in RunFolder(folder).read_metrics()]


def with_checkpoints(folder: Path, steps: list[int]) -> Iterator[tuple[int, Path]]:
    """Folders with these checkpoints, numbered: one for each operation that a save may fail at."""
    (folder / "before").mkdir()
    for step in steps:
        save(folder / "before", step)
    for at in range(MOST_OPERATIONS):
        yield at, Path(shutil.copytree(folder / "before", folder / str(at)))
    pytest.fail("a save that never ends")


@forks
@pytest.mark.parametrize(("before", "step"), [([], 1), ([1, 2], 3)])
def test_a_kill_before_any_operation_of_a_save_leaves_a_whole_checkpoint(
    tmp_path: Path, before: list[int], step: int
) -> None:
    for at, folder in with_checkpoints(tmp_path, before):
        code = exit_code(forked(save, folder, step, at))
        found, damaged = load_latest(folder / "checkpoints")
        assert damaged == []
        assert (found.step if found else None) in ([step] if code == 0 else [step, *(before[-1:] or [None])])
        assert found is None or same(found, example(found.step))
        save(folder, step + 1)
        assert same(end_of(folder), example(step + 1))
        assert steps(folder) == [*([found.step] if found else []), step + 1]
        assert sorted(folder.rglob("step-*")) == sorted((folder / "checkpoints").iterdir())
        assert [path.name for path in folder.iterdir()] == ["checkpoints"]
        if code == 0:
            return
        assert code == KILLED


@forks
def test_a_training_killed_before_an_operation_ends_bit_equal(tmp_path: Path) -> None:
    killed_at_operations(tmp_path, count=6)


@forks
@pytest.mark.slow
def test_a_training_killed_before_many_an_operation_ends_bit_equal(tmp_path: Path) -> None:
    killed_at_operations(tmp_path, count=120)


def killed_at_operations(folder: Path, count: int) -> None:
    """Trainings each killed at one place: spread over all operations of the whole training."""
    (folder / "whole").mkdir()
    operations = train(folder / "whole")
    for number in range(count):
        out = folder / str(number)
        out.mkdir()
        assert exit_code(forked(train, out, operations * number // count)) == KILLED
        assert exit_code(forked(train, out)) == 0
        assert same(end_of(out), end_of(folder / "whole"))
        assert rows(out) == rows(folder / "whole")
        assert not list(out.rglob(".*"))


@forks
def test_a_training_killed_at_random_moments_ends_bit_equal(tmp_path: Path) -> None:
    killed_at_random(tmp_path, kills=5)


@forks
@pytest.mark.slow
def test_a_training_killed_at_200_random_moments_ends_bit_equal(tmp_path: Path) -> None:
    killed_at_random(tmp_path, kills=200)


def killed_at_random(folder: Path, kills: int) -> None:
    """Trainings killed and resumed again and again, until so many kills have struck and each has ended."""
    (folder / "whole").mkdir()
    began = time.monotonic()
    assert exit_code(forked(train, folder / "whole")) == 0
    longest_s = (time.monotonic() - began) / 2
    struck = number = 0
    while struck < kills:
        out = folder / str(number)
        out.mkdir()
        code = None
        while code != 0:
            process = forked(train, out)
            if struck < kills:
                time.sleep(random.uniform(0, longest_s))
                process.kill()
            code = exit_code(process)
            assert code in (0, KILLED)
            struck += code == KILLED
        assert same(end_of(out), end_of(folder / "whole"))
        assert rows(out) == rows(folder / "whole")
        assert not list(out.rglob(".*"))
        number += 1


@pytest.mark.parametrize("strike", [full_disk, read_only, failing_disk])
def test_a_disk_that_fails_at_any_operation_is_one_line_and_loses_nothing(
    tmp_path: Path, strike: Callable[[str], None]
) -> None:
    refusals: set[str] = set()
    for at, folder in with_checkpoints(tmp_path, [1, 2]):
        refusal, count = save_on(folder, at, strike)
        refusals |= {refusal.removeprefix(f"{folder}/checkpoints/")}
        # What was refused may be there nevertheless, whole, where only its name could not be synced.
        assert steps(folder)[-1] in ((2, 3) if refusal else (3,))
        assert 2 in steps(folder)
        assert same(end_of(folder), example(steps(folder)[-1]))
        save(folder, 4)
        assert steps(folder) in ([2, 4], [3, 4])
        if count <= at:
            (line,) = refusals - {""}
            assert re.fullmatch("step-0000000003: the checkpoint cannot be written: .+; the last one stays", line)
            return


def save_on(folder: Path, at: int, strike: Callable[[str], None]) -> tuple[str, int]:
    """How the save of step 3 is refused, "" where it is not, and how many operations it came to."""
    with faults(at, strike) as found:
        try:
            save_checkpoint(folder / "checkpoints", example(3))
        except PlusxError as error:
            return str(error), found.count
        return "", found.count


def test_a_training_on_a_disk_that_fills_up_goes_on_when_there_is_room(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    with faults(200, full_disk), pytest.raises(PlusxError, match="No space left on device"):
        train(tmp_path / "full")
    assert steps(tmp_path / "full")
    (tmp_path / "whole").mkdir()
    train(tmp_path / "whole")
    train(tmp_path / "full")
    assert same(end_of(tmp_path / "full"), end_of(tmp_path / "whole"))
    assert rows(tmp_path / "full") == rows(tmp_path / "whole")
