"""Faults at every operation on files, and children forked from a process that has torch already, to be killed.

A new process for each kill would be three seconds of importing torch.
"""

from __future__ import annotations

import builtins
import errno
import io
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from jobs import job, recipe

from plusx.data.files import only_owner
from plusx.training.checkpoint import Checkpoint, load_latest, save_checkpoint
from plusx.training.loop import fit

CHANGES = ("fsync", "mkdir", "rename", "replace", "rmdir", "unlink")
FILLS = ("create", "write", "mkdir", "fsync")
KILLED = -signal.SIGKILL


@dataclass
class Faults:
    """Counts the operations on files and strikes from number `at` on, counted from 0."""

    at: int
    strike: Callable[[str], None]
    count: int = 0

    def operation(self, name: str) -> None:
        self.count += 1
        if self.count > self.at:
            self.strike(name)

    def before(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def struck(*args: Any, **options: Any) -> Any:
            self.operation(name)
            return function(*args, **options)

        return struck

    def opening(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def opened(path: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
            if mode[0] == "r":
                return function(path, mode, *args, **options)
            self.operation("create")
            return TornFile(function(path, mode, *args, **options), self)

        return opened


class TornFile:
    """A file whose writes come to the disk in two halves."""

    def __init__(self, file: Any, faults: Faults):
        self._file, self._faults = file, faults

    def write(self, data: Any) -> int:
        for half in (data[: len(data) // 2], data[len(data) // 2 :]):
            self._faults.operation("write")
            self._file.write(half)
            self._file.flush()
        return len(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> TornFile:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()


@contextmanager
def faults(at: int, strike: Callable[[str], None]) -> Iterator[Faults]:
    """Within the block, `strike(name)` comes before operation `at` on files and before each later one.

    The operations are the functions of `os` that change something, `create`, and two `write`s for each write.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, faults(2, full_disk) as found:
    ...     try:
    ...         _ = Path(folder, "a").write_bytes(b"1234")
    ...     except OSError as error:
    ...         found.count, Path(folder, "a").read_bytes(), error.strerror
    (3, b'12', 'No space left on device')
    """
    found = Faults(at, strike)
    with ExitStack() as stack:
        for name in CHANGES:
            stack.enter_context(mock.patch.object(os, name, found.before(name, getattr(os, name))))
        opened = found.opening(open)
        for module in (io, builtins):
            stack.enter_context(mock.patch.object(module, "open", opened))
        yield found


def kill(name: str) -> None:
    """What no handler and no `finally` of this process hears."""
    os.kill(os.getpid(), signal.SIGKILL)


def full_disk(name: str) -> None:
    """Nothing more can be added; what is there can be renamed and deleted."""
    if name in FILLS:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def read_only(name: str) -> None:
    """Nothing can be changed."""
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


def failing_disk(name: str) -> None:
    """Each operation fails."""
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def forked(work: Callable[..., object], *args: Any) -> ForkServerProcess:
    """Starts `work(*args)` in a child that has torch already; its `exitcode` is KILLED if that was its end."""
    context = multiprocessing.get_context("forkserver")
    # pytest is the main module, which multiprocessing imports in every child.
    context.set_forkserver_preload(["pytest", "sklearn.datasets", "plusx.training.loop"])
    process = context.Process(target=_one_thread, args=(work, *args))
    process.start()
    return process


def exit_code(process: ForkServerProcess) -> int | None:
    """How it ended, once it has."""
    process.join(60)
    code = process.exitcode
    process.close()
    return code


def _one_thread(work: Callable[..., object], *args: Any) -> None:
    torch.set_num_threads(1)
    work(*args)


def example(step: int) -> Checkpoint:
    """A small checkpoint that is equal to no other step's."""
    return Checkpoint(step, {"a": torch.arange(6.0).reshape(2, 3) + step, "n": torch.tensor(step)}, {"seen": step})


def save(folder: Path, step: int, at: int = sys.maxsize) -> None:
    """Saves a checkpoint as the only process in the folder; killed before operation `at`."""
    with faults(at, kill), only_owner(folder):
        save_checkpoint(folder / "checkpoints", example(step))


def train(folder: Path, at: int = sys.maxsize) -> int:
    """Trains on to the end, with a checkpoint at each step; killed before operation `at`. Gives how many there are."""
    small = recipe(model_options={"num_filters": 4, "stochastic_depth": 0.3}, batch_size=64, epochs=4)
    work = job(folder, small, checkpoint_every_s=0)
    with faults(at, kill) as found, only_owner(folder):
        fit(work)
    return found.count


def end_of(folder: Path) -> Checkpoint:
    """The last checkpoint of a training: weights, average, optimiser and counters."""
    found, damaged = load_latest(folder / "checkpoints")
    assert found is not None
    assert damaged == []
    return found


def same(one: Checkpoint, other: Checkpoint) -> bool:
    """Bit for bit."""
    tensors = one.tensors.keys() == other.tensors.keys()
    equal = all(torch.equal(one.tensors[name], other.tensors[name]) for name in one.tensors) if tensors else False
    return equal and (one.step, one.counters) == (other.step, other.counters)
