"""Checkpoints: a training's whole state on disk, written so that a kill at any moment leaves the last one good.

A checkpoint is a folder `step-0000001234`: `state.safetensors`, `state.json` with the counters, and the `sha256` of
both. It is written beside, synced and renamed (`plusx.data.files.atomic_folder`), and verified on
reading; a damaged one is passed over for the one before it, which is why two are kept, and renamed, so that it
neither counts as one of the two nor is in the way when the training comes to its step again.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from plusx.data.files import atomic_folder
from plusx.errors import PlusxError

KEPT = 2
WANTED_EVERY_S = 30.0
MOST_OF_THE_TIME = 0.01


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds: the step it was taken after, named tensors, and JSON counters."""

    step: int
    tensors: Mapping[str, Tensor]
    counters: Mapping[str, Any]


def due_after_s(wanted_s: float | None, cost_s: float) -> float:
    """Seconds from one checkpoint to the next, where the last one took `cost_s` to write.

    As wanted; where nothing was asked for 30, or so many that checkpoints take no more than a hundredth of the time:
    a network of a gigabyte on a slow disk would else be written more than it is trained.

    >>> due_after_s(None, cost_s=0.02), due_after_s(None, cost_s=1.5), due_after_s(5, cost_s=1.5)
    (30.0, 150.0, 5)
    """
    return max(WANTED_EVERY_S, cost_s / MOST_OF_THE_TIME) if wanted_s is None else wanted_s


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> Path:
    """Writes a checkpoint into `folder` and removes all but the newest two. Gives its path.

    A whole one of the same step stays as it is, since it is of the same state: replacing it would leave a moment
    without it.

    Raises:
        PlusxError: the disk is full or the folder read-only; the checkpoints that were there stay.
    """
    path = folder / f"step-{checkpoint.step:010d}"
    try:
        if not _free(path):
            return path
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors.items()}
        data = save(tensors)
        state = json.dumps({"step": checkpoint.step, "counters": dict(checkpoint.counters)})
        with atomic_folder(path) as beside:
            (beside / "state.safetensors").write_bytes(data)
            (beside / "state.json").write_text(state)
            (beside / "sha256").write_text(_sha256(data, state))
    except OSError as error:
        raise PlusxError(
            f"{path}: the checkpoint cannot be written: {error.strerror or error}; the last one stays"
        ) from error
    for old in checkpoint_paths(folder)[:-KEPT]:
        if old != path:
            # One that cannot be removed is no reason to stop a training.
            shutil.rmtree(old, ignore_errors=True)
    return path


def checkpoint_paths(folder: Path) -> list[Path]:
    """The checkpoints in `folder`, oldest first.

    Raises:
        PlusxError: the folder cannot be read, or is none: what is in it must not be taken for nothing.
    """
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise PlusxError(
            f"{folder}: the checkpoints cannot be read: {error.strerror}; make it a folder that you may read and write"
        ) from None
    return sorted(folder / name for name in names if name.startswith("step-") and name.removeprefix("step-").isdigit())


def load_latest(folder: Path) -> tuple[Checkpoint | None, list[str]]:
    """The newest whole checkpoint, None where there is none, and a line for each damaged one that was passed over.

    A damaged one is renamed to `damaged-step-...`; nothing of it is deleted.

    Raises:
        PlusxError: the folder cannot be read.
    """
    damaged: list[str] = []
    for path in reversed(checkpoint_paths(folder)):
        try:
            return load_checkpoint(path), damaged
        except PlusxError as error:
            damaged.append(str(error))
            with suppress(OSError):
                _set_aside(path)
    return None, damaged


def load_checkpoint(path: Path) -> Checkpoint:
    """Reads and verifies one checkpoint.

    Raises:
        PlusxError: it is damaged.
    """
    try:
        data = (path / "state.safetensors").read_bytes()
        state = (path / "state.json").read_text()
        if _sha256(data, state) != (path / "sha256").read_text():
            raise PlusxError(f"{path}: the checkpoint is damaged: it is not what was written")
        return Checkpoint(tensors=load(data), **json.loads(state))
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise PlusxError(f"{path}: the checkpoint is damaged: {error}") from error


def _free(path: Path) -> bool:
    """False where a whole checkpoint is; anything else that is in its place is set aside."""
    if not os.path.lexists(path):
        return True
    try:
        load_checkpoint(path)
    except PlusxError:
        _set_aside(path)
        return True
    return False


def _set_aside(path: Path) -> None:
    os.rename(path, path.with_name(f"damaged-{path.name}-{secrets.token_hex(3)}"))


def _sha256(data: bytes, state: str) -> str:
    digest = hashlib.sha256(data)
    digest.update(state.encode())
    return digest.hexdigest()
