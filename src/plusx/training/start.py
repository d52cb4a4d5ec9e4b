"""What a fine-tuning begins from, kept in the run's folder: the run is exact whatever becomes of where it came from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from plusx.data.files import atomic_write
from plusx.data.modalities import Spec, spec_from_json
from plusx.errors import PlusxError
from plusx.model.transfer import transfer
from plusx.training.run import RunFolder
from plusx.training.state import State


@dataclass(frozen=True)
class Start:
    """Trained weights, and what is known of them.

    Args:
        origin: what a person calls it: a model file, a run's folder, or weights of another library.
        weights: the network's tensors by name.
        network: its `ResNetSpec` as JSON.
        preprocessing: what it was trained with, None where that is not known.
        classes: of its head, in order; None where they are not known.
        model: the network's name in the zoo, "" where it has none.
    """

    origin: str
    weights: Mapping[str, Tensor]
    network: Mapping[str, Any]
    preprocessing: Spec | None = None
    classes: tuple[str, ...] | None = None
    model: str = ""


class StoredStart(NamedTuple):
    """A start in a run's folder, and the SHA-256 of its file in hex."""

    path: Path
    sha256: str


def write_start(start: Start, path: Path) -> StoredStart:
    """Writes a start, whole or not at all.

    Raises:
        PlusxError: it cannot be written.
    """
    spec = start.preprocessing
    about = {
        "origin": start.origin,
        "network": start.network,
        "preprocessing": None if spec is None else spec.model_dump(mode="json"),
        "classes": start.classes,
        "model": start.model,
    }
    data = save({name: tensor.contiguous() for name, tensor in start.weights.items()}, {"start": json.dumps(about)})
    try:
        with atomic_write(path, "wb") as file:
            file.write(data)
    except OSError as error:
        raise PlusxError(f"{path}: cannot be written: {error.strerror}") from None
    return StoredStart(path, hashlib.sha256(data).hexdigest())


def read_start(stored: StoredStart) -> Start:
    """Reads a start back.

    Raises:
        PlusxError: it is not there, or not what was written.
    """
    mend = "without a checkpoint the run cannot go on; begin a new one"
    try:
        with stored.path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != stored.sha256:
                raise PlusxError(f"{stored.path}: it is not what was written: {mend}")
        with safe_open(stored.path, framework="pt") as file:
            about = json.loads(file.metadata()["start"])
        weights = load_file(stored.path)
    except (OSError, SafetensorError) as error:
        raise PlusxError(f"{stored.path}: cannot be read ({error}): {mend}") from None
    spec, classes = about.pop("preprocessing"), about.pop("classes")
    return Start(
        weights=weights,
        preprocessing=None if spec is None else spec_from_json(spec),
        classes=None if classes is None else tuple(classes),
        **about,
    )


def begin_from(stored: StoredStart, state: State, classes: Sequence[str]) -> str:
    """Puts what fits of a start into the state's network, before its first step; a line that says what did.

    Args:
        stored: where the start is.
        state: no step of it is done.
        classes: of its head, in order.

    Raises:
        PlusxError: the start is not there, or not what was written.
    """
    start = read_start(stored)
    done = transfer(state.net, start.weights, classes, start.classes)
    state.begin_followers()
    return f"from {start.origin}: {done}"


def stored_start(run: RunFolder) -> StoredStart | None:
    """The start that a run has in its folder, if it has one."""
    sha256 = run.read_about().get("start") if run.begun() else None
    return None if sha256 is None else StoredStart(run.start, sha256)
