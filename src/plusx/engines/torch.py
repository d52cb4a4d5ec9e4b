"""The archive's network in PyTorch: always there, the reference for every other engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import nn

from plusx.archive import Archive
from plusx.errors import PlusxError, WrongUse
from plusx.model.fronts import channels_last, with_front
from plusx.model.resnet import ResNet


def build_network(archive: Archive) -> nn.Sequential:
    """The archive's network with its front and weights, in evaluation mode.

    Raises:
        PlusxError: there is no such network as the archive names, or its weights do not fit it, or are not there.
    """
    if archive.manifest.precision != "float32":
        what = f"{archive.path or 'the model'}: an {archive.manifest.precision} model has no weights for torch"
        raise PlusxError(f"{what}; the engines onnx and openvino answer by it, for all else take what it was made of")
    # First without storage: a spec that does not fit the weights must not take memory for them.
    with torch.device("meta"):
        _check_shapes(archive, _network(archive))
    net = _network(archive)
    net.load_state_dict({name: torch.from_numpy(array) for name, array in archive.weights.items()})
    return with_front(archive.manifest.preprocessing, net).eval()


def _network(archive: Archive) -> ResNet:
    spec: dict[str, Any] = archive.manifest.network
    try:
        return ResNet(**spec)
    except (WrongUse, TypeError) as error:
        raise PlusxError(f"{archive.path}: its network cannot be built: {error}") from None


def _check_shapes(archive: Archive, net: nn.Module) -> None:
    wanted = {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}
    stored = {name: array.shape for name, array in archive.weights.items()}
    wrong = sorted(name for name in wanted.keys() | stored.keys() if wanted.get(name) != stored.get(name))
    if wrong:
        shapes = f"{wrong[0]} is {stored.get(wrong[0], 'absent')}, not {wanted.get(wrong[0], 'there')}"
        raise PlusxError(f"{archive.path}: its weights do not fit its network: {shapes}; train it again")


class TorchEngine:
    """Runs an archive with PyTorch, on a GPU where there is one."""

    name = "torch"

    def __init__(self, archive: Archive, device: str | None = None):
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self._network = build_network(archive).to(self.device)
        channels_last(self._network)

    def __call__(self, inputs: Shaped[np.ndarray, "batch ..."]) -> Float[np.ndarray, "batch ..."]:
        with torch.inference_mode():
            # A copy where the array is read-only (a memory map): torch has no read-only tensors.
            batch = torch.from_numpy(inputs if inputs.flags.writeable else inputs.copy())
            outputs = self._network(batch.to(self.device))
        return outputs.float().cpu().numpy()
