"""The recipe for any set of labelled pictures: every choice follows from what the set is like, and says why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from plusx.data.augment import Augmentation, Crop, Flip, Shift
from plusx.data.image import ImageSpec
from plusx.data.survey import Facts
from plusx.training.recipe import Recipe, Sgd
from plusx.training.schedule import Schedule

TINY, SMALL, MIDDLE = 16, 40, 96
PHOTO_SIZE = 128


@dataclass(frozen=True)
class _Net:
    model: str
    options: dict[str, Any]
    reason: str


def images(facts: Facts) -> Recipe:
    """One-cycle SGD on the smallest network that pictures of this size and number were seen to need.

    Measured in `benchmarks/RESULTS.md`; the pattern is the sketch that took MNIST past 99 % in seconds.
    """
    height, width, size_reason = _size(facts)
    net = _network(facts, min(height, width))
    augment, augment_reason = _augmentations(facts, height, width)
    batch_size = min(64 if facts.count < 20_000 else 128, max(8, facts.count // 8))
    epochs = _epochs(facts, min(height, width))
    photo = min(height, width) > MIDDLE
    return Recipe(
        name="images",
        model=net.model,
        model_options=net.options,
        preprocessing=ImageSpec(
            height=height,
            width=width,
            channels=1 if facts.channels == 1 else 3,
            mean=facts.mean,
            std=facts.std,
        ),
        stored_size=(height * 5 // 4, width * 5 // 4) if photo else None,
        augment=augment,
        batch_size=batch_size,
        epochs=epochs,
        # In proportion to the batch: arXiv 1706.02677, section 2.1.
        optimizer=Sgd(lr=(0.1 if photo else 0.2) * batch_size / 64, momentum=0.9, weight_decay=5e-4),
        schedule=Schedule(name="one_cycle", warmup=0.25, start=0.1, end=0.0),
        label_smoothing=0.1,
        reasons={
            "preprocessing": size_reason,
            "model": net.reason,
            "augment": augment_reason,
            "batch_size": f"{facts.count:,} training pictures",
            "epochs": f"{facts.count:,} training pictures, each seen {epochs:g} times",
        },
    )


def _size(facts: Facts) -> tuple[int, int, str]:
    side = min(facts.height, facts.width)
    if side <= MIDDLE and facts.same_size:
        return facts.height, facts.width, f"all pictures looked at are {facts.height}x{facts.width}"
    if side <= MIDDLE:
        return side, side, f"the median picture is {facts.height}x{facts.width}; its shorter side, square"
    return (
        PHOTO_SIZE,
        PHOTO_SIZE,
        f"the median picture is {facts.height}x{facts.width}, more than a first training needs",
    )


def _network(facts: Facts, side: int) -> _Net:
    pixels = f"{side} pixels a side"
    if side <= TINY:
        return _Net("resnet8", {"num_filters": 32}, f"{pixels}: three blocks, and no stride before them")
    if side <= SMALL and facts.channels == 1:
        return _Net("resnet8", {"stem": "small"}, f"{pixels} and grey: three blocks after a stem of stride 2")
    if side <= SMALL:
        return _Net("resnet14", {}, f"{pixels} in colour: six blocks at full resolution")
    if side <= MIDDLE:
        return _Net("resnet14", {"stem": "small"}, f"{pixels}: six blocks after a stem of stride 2")
    return _Net("resnet18", {}, f"{pixels}: the ImageNet network that a CPU can train")


def _augmentations(facts: Facts, height: int, width: int) -> tuple[tuple[Augmentation, ...], str]:
    side = min(height, width)
    if side > MIDDLE:
        return (Crop(height=height, width=width), Flip()), "photographs: random parts, and mirrored"
    if side <= TINY:
        return (Shift(reach=1),), "tiny pictures: moved by one pixel, not mirrored: letters and digits have sides"
    if facts.channels == 1:
        return (
            Shift(reach=2),
        ), "grey pictures: moved by up to two pixels, not mirrored: letters and digits have sides"
    return (Shift(reach=max(2, side // 8)), Flip()), "colour pictures: moved and mirrored"


def _epochs(facts: Facts, side: int) -> float:
    # MNIST passes 99.4 % after one and a half; what is in colour or small in number needs to be seen more often.
    seen, least, most = (90_000, 1.5, 30) if facts.channels == 1 and side <= SMALL else (600_000, 10, 60)
    return min(most, max(least, round(2 * seen / facts.count) / 2))
