"""The ways out of plusx: a trained model as a file that other programs run. A new one is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from jaxtyping import Float, Shaped

from plusx.archive import Archive
from plusx.errors import WrongUse, nearest


@dataclass(frozen=True)
class Options:
    """What a person may ask of an export beside its format.

    Args:
        maps: whether the graph also gives a class-activation map for each class.
        runtime: the folder of ONNX Runtime Web's files, for a page that answers in the browser.
    """

    maps: bool = False
    runtime: Path | None = None


class Target(Protocol):
    """A format: how a model is written in it, and how what was written answers. A module with these names is one."""

    @property
    def ENDING(self) -> str:
        """Of the file's name; "" for a folder."""
        ...

    @property
    def WHAT(self) -> str:
        """What a person is told that it is."""
        ...

    @property
    def OF_WEIGHTS(self) -> bool:
        """Whether it is made of the network's weights, which an int8 model has not, and not of its ONNX graph."""
        ...

    @property
    def MAPS(self) -> bool:
        """Whether it can hold more outputs than the network's own."""
        ...

    def write(self, archive: Archive, path: Path, options: Options) -> list[Path]:
        """Writes the model to `path`, in a folder where nothing is yet; gives all that belongs to it, `path` first.

        Raises:
            PlusxError: the format cannot hold such a model, or the library that writes it is not installed.
        """
        ...

    def run(self, archive: Archive, path: Path, inputs: Shaped[np.ndarray, "batch ..."]) -> Float[np.ndarray, ...]:
        """The raw outputs of what was written, read from its file by the format's own library."""
        ...


def _onnx() -> Target:
    from plusx.engines.targets import onnx

    return onnx


def _openvino() -> Target:
    from plusx.engines.targets import openvino

    return openvino


def _torch_export() -> Target:
    from plusx.engines.targets import torch_export

    return torch_export


def _torchvision() -> Target:
    from plusx.engines.targets import torchvision

    return torchvision


def _litert() -> Target:
    from plusx.engines.targets import litert

    return litert


def _web() -> Target:
    from plusx.engines.targets import web

    return web


def _model_repository() -> Target:
    from plusx.engines.targets import model_repository

    return model_repository


def _plusx() -> Target:
    from plusx.engines.targets import plusx

    return plusx


TARGETS: dict[str, Callable[[], Target]] = {
    "onnx": _onnx,
    "openvino": _openvino,
    "torch-export": _torch_export,
    "torchvision": _torchvision,
    "litert": _litert,
    "web": _web,
    "model-repository": _model_repository,
    "plusx": _plusx,
}
"""By the names that `--to` takes."""


def find_target(name: str) -> Target:
    """The target of this name.

    Raises:
        WrongUse: there is none.

    >>> find_target("onxn")
    Traceback (most recent call last):
    plusx.errors.WrongUse: --to onxn: no such format; did you mean onnx?; there are onnx, openvino, torch-export, \
torchvision, litert, web, model-repository, plusx
    """
    if name not in TARGETS:
        raise WrongUse(f"--to {name}: no such format{nearest(name, list(TARGETS))}; there are {', '.join(TARGETS)}")
    return TARGETS[name]()
