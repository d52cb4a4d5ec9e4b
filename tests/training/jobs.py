"""A small real training, for the tests of the loop and of the kill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits

from plusx.data.augment import Cutout, Shift
from plusx.data.cache import Prepared
from plusx.data.image import ImageSpec
from plusx.data.sources import ArraySource, Samples
from plusx.tasks.classify import Classify
from plusx.training.loop import Job
from plusx.training.recipe import Recipe, Sgd
from plusx.training.run import RunFolder
from plusx.training.watch import Silent, Watcher

SPEC = ImageSpec(height=8, width=8, channels=1)
CLASSES = tuple("0123456789")


def recipe(**changes: Any) -> Recipe:
    """Dropped branches, an average and augmentation: all that draws random numbers or keeps state."""
    small = Recipe(
        model="resnet8",
        model_options={"num_filters": 8, "stochastic_depth": 0.3},
        preprocessing=SPEC,
        augment=(Shift(reach=1), Cutout(size=2)),
        batch_size=32,
        epochs=3,
        optimizer=Sgd(lr=0.1),
        average=0.9,
        label_smoothing=0.1,
        clip_norm=5.0,
    )
    return small.model_copy(update=changes)


def job(folder: Path, recipe: Recipe, watcher: Watcher | None = None, checkpoint_every_s: float = 1e9) -> Job:
    """A job on 300 digits, 100 more for validation."""
    folder.mkdir(parents=True, exist_ok=True)
    run = RunFolder(folder)
    device = torch.device("cpu")
    train, val = digits(300, 0), digits(100, 300)
    return Job(recipe, Classify(), CLASSES, train, val, run, device, watcher or Silent(), checkpoint_every_s)


def digits(count: int, first: int) -> Prepared:
    """Real digits, prepared."""
    images, labels = load_digits(return_X_y=True)
    pixels = (images[first : first + count] * 255 / 16).round().astype(np.uint8).reshape(-1, 8, 8, 1)
    targets = labels[first : first + count].astype(np.int64)
    return Prepared.of(Samples(ArraySource(pixels, "digits"), targets, CLASSES), SPEC, pixels)
