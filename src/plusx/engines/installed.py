"""Packages that not everybody installs: asked for in one place, so that what is missing is said alike."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from plusx.engines import NEEDS
from plusx.errors import PlusxError


def needed(package: str, what: str, extra: str = "deploy") -> Any:
    """The package, imported.

    Args:
        package: its name.
        what: what cannot be done without it, as the beginning of the error's line.
        extra: of plusx, that brings it.

    Raises:
        PlusxError: it is not installed.

    >>> needed("no_such_package", "--engine onnx")
    Traceback (most recent call last):
    plusx.errors.PlusxError: --engine onnx: no_such_package is not installed: pip install 'plusx[deploy]'
    """
    # OpenVINO tells Google Analytics of each import, and NNCF of each use, unless the machine's owner forbade it in a
    # file of theirs. Of an empty package both send nothing; nobody asked plusx for a network.
    sys.modules.setdefault("openvino_telemetry", ModuleType("openvino_telemetry"))
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        if error.name is None or not package.startswith(error.name):
            raise
        raise PlusxError(f"{what}: {error.name} is not installed: pip install 'plusx[{extra}]'") from None


def installed() -> list[str]:
    """The names of the engines that can be tried here.

    >>> installed()[0]
    'torch'
    """
    return [name for name, package in NEEDS.items() if find_spec(package) is not None]
