"""Any torch module beside plusx's own: as an engine, and as an ONNX graph that the engines run."""

from __future__ import annotations

import logging
import warnings

import numpy as np
import torch
from torch import nn

from plusx.archive import Archive, Golden, Manifest
from plusx.engines.graph import MEMBER


class TorchModule:
    """A module as an engine, in evaluation mode."""

    name = "torch"

    def __init__(self, net: nn.Module):
        self._net = net.eval()

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return self._net(torch.from_numpy(inputs)).numpy()


def graph_archive(net: nn.Module, example: np.ndarray) -> Archive:
    """An archive that holds a module's ONNX graph and nothing else of it; `example` is an input `(1, ...)`."""
    for name in ("torch.onnx", "onnxscript", "onnx_ir"):
        logging.getLogger(name).setLevel(logging.ERROR)
    two = torch.from_numpy(np.repeat(example, 2, axis=0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            net.eval(),
            (two,),
            dynamo=True,
            verbose=False,
            opset_version=18,
            input_names=["input"],
            output_names=["outputs"],
            dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
        )
    assert program is not None
    with torch.no_grad():
        golden = Golden(np.repeat(example, 2, axis=0), net(two).numpy())
    manifest = Manifest(
        created_with={"torch": torch.__version__},
        created_at="2026-01-01T00:00:00Z",
        task={"name": "classify"},
        classes=tuple(str(number) for number in range(golden.outputs.shape[1])),
        preprocessing={"modality": "array"},
        network={},
        provenance={},
    )
    return Archive(manifest, {}, golden, {MEMBER: program.model_proto.SerializeToString()})
