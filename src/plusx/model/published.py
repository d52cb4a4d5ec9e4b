"""Weights as files and other libraries give them, and what those say of how they were trained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NamedTuple

import torch
from torch import Tensor

from plusx.errors import PlusxError, WrongUse

State = Mapping[str, Tensor]


class Origin(NamedTuple):
    """What is known of how weights were trained: `preprocessing` in an `ImageSpec`'s fields, and the classes' names."""

    preprocessing: dict[str, Any] | None = None
    classes: tuple[str, ...] | None = None


def read_state(weights: str, name: str = "") -> State:
    """The state dict that `weights` names, in its library's own names for layers.

    Args:
        weights: as `plusx.model.pretrained.load_weights` takes them.
        name: the network's name in torchvision.

    Raises:
        WrongUse: `weights` names nothing known.
        PlusxError: it cannot be read, or the library that is asked for is not installed or fails.
    """
    path = Path(weights)
    if path.is_file():
        return _read_file(path)
    library, _, record = weights.partition("/")
    if not (record or path.is_dir()) or path.suffix in (".safetensors", ".pth", ".pt", ".bin"):
        raise WrongUse(f"{weights}: no such file, and not of the form torchvision/NAME, timm/NAME or OWNER/NAME")
    try:
        if library == "torchvision":
            return _from_torchvision(record, name)
        return _from_timm(record) if library == "timm" else _from_transformers(weights)
    except PlusxError:
        raise
    except Exception as error:
        # No network, no such name, a hash that does not match: each library says so with errors of its own.
        raise PlusxError(f"{weights}: it cannot be loaded: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    text, _, _ = str(error).partition("\n")
    return f"{type(error).__name__}: {text}".removesuffix(": ")


def _read_file(path: Path) -> State:
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        # torch's own text advises to read it all the same.
        raise PlusxError(f"{path}: it holds other things than tensors, which could run code: refused") from error
    except Exception as error:
        raise PlusxError(f"{path}: no weights can be read from it: {_first_line(error)}") from error
    for key in ("state_dict", "model"):
        state = state.get(key, state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise PlusxError(f"{path}: it holds no state dict of tensors")
    return {str(name).removeprefix("module."): tensor for name, tensor in state.items()}


def _from_torchvision(record: str, name: str) -> State:
    from torchvision.models import get_model_weights

    try:
        records = get_model_weights(name)
    except ValueError:
        raise WrongUse(f"torchvision/{record}: torchvision has no network called {name or 'nothing'}") from None
    if record not in records.__members__:
        raise WrongUse(f"torchvision/{record}: torchvision's weights of {name} are {', '.join(records.__members__)}")
    return records[record].get_state_dict(check_hash=True, weights_only=True, progress=False)


def _from_timm(record: str) -> State:
    try:
        import timm
    except ImportError:
        raise PlusxError(f"timm/{record}: needs timm; pip install 'plusx[hub]'") from None
    # What does not come from the hub as safetensors comes from a URL, whose hash timm checks if it is told to.
    timm.models.set_pretrained_check_hash()
    return timm.create_model(record, pretrained=True).state_dict()


def _from_transformers(weights: str) -> State:
    try:
        from transformers import ResNetForImageClassification
    except ImportError:
        raise PlusxError(f"{weights}: needs transformers; pip install 'plusx[hub]'") from None
    loaded: Any = ResNetForImageClassification.from_pretrained(weights, use_safetensors=True, output_loading_info=True)
    net, report = loaded
    if report["missing_keys"]:
        # It fills what another network's file lacks with random numbers.
        raise WrongUse(f"{weights}: weights of another network: it lacks {min(report['missing_keys'])}")
    return net.state_dict()


def read_origin(weights: str, name: str = "") -> Origin:
    """How `weights`, which `read_state` could read, were trained, as far as their library says so.

    >>> read_origin("torchvision/IMAGENET1K_V2", "resnet50").preprocessing["crop_fraction"] == 224 / 232
    True
    """
    library, _, record = weights.partition("/")
    if Path(weights).is_file():
        return Origin()
    if library == "torchvision":
        return _torchvision_origin(record, name)
    return _timm_origin(record) if library == "timm" else _transformers_origin(weights)


def _torchvision_origin(record: str, name: str) -> Origin:
    from torchvision.models import get_model_weights

    weights = get_model_weights(name)[record]
    how = weights.transforms()
    crop, resize = how.crop_size[0], how.resize_size[0]
    preprocessing = _preprocessing(crop, crop / resize, how.interpolation.value, how.mean, how.std)
    return Origin(preprocessing, tuple(weights.meta["categories"]))


def _timm_origin(record: str) -> Origin:
    from timm.models import get_pretrained_cfg

    how = get_pretrained_cfg(record)
    if how is None:
        return Origin()
    return Origin(_preprocessing(how.input_size[-1], how.crop_pct, how.interpolation, how.mean, how.std))


def _transformers_origin(weights: str) -> Origin:
    from transformers import AutoImageProcessor

    try:
        how = AutoImageProcessor.from_pretrained(weights)
        size = how.size["shortest_edge"]
    except (OSError, ValueError, KeyError):
        return Origin()
    resampling = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}[int(how.resample)]
    preprocessing = _preprocessing(size, how.crop_pct or 0.875, resampling, how.image_mean, how.image_std)
    # Its processor crops below 384 pixels and warps from there on.
    return Origin(preprocessing if size < 384 else preprocessing | {"crop_fraction": 1.0, "fit": "stretch"})


def _preprocessing(size: int, crop_fraction: float, resampling: str, mean: Any, std: Any) -> dict[str, Any]:
    return {
        "modality": "image",
        "height": size,
        "width": size,
        "channels": len(mean),
        "crop_fraction": crop_fraction,
        "resampling": resampling,
        "mean": [round(255 * value, 4) for value in mean],
        "std": [round(255 * value, 4) for value in std],
    }
