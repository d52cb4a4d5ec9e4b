"""The ways out of plusx: a trained model as a file that other programs run. A new one is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Protocol

import numpy as np
from jaxtyping import Float, Shaped

from plusx.archive import Archive
from plusx.errors import WrongUse, nearest


class Target(Protocol):
    """A format: how a model is written in it, and how what was written answers."""

    ENDING: str
    """Of the file's name; "" for a folder."""
    WHAT: str
    """What a person is told that it is."""

    def write(self, archive: Archive, path: Path) -> list[Path]:
        """Writes the model to `path`, where nothing is yet; gives all files that belong to it.

        Raises:
            PlusxError: the format cannot hold such a model, or the library that writes it is not installed.
        """
        ...

    def run(self, archive: Archive, path: Path, inputs: Shaped[np.ndarray, "batch ..."]) -> Float[np.ndarray, ...]:
        """The raw outputs of what was written, read from its file by the format's own library."""
        ...


def _of(name: str) -> Callable[[], Target]:
    # A module with the protocol's names is a target: formats have no state.
    return lambda: import_module(f"plusx.engines.targets.{name}")  # pyright: ignore[reportReturnType]


TARGETS: dict[str, Callable[[], Target]] = {
    "onnx": _of("onnx"),
    "openvino": _of("openvino"),
    "torch-export": _of("torch_export"),
    "torchvision": _of("torchvision"),
    "plusx": _of("plusx"),
}
"""By the names that `--to` takes."""


def find_target(name: str) -> Target:
    """The target of this name.

    Raises:
        WrongUse: there is none.

    >>> find_target("onxn")
    Traceback (most recent call last):
    plusx.errors.WrongUse: --to onxn: no such format; did you mean onnx?; there are onnx, openvino, torch-export, \
torchvision, plusx
    """
    if name not in TARGETS:
        raise WrongUse(f"--to {name}: no such format{nearest(name, list(TARGETS))}; there are {', '.join(TARGETS)}")
    return TARGETS[name]()
