"""A ResNet-50 for `volume.py`, as float32 and as int8. Its weights are random: they cost the same as trained ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from safetensors.torch import save_file
from torchvision.models import resnet50

import plusx
from plusx.archive import Archive, Golden, Manifest, write_archive
from plusx.data.image import ImageSpec
from plusx.engines.torch import TorchEngine
from plusx.model.pretrained import load_state
from plusx.predict.ahead import prepared_batches
from plusx.shrinking.quantize import quantized
from plusx.tasks.classify import Classify
from plusx.training.store import golden_inputs

# Those of the textbook's transforms, on the 0..255 scale.
SPEC = ImageSpec(
    height=224,
    width=224,
    channels=3,
    crop_fraction=0.875,
    mean=(123.675, 116.28, 103.53),
    std=(58.395, 57.12, 57.375),
)
CALIBRATION = 32


def make_models(folder: Path, photos: Path) -> dict[str, Path]:
    """Writes `float32.plusx`, `int8.plusx`, and torchvision's state with the same weights, `weights.safetensors`."""
    batch = first_photos(photos)
    theirs = _settled(batch)
    save_file(theirs.state_dict(), folder / "weights.safetensors")
    net = plusx.resnet50()
    load_state(net, theirs.state_dict())
    exact = _archive(net.eval())
    paths = {name: folder / f"{name}.plusx" for name in ("float32", "int8")}
    write_archive(exact, paths["float32"])
    write_archive(quantized(exact, batch), paths["int8"])
    return paths


def first_photos(photos: Path) -> UInt8[np.ndarray, "batch channels height width"]:
    """As the network takes them."""
    files = (str(path) for path in sorted(photos.iterdir()))
    first = next(prepared_batches(SPEC, files, CALIBRATION))
    return np.stack([np.moveaxis(pixels, -1, 0) for _, pixels in first if not isinstance(pixels, str)])


def _settled(batch: np.ndarray) -> torch.nn.Module:
    """torchvision's network, its batch norms' statistics those of a batch of photos: values are as large as in use."""
    torch.manual_seed(0)
    net = resnet50()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    mean, std = (torch.tensor(values)[:, None, None] for values in (SPEC.mean, SPEC.std))
    with torch.no_grad():
        net.train()((torch.from_numpy(batch).float() - mean) / std)
    return net.eval()


def _archive(net: plusx.ResNet) -> Archive:
    manifest = Manifest(
        created_with={"plusx": plusx.__version__},
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        task=Classify().model_dump(mode="json"),
        classes=tuple(f"class {number}" for number in range(1000)),
        preprocessing=SPEC.model_dump(mode="json"),
        network=net.spec,
        provenance={"weights": "random"},
    )
    weights = {name: tensor.numpy() for name, tensor in net.state_dict().items()}
    inputs = golden_inputs(SPEC.shape, SPEC.dtype)
    unchecked = Archive(manifest, weights, Golden(inputs, np.zeros((len(inputs), 1), np.float32)))
    return replace(unchecked, golden=Golden(inputs, TorchEngine(unchecked, device="cpu")(inputs)))
