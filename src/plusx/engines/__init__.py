"""An archive's network on one runtime. A new engine is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from jaxtyping import Float, Shaped

from plusx.archive import Archive


class Engine(Protocol):
    """Runs a network: raw inputs, as the modality prepares them, to outputs.

    Shapes: `(batch, channels, height, width)` uint8 for pictures, to `(batch, classes)` float32 logits.
    """

    name: str

    def __call__(self, inputs: Shaped[np.ndarray, "batch ..."]) -> Float[np.ndarray, "batch ..."]: ...


def _torch(archive: Archive) -> Engine:
    from plusx.engines.torch import TorchEngine

    return TorchEngine(archive)


def _onnx(archive: Archive) -> Engine:
    from plusx.engines.onnx import OnnxEngine

    return OnnxEngine(archive)


def _openvino(archive: Archive) -> Engine:
    from plusx.engines.openvino import OpenVinoEngine

    return OpenVinoEngine(archive)


ENGINES: dict[str, Callable[[Archive], Engine]] = {"torch": _torch, "onnx": _onnx, "openvino": _openvino}
"""By the names that `--engine` takes. The first is the reference: it ran the training."""

NEEDS: dict[str, str] = {"torch": "torch", "onnx": "onnxruntime", "openvino": "openvino"}
"""The package that an engine is not without."""
