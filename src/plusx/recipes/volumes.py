"""The recipes for volumes: every choice follows from what the set is like, and says why."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plusx.data.augment import Augmentation, Intensity, VolumeShift
from plusx.data.volume import VolumeSpec
from plusx.data.volume_facts import VolumeFacts
from plusx.model.zoo import ZOO
from plusx.training.recipe import Recipe, Sgd
from plusx.training.schedule import Schedule

MOST_VOXELS = 64**3
"""Of a volume that the first training sees; more is a person's own choice."""
TINY, SMALL = 16, 40
"""Voxels a side up to which a stem keeps their number, and up to which a network of three stages is enough."""
LEAST_MAP = 3
"""Voxels a side below which oneDNN's bfloat16 gradients of 3-D filters read memory that nobody wrote (torch 2.14)."""
SEEN = 40_000
"""Volumes, repeated ones included, that a training sees where the set allows it."""


@dataclass(frozen=True)
class Rung:
    """A network, and how often 10,000 volumes must be seen before it is better than the rung below."""

    model: str
    epochs: float
    options: Mapping[str, Any]


def volumes(facts: VolumeFacts) -> Recipe:
    """The smallest network for volumes of this size, and as many epochs as their number asks for."""
    recipe = _recipe(facts, _rungs(facts)[0])
    epochs = min(60, max(4, round(SEEN / facts.count)))
    reason = f"{facts.count:,} training volumes, each seen {epochs} times"
    return recipe.model_copy(update={"epochs": epochs, "reasons": {**recipe.reasons, "epochs": reason}})


def volumes_ladder(facts: VolumeFacts) -> tuple[Recipe, ...]:
    """Recipes from the cheapest to the dearest, each with the epochs from which on it is worth its cost."""
    return tuple(_recipe(facts, rung) for rung in _rungs(facts))


def volumes_fine_tune(facts: VolumeFacts) -> Recipe:
    """`volumes` at a lower rate, each stage slower than the next (arXiv 1801.06146, section 3.2).

    A network of pictures is inflated (`plusx.model.inflate`).
    """
    recipe = volumes(facts)
    reasons = {
        **recipe.reasons,
        "optimizer": "half of a fresh network's rate",
        "rate_decay": "what is near the input is the most general (arXiv 1801.06146, section 3.2)",
    }
    rate = Sgd(lr=recipe.optimizer.lr / 2)
    return recipe.model_copy(
        update={"name": "volumes_fine_tune", "optimizer": rate, "rate_decay": 0.6, "reasons": reasons}
    )


def _rungs(facts: VolumeFacts) -> tuple[Rung, ...]:
    side = max(_spec(facts)[0].shape[1:])
    if side <= SMALL:
        small = {"dims": 3, "stem": "cifar" if side <= TINY else "small"}
        return (
            Rung("resnet8", 0, small),
            Rung("resnet8", 10, {**small, "num_filters": 32}),
            Rung("resnet14", 30, {**small, "num_filters": 32}),
        )
    large = {"dims": 3, "stem": "imagenet"}
    return (
        Rung("resnet8", 0, large),
        Rung("resnet8", 10, {**large, "num_filters": 32}),
        Rung("resnet18_3d", 30, {"num_filters": 32}),
    )


def _smallest_map(spec: VolumeSpec, rung: Rung) -> int:
    """Voxels along the shortest side of the last stage's map."""
    stem = {"cifar": 1, "small": 2}.get(str(rung.options.get("stem")), 4)
    stages = len(ZOO[rung.model].num_layers)
    return math.ceil(min(spec.shape[1:]) / (stem * 2 ** (stages - 1)))


def _recipe(facts: VolumeFacts, rung: Rung) -> Recipe:
    spec, size_reason = _spec(facts)
    small_maps = _smallest_map(spec, rung) < LEAST_MAP
    precision = {"precision": "gradients of maps this small are wrong in bfloat16"} if small_maps else {}
    augment: tuple[Augmentation, ...] = (VolumeShift(reach=max(1, min(spec.shape[1:]) // 14)), Intensity())
    batch_size = min(32, max(8, facts.count // 8))
    return Recipe(
        name="volumes",
        model=rung.model,
        model_options=dict(rung.options),
        preprocessing=spec,
        augment=augment,
        batch_size=batch_size,
        epochs=max(rung.epochs * max(1.0, (10_000 / facts.count) ** 0.5), 1e-6),
        optimizer=Sgd(lr=0.2 * batch_size / 32),
        schedule=Schedule(name="one_cycle", warmup=0.25, start=0.1, end=0.0),
        label_smoothing=0.1,
        precision="float32" if small_maps else "auto",
        reasons={
            **precision,
            "preprocessing": f"{size_reason}; {facts.window_reason}",
            "model": f"{spec.depth}x{spec.height}x{spec.width} voxels",
            "augment": "moved, brighter and darker; not mirrored: bodies have sides",
            "batch_size": f"{facts.count:,} training volumes",
        },
    )


def _spec(facts: VolumeFacts) -> tuple[VolumeSpec, str]:
    """The grid: as the volumes are, where they are alike and small enough."""
    size = (facts.depth, facts.height, facts.width)
    share = min(1.0, (MOST_VOXELS / math.prod(size)) ** (1 / 3))
    spacing, fit = facts.spacing, "crop"
    shown = "x".join(map(str, size))
    if facts.same_size and share == 1:
        reason = f"all volumes looked at are {shown}"
    elif spacing is None:
        size, fit = _shrunk(size, share), "stretch"
        reason = f"the median volume is {shown}, of unknown spacing: each is stretched"
    else:
        extent = [count * step for count, step in zip(size, spacing, strict=True)]
        step = round(max(min(spacing), (math.prod(extent) / MOST_VOXELS) ** (1 / 3)), 3)
        size, spacing = tuple(max(1, math.ceil(length / step)) for length in extent), (step, step, step)
        reason = f"the median volume is {' x '.join(f'{length:.0f}' for length in extent)} mm large"
    spec = VolumeSpec(
        depth=size[0],
        height=size[1],
        width=size[2],
        channels=facts.channels,
        spacing=spacing,
        fit=fit,
        window=facts.window,
        mean=facts.mean,
        std=facts.std,
    )
    return spec, reason


def _shrunk(size: tuple[int, ...], share: float) -> tuple[int, ...]:
    return tuple(max(1, round(count * share)) for count in size)
