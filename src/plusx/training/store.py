"""A finished training -> an archive that was read back and checked."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import plusx
from plusx.archive import Archive, Golden, Manifest, read_archive, write_archive
from plusx.archive.card import Card
from plusx.engines.golden import check_golden
from plusx.engines.torch import TorchEngine
from plusx.model.resnet import ResNet
from plusx.tasks import Task
from plusx.training.recipe import Recipe

GOLDEN_COUNT = 4


def build_archive(
    net: ResNet,
    recipe: Recipe,
    task: Task,
    classes: Sequence[str],
    provenance: Mapping[str, Any],
    card: Card | None = None,
) -> Archive:
    """The archive of a trained network, in memory. Its golden outputs are those of the archive's own network.

    Of the network it holds what the task wants stored.
    """
    # Without storage: only what it is made of is asked for.
    with torch.device("meta"):
        stored = ResNet(**{**net.spec, **task.stored_options(classes)})
    manifest = Manifest(
        created_with={
            "plusx": plusx.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        task=task.model_dump(mode="json"),
        classes=tuple(classes),
        preprocessing=recipe.preprocessing.model_dump(mode="json"),
        network=stored.spec,
        provenance={"recipe": recipe.model_dump(mode="json"), **provenance},
        card=card,
    )
    trained = net.state_dict()
    weights = {name: _array(trained[name]) for name in stored.state_dict()}
    inputs = golden_inputs(recipe.preprocessing.shape, recipe.preprocessing.dtype)
    if task.BULKY:
        # Outputs for every place take as much as many weights; the finest example is the one that tells most.
        inputs = inputs[-1:]
    unchecked = Archive(manifest, weights, Golden(inputs, np.zeros((len(inputs), 1), np.float32)))
    outputs = TorchEngine(unchecked, device="cpu")(inputs)
    return replace(unchecked, golden=Golden(inputs, outputs))


def store_archive(archive: Archive, path: Path) -> Archive:
    """Writes the archive, reads it back and checks its golden examples.

    Raises:
        PlusxError: it cannot be written, or does not answer as the training's network.
    """
    write_archive(archive, path)
    stored = read_archive(path)
    check_golden(TorchEngine(stored), stored)
    return stored


def golden_inputs(shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
    """Synthetic examples `(4, *shape)`: patches of random values, coarse in the first, finer in each further one.

    They are not the user's examples, since a model that is shared must not carry what it was trained on.

    >>> golden_inputs((1, 8, 8), np.dtype(np.uint8)).shape
    (4, 1, 8, 8)
    """
    random = np.random.default_rng(0)
    # Levels are bytes whatever holds them; only samples of sound have a sign, and use all of their range.
    low, high = (np.iinfo(dtype).min, np.iinfo(dtype).max + 1) if dtype.kind == "i" else (0, 256)
    examples: list[np.ndarray] = []
    for number in range(GOLDEN_COUNT):
        cell = max(1, max(shape[1:]) // 2 ** (number + 1))
        coarse = random.integers(low, high, (shape[0], *(-(-size // cell) for size in shape[1:])))
        for axis in range(1, len(shape)):
            coarse = coarse.repeat(cell, axis=axis)
        examples.append(coarse[tuple(slice(size) for size in shape)])
    return np.stack(examples).astype(dtype)


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().contiguous().numpy()
