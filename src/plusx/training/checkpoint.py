"""Checkpoints: a training's whole state on disk, written so that a kill at any moment leaves the last one good.

A checkpoint is a folder `step-0000001234`: `state.safetensors`, `state.json` with the counters, and the `sha256` of
both. It is written beside, synced and renamed (`plusx.data.files.atomic_folder`), and verified on
reading; a damaged one is passed over for the one before it, which is why two are kept.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from plusx.data.files import atomic_folder
from plusx.errors import PlusxError

KEPT = 2


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds: the step it was taken after, named tensors, and JSON counters."""

    step: int
    tensors: Mapping[str, Tensor]
    counters: Mapping[str, Any]


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> Path:
    """Writes a checkpoint into `folder` and removes all but the newest two. Gives its path.

    Raises:
        PlusxError: the disk is full or the folder read-only; the checkpoints that were there stay.
    """
    path = folder / f"step-{checkpoint.step:010d}"
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors.items()}
    data = save(tensors)
    state = json.dumps({"step": checkpoint.step, "counters": dict(checkpoint.counters)})
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if path.exists():
            # Of the same step, hence of the same state, unless it was damaged.
            shutil.rmtree(path)
        with atomic_folder(path) as beside:
            (beside / "state.safetensors").write_bytes(data)
            (beside / "state.json").write_text(state)
            (beside / "sha256").write_text(_sha256(data, state))
    except OSError as error:
        raise PlusxError(f"{path}: the checkpoint cannot be written: {error.strerror}; the last one stays") from error
    for old in checkpoint_paths(folder)[:-KEPT]:
        shutil.rmtree(old)
    return path


def checkpoint_paths(folder: Path) -> list[Path]:
    """The checkpoints in `folder`, oldest first."""
    return sorted(path for path in folder.glob("step-*") if path.name.removeprefix("step-").isdigit())


def load_latest(folder: Path) -> tuple[Checkpoint | None, list[str]]:
    """The newest whole checkpoint, None where there is none, and a line for each damaged one that was passed over."""
    damaged: list[str] = []
    for path in reversed(checkpoint_paths(folder)):
        try:
            return load_checkpoint(path), damaged
        except PlusxError as error:
            damaged.append(str(error))
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


def _sha256(data: bytes, state: str) -> str:
    return hashlib.sha256(data + state.encode()).hexdigest()
