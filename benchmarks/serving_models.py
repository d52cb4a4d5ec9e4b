"""The models and pictures of the serving benchmark: ResNet-50 and a small network, in files."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from engines import CALIBRATING, pictures, resnet50
from plusx.archive import Archive, write_archive
from plusx.data.image import ImageSpec
from plusx.model.resnet import ResNet
from plusx.shrinking.quantize import quantized
from plusx.tasks.classify import Classify
from plusx.training.recipe import Recipe
from plusx.training.store import build_archive

SMALL = ImageSpec(height=28, width=28, channels=1)


def make_models(folder: Path) -> dict[str, Path]:
    """`large`: ResNet-50 in int8. `small`: the network that `plusx train mnist` takes, with fresh weights."""
    int8 = quantized(resnet50(), pictures(CALIBRATING, seed=1))
    return {
        "large": write_archive(int8, folder / "large.plusx"),
        "small": write_archive(small(), folder / "small.plusx"),
    }


def small() -> Archive:
    torch.manual_seed(0)
    net = ResNet([1, 1, 1], 32, num_classes=10, in_channels=1, stem="small").eval()
    recipe = Recipe(model="resnet8", preprocessing=SMALL)
    return build_archive(net, recipe, Classify(), [str(digit) for digit in range(10)], {})


def make_pictures(folder: Path) -> dict[str, Path]:
    """A JPEG of 500x375 cut from scikit-learn's photo, and a PNG of 28x28, both as people send them."""
    from sklearn.datasets import load_sample_image

    photo = Image.fromarray(load_sample_image("flower.jpg")).crop((0, 0, 500, 375))
    digit = Image.fromarray(np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8))
    found = {"large": folder / "photo.jpg", "small": folder / "digit.png"}
    for name, picture in (("large", photo), ("small", digit)):
        data = io.BytesIO()
        picture.save(data, "JPEG" if name == "large" else "PNG")
        found[name].write_bytes(data.getvalue())
    return found
