"""The recipe for any set of labelled pictures: every choice follows from what the set is like, and says why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from plusx.data.augment import Augmentation, Crop, Flip, Shift, Warp
from plusx.data.image import ImageSpec
from plusx.data.survey import Facts
from plusx.training.recipe import Muon, Recipe
from plusx.training.schedule import Schedule

TINY, SMALL, MIDDLE = 16, 40, 96
PHOTO_SIZE = 128


@dataclass(frozen=True)
class Rung:
    """A network with the settings that suit it.

    Args:
        model: a network of the zoo.
        epochs: how often 60,000 pictures must be seen before it is better than the rung below.
        options: of the network.
        augment: what happens to training pictures.
        size: the pictures' sides; None: as they are.
        average: the decay of the weights' average.
        precision: of the multiplications.
        lr: the peak of Muon's rate.
    """

    model: str
    epochs: float
    options: Mapping[str, Any] = field(default_factory=dict)
    augment: tuple[Augmentation, ...] = ()
    size: int | None = None
    average: float | None = None
    precision: Literal["float32", "bfloat16"] = "float32"
    lr: float = 0.1


def images(facts: Facts) -> Recipe:
    """The smallest network that pictures of this size and number were seen to need, and as many epochs.

    Measured in `benchmarks/RESULTS.md`.
    """
    side, _ = _side(facts)
    recipe = _recipe(facts, _rungs(facts)[_FIRST_CHOICE[_kind(facts)]])
    epochs = _epochs(facts, side)
    reason = f"{facts.count:,} training pictures, each seen {epochs:g} times"
    return recipe.model_copy(update={"epochs": epochs, "reasons": {**recipe.reasons, "epochs": reason}})


def images_ladder(facts: Facts) -> tuple[Recipe, ...]:
    """Recipes from the cheapest to the dearest, each with the epochs from which on it is worth its cost."""
    return tuple(_recipe(facts, rung) for rung in _rungs(facts))


Kind = Literal["tiny", "grey", "colour", "middle", "photo"]
_FIRST_CHOICE: dict[Kind, int] = {"tiny": 0, "grey": 0, "colour": 1, "middle": 1, "photo": 1}


def _kind(facts: Facts) -> Kind:
    side, _ = _side(facts)
    if side <= TINY:
        return "tiny"
    if side <= SMALL:
        return "grey" if facts.channels == 1 else "colour"
    return "middle" if side <= MIDDLE else "photo"


def _rungs(facts: Facts) -> tuple[Rung, ...]:
    kind = _kind(facts)
    side, _ = _side(facts)
    # Letters and digits have sides: what is grey is not mirrored.
    flip = () if facts.channels == 1 else (Flip(),)
    small = {"stem": "small"}
    if kind == "tiny":
        warp = (Warp(rotate=8, scale=0.1, shear=0.1, shift=0.7, fill="edge"), *flip)
        return (
            Rung("resnet8", 0, {"num_filters": 32}, (Shift(reach=1), *flip)),
            Rung("resnet14", 2, {"num_filters": 32}, warp, average=0.99),
            Rung("resnet14", 12, {"num_filters": 64}, warp, average=0.998, precision="bfloat16"),
        )
    if kind == "grey":
        warp = (Warp(rotate=10, scale=0.1, shear=0.1, shift=2, elastic=0.5, fill="edge"), *flip)
        return (
            Rung("resnet8", 0, small, (Shift(reach=2), *flip)),
            Rung("resnet8", 3, {**small, "num_filters": 32}, (Shift(reach=2), *flip), precision="bfloat16"),
            Rung("resnet14", 8, {**small, "num_filters": 32}, warp, average=0.998, precision="bfloat16"),
        )
    if kind == "colour":
        move = (Shift(reach=max(2, side // 8)), *flip)
        return (
            Rung("resnet8", 0, {**small, "num_filters": 32}, move, precision="bfloat16"),
            Rung("resnet8", 3, {**small, "num_filters": 64}, move, precision="bfloat16"),
            Rung("resnet14", 8, {**small, "num_filters": 64}, move, average=0.998, precision="bfloat16"),
        )
    if kind == "middle":
        move = (Shift(reach=max(2, side // 8)), *flip)
        return (
            Rung("resnet8", 0, {**small, "num_filters": 32}, move, precision="bfloat16"),
            Rung("resnet14", 4, {**small, "num_filters": 32}, move, precision="bfloat16"),
            Rung("resnet14", 12, {**small, "num_filters": 64}, move, average=0.998, precision="bfloat16"),
        )
    return (
        _photo_rung("resnet18", 0, 64, flip),
        _photo_rung("resnet18", 2, PHOTO_SIZE, flip),
        _photo_rung("resnet34", 20, PHOTO_SIZE, flip),
        _photo_rung("resnet50d", 40, 192, flip),
    )


def _photo_rung(model: str, epochs: float, size: int, flip: tuple[Augmentation, ...]) -> Rung:
    return Rung(model, epochs, {}, (Crop(height=size, width=size), *flip), size=size, precision="bfloat16", lr=0.05)


def _recipe(facts: Facts, rung: Rung) -> Recipe:
    height, width, size_reason = _size(facts, rung)
    batch_size = min(64 if facts.count < 20_000 else 128, max(8, facts.count // 8))
    return Recipe(
        name="images",
        model=rung.model,
        model_options=dict(rung.options),
        preprocessing=ImageSpec(
            height=height,
            width=width,
            channels=1 if facts.channels == 1 else 3,
            mean=facts.mean,
            std=facts.std,
        ),
        stored_size=None if rung.size is None else (height * 5 // 4, width * 5 // 4),
        augment=rung.augment,
        batch_size=batch_size,
        # What a set lacks in pictures it makes up for by showing each more often.
        epochs=max(rung.epochs * max(1.0, (60_000 / facts.count) ** 0.5), 1e-6),
        optimizer=Muon(lr=rung.lr * (batch_size / 128) ** 0.5, other_lr=rung.lr * (batch_size / 128) ** 0.5),
        schedule=Schedule(name="one_cycle", warmup=0.25, start=0.1, end=0.0),
        label_smoothing=0.1,
        average=rung.average,
        precision=rung.precision,
        reasons={
            "preprocessing": size_reason,
            "model": f"{min(height, width)} pixels a side, {'grey' if facts.channels == 1 else 'in colour'}",
            "augment": _augment_reason(facts),
            "batch_size": f"{facts.count:,} training pictures",
        },
    )


def _side(facts: Facts) -> tuple[int, bool]:
    """The shorter side, and whether pictures are used as they are."""
    side = min(facts.height, facts.width)
    return side, side <= MIDDLE and facts.same_size


def _size(facts: Facts, rung: Rung) -> tuple[int, int, str]:
    side, as_they_are = _side(facts)
    median = f"the median picture is {facts.height}x{facts.width}"
    if rung.size is not None:
        return rung.size, rung.size, f"{median}, more than a first training needs"
    if as_they_are:
        return facts.height, facts.width, f"all pictures looked at are {facts.height}x{facts.width}"
    return side, side, f"{median}; its shorter side, square"


def _augment_reason(facts: Facts) -> str:
    if _kind(facts) == "photo":
        return "photographs: random parts, and mirrored"
    if facts.channels == 1:
        return "grey pictures: moved, not mirrored: letters and digits have sides"
    return "colour pictures: moved and mirrored"


def _epochs(facts: Facts, side: int) -> float:
    # MNIST passes 99.4 % after one; what is in colour or small in number needs to be seen more often.
    seen, least, most = (60_000, 1, 30) if facts.channels == 1 and side <= SMALL else (600_000, 10, 60)
    return min(most, max(least, round(2 * seen / facts.count) / 2))
