"""Subjects of reports without a training: outputs that are made up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from plusx.archive import Archive, Golden, Manifest
from plusx.data.cache import Prepared
from plusx.data.image import ImageSpec
from plusx.data.sources import ArraySource, Samples
from plusx.engines.torch import TorchEngine
from plusx.model.resnet import ResNet
from plusx.reporting.subject import Subject
from plusx.tasks.classify import Classify

SPEC = ImageSpec(height=8, width=8, channels=1)
COURSE = [
    {"epoch": e, "train_loss": 2 / e, "val_loss": 3 / e, "train_accuracy": 0.8, "val_accuracy": 0.7, "elapsed_s": e}
    for e in range(1, 6)
]


def classified(
    classes: Sequence[str], count: int, wrong: float = 0.1, seed: int = 0, course: Sequence[Mapping[str, Any]] = COURSE
) -> Subject:
    """Answers of a network with fresh weights about random pictures, outputs and targets drawn apart from it."""
    random = np.random.default_rng(seed)
    pixels = np.random.default_rng(99).integers(0, 256, (count, 8, 8, 1)).astype(np.uint8)
    targets = np.arange(count) % len(classes)
    outputs = random.normal(0, 1, (count, len(classes))).astype(np.float32)
    right = np.where(random.random(count) < wrong, random.integers(0, len(classes), count), targets)
    outputs[np.arange(count), right] += 6
    samples = Samples(ArraySource(pixels, "made/test"), targets, tuple(classes))
    net = ResNet([1], 4, num_classes=len(classes), in_channels=1)
    manifest = Manifest(
        created_with={"plusx": "0"},
        created_at="2026-01-31T12:00:00Z",
        task={"name": "classify", "temperature": 1.5},
        classes=tuple(classes),
        preprocessing=SPEC.model_dump(mode="json"),
        network=net.spec,
        provenance={"recipe": {"model": "tiny", "epochs": 2.0, "reasons": {"model": "it is small"}}},
    )
    weights = {name: tensor.numpy() for name, tensor in net.state_dict().items()}
    archive = Archive(manifest, weights, Golden(np.zeros(1), np.zeros(1)), Path("none.plusx"))
    scores = Classify(temperature=1.5).scores(outputs, targets, classes)
    prepared = Prepared.of(samples, SPEC, pixels)
    engine = TorchEngine(archive, device="cpu")
    return Subject(archive, engine, prepared, "test", scores, outputs, "made", course, ["plusx", "train", "made"])
