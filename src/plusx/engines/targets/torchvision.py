"""torchvision's names: the weights as `safetensors`, for `torchvision.models.get_model(name).load_state_dict(...)`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Shaped
from safetensors import safe_open
from safetensors.torch import load_file, save
from torch import nn

from plusx.archive import Archive
from plusx.engines.graph import metadata
from plusx.engines.targets import Options
from plusx.engines.torch import build_network
from plusx.errors import PlusxError
from plusx.model.pretrained import state_for
from plusx.model.resnet import ResNet, ResNetSpec
from plusx.model.zoo import ZOO

ENDING = ".safetensors"
WHAT = "torchvision: a state dict in its names; pixels are to be normalised by its metadata's mean and std"
OF_WEIGHTS, MAPS = True, False
TRAINING_ONLY = ("zero_init", "stochastic_depth", "dropout", "num_classes")
"""Fields that decide nothing of a trained network, or that torchvision takes as they are."""


def write(archive: Archive, path: Path, options: Options) -> list[Path]:
    """One file; its metadata has `network`, the name that torchvision gives it, and what `metadata` says."""
    name = same_network(archive)
    net = build_network(archive).get_submodule("net")
    assert isinstance(net, ResNet)
    state = {key: tensor.contiguous() for key, tensor in state_for(net, "torchvision").items()}
    path.write_bytes(save(state, {"network": name, **metadata(archive)}))
    return [path]


def run(archive: Archive, path: Path, inputs: Shaped[np.ndarray, "batch ..."]) -> Float[np.ndarray, "batch ..."]:
    """By torchvision's own network, after the normalisation that the metadata asks for."""
    from torchvision.models import get_model

    with safe_open(path, framework="pt") as file:
        about: dict[str, str] = file.metadata()
    preprocessing, labels = json.loads(about["preprocessing"]), json.loads(about["labels"])
    net: nn.Module = get_model(about["network"], weights=None, num_classes=len(labels))
    net.load_state_dict(load_file(path), strict=True)
    mean, std = (torch.tensor(preprocessing[name])[:, None, None] for name in ("mean", "std"))
    with torch.no_grad():
        return net.eval()((torch.from_numpy(inputs).float() - mean) / std).numpy()


def same_network(archive: Archive) -> str:
    """The name of torchvision's network that is the archive's.

    Raises:
        PlusxError: torchvision has no such network.
    """
    import torchvision

    ours = _decisive(archive.manifest.network)
    for name in torchvision.models.list_models(module=torchvision.models):
        if name in ZOO and _decisive({"num_layers": ZOO[name].num_layers, **ZOO[name].defaults}) == ours:
            return name
    where, recipe = archive.path or "the model", archive.manifest.provenance.get("recipe")
    name = recipe.get("model", "") if isinstance(recipe, dict) else ""
    raise PlusxError(f"{where}: torchvision has no network like {name or 'this one'}; export it --to onnx")


def _decisive(spec: Mapping[str, Any]) -> dict[str, Any]:
    whole = ResNetSpec.model_validate(spec).model_dump(mode="json")
    return {key: value for key, value in whole.items() if key not in TRAINING_ONLY}
