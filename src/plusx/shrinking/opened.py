"""An archive's network taken out, and a changed one put back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from plusx.archive import Archive, Golden
from plusx.engines.torch import TorchEngine, build_network
from plusx.errors import WrongUse
from plusx.model.resnet import ResNet


def network_of(archive: Archive) -> ResNet:
    """The archive's network, without its front.

    Raises:
        WrongUse: it is an int8 model, which has no weights to change.
    """
    if not archive.weights:
        raise WrongUse(
            f"{archive.path or 'the model'}: it is shrunk to {archive.manifest.precision} already; give the "
            "model that it was made of"
        )
    net = build_network(archive).get_submodule("net")
    assert isinstance(net, ResNet)
    return net


def with_network(archive: Archive, net: ResNet) -> Archive:
    """The archive with another network, which takes the same inputs and gives the same kind of outputs.

    Its golden outputs are the new network's.
    """
    weights = {name: tensor.numpy().copy() for name, tensor in net.state_dict().items()}
    manifest = archive.manifest.model_copy(update={"network": net.spec})
    inputs = archive.golden.inputs
    unchecked = Archive(manifest, weights, Golden(inputs, np.zeros((len(inputs), 1), np.float32)))
    return replace(unchecked, golden=Golden(inputs, TorchEngine(unchecked, device="cpu")(inputs)))
