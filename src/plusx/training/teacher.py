"""A distillation's teacher, kept in the run's folder: the run is exact whatever becomes of where it came from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from plusx.archive import Archive, read_archive
from plusx.data.files import atomic_write
from plusx.engines.choose import first
from plusx.engines.torch import build_network
from plusx.errors import PlusxError
from plusx.model.fronts import channels_last
from plusx.training.run import RunFolder


class Teacher:
    """A trained network that answers training batches: in evaluation mode, without gradient, through its own front.

    Args:
        archive: the model.
        classes: the student's, in its order; the teacher knows the same.
        device: where the training runs.
    """

    def __init__(self, archive: Archive, classes: Sequence[str], device: torch.device):
        self._answer = _by_torch(archive, device) if archive.weights else _by_engine(archive, device)
        place = {name: index for index, name in enumerate(archive.manifest.classes)}
        self._order = torch.tensor([place[name] for name in classes], device=device)

    @torch.no_grad()
    def __call__(self, inputs: Shaped[Tensor, "batch channels *space"]) -> Float[Tensor, "batch classes"]:
        return self._answer(inputs)[:, self._order]


def _by_torch(archive: Archive, device: torch.device) -> Callable[[Tensor], Tensor]:
    network = build_network(archive).requires_grad_(False).to(device)
    channels_last(network)
    return network


def _by_engine(archive: Archive, device: torch.device) -> Callable[[Tensor], Tensor]:
    """An int8 teacher: several times as fast as its float network, and hardly less right."""
    engine = first(archive)
    return lambda inputs: torch.from_numpy(engine(inputs.cpu().numpy())).to(device)


def write_teacher(archive: Archive, path: Path) -> str:
    """Copies a teacher's file, whole or not at all; gives its SHA-256 in hex.

    Raises:
        PlusxError: it cannot be read or written.
    """
    assert archive.path is not None
    try:
        data = archive.path.read_bytes()
        with atomic_write(path, "wb") as file:
            file.write(data)
    except OSError as error:
        raise PlusxError(f"{error.filename or path}: the teacher cannot be copied: {error.strerror}") from None
    return hashlib.sha256(data).hexdigest()


def stored_teacher(run: RunFolder, classes: Sequence[str], device: torch.device) -> Teacher:
    """The teacher in a run's folder.

    Raises:
        PlusxError: it is not there, or not what was written.
    """
    mend = "the run cannot go on without it; begin a new one"
    try:
        with run.teacher.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise PlusxError(f"{run.teacher}: cannot be read ({error.strerror}): {mend}") from None
    if found != run.read_about().get("teacher"):
        raise PlusxError(f"{run.teacher}: it is not what was written: {mend}")
    return Teacher(read_archive(run.teacher), classes, device)
