"""The recipe for any set of labelled pictures: every choice follows from what the set is like, and says why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from plusx.data.augment import Augmentation, Crop, Flip, Shift, Warp
from plusx.data.image import ImageSpec
from plusx.data.image_facts import ImageFacts
from plusx.training.recipe import Muon, Recipe, Sgd
from plusx.training.schedule import Schedule

TINY, SMALL, MIDDLE = 16, 40, 96
PHOTO_SIZE = 128
SGD = Sgd(lr=0.4)


@dataclass(frozen=True)
class Rung:
    """A network with the settings that suit it.

    Args:
        model: a network of the zoo.
        epochs: how often 60,000 pictures must be seen before it is better than the rung below.
        options: of the network.
        augment: what happens to training pictures.
        optimizer: for batches of 128; its rates follow the batch.
        size: the pictures' sides; None: as they are.
        average: the decay of the weights' average.
        warmup: the share of the training in which the rate rises.
    """

    model: str
    epochs: float
    options: Mapping[str, Any]
    augment: tuple[Augmentation, ...]
    optimizer: Sgd | Muon = SGD
    size: int | None = None
    average: float | None = None
    warmup: float = 0.25


def images(facts: ImageFacts) -> Recipe:
    """The smallest network that pictures of this size and number were seen to need, and as many epochs.

    Measured in `benchmarks/RESULTS.md`.
    """
    recipe = _recipe(facts, _rungs(facts)[_FIRST_CHOICE[_kind(facts)]])
    epochs = _epochs(facts)
    reason = f"{facts.count:,} training pictures, each seen {epochs:g} times"
    return recipe.model_copy(update={"epochs": epochs, "reasons": {**recipe.reasons, "epochs": reason}})


def images_ladder(facts: ImageFacts) -> tuple[Recipe, ...]:
    """Recipes from the cheapest to the dearest, each with the epochs from which on it is worth its cost."""
    return tuple(_recipe(facts, rung) for rung in _rungs(facts))


Kind = Literal["tiny", "grey", "colour", "middle", "photo"]
_FIRST_CHOICE: dict[Kind, int] = {"tiny": 0, "grey": 0, "colour": 2, "middle": 1, "photo": 1}


def _kind(facts: ImageFacts) -> Kind:
    side, _ = _side(facts)
    if side <= TINY:
        return "tiny"
    if side <= SMALL:
        return "grey" if facts.channels == 1 else "colour"
    return "middle" if side <= MIDDLE else "photo"


def _rungs(facts: ImageFacts) -> tuple[Rung, ...]:
    kind = _kind(facts)
    side, _ = _side(facts)
    # Letters and digits have sides: what is grey is not mirrored.
    flip = () if facts.channels == 1 else (Flip(),)
    move = (Shift(reach=_reach(facts, side)), *flip)
    small, wide = {"stem": "small"}, {"stem": "small", "num_filters": 64}
    if kind == "tiny":
        return (
            Rung("resnet8", 0, {"num_filters": 32}, move),
            Rung("resnet14", 2, {}, move, average=0.99),
            Rung("resnet14", 12, {"num_filters": 64}, move, average=0.998),
        )
    if kind == "grey":
        # After one epoch of MNIST resnet8 errs by 0.9 % with Muon and 1.3 % with SGD, of training pictures that were
        # held out: benchmarks/methods.py. Half an epoch errs by 1.1 % with these rates, by 1.2 % with Muon's own.
        # Warping costs a little there; after 28 epochs at width 32 it errs by 0.33 %, shifting by 0.46 %. What 9 epochs
        # at width 64 reach, 0.33 % too, goes on falling with more of them.
        warp = (Warp(shift=_reach(facts, side)),)
        return (
            Rung("resnet8", 0, small, move, Muon(lr=0.15, momentum=0.7, other_lr=0.2), warmup=0.1),
            # After two epochs of all of it 99.54 % of the test set are right with these rates, 99.46 % with the quicker
            # ones: benchmarks/results/race*.jsonl.
            Rung("resnet8", 1.5, small, move, Muon(lr=0.1)),
            Rung("resnet8", 3, {**small, "num_filters": 32}, move, Muon(lr=0.1)),
            Rung("resnet8", 8, {**small, "num_filters": 32}, warp, Muon(lr=0.1)),
            Rung("resnet8", 9, wide, warp, Muon(lr=0.1)),
        )
    if kind == "colour":
        return (
            Rung("resnet8", 0, {**small, "num_filters": 32}, move),
            Rung("resnet8", 3, wide, move),
            Rung("resnet14", 8, {}, move),
        )
    if kind == "middle":
        return (
            Rung("resnet8", 0, {**small, "num_filters": 32}, move),
            Rung("resnet14", 4, small, move),
            Rung("resnet14", 12, wide, move, average=0.998),
        )
    return (
        _photo_rung("resnet18", 0, 64, flip),
        _photo_rung("resnet18", 2, PHOTO_SIZE, flip),
        _photo_rung("resnet34", 20, PHOTO_SIZE, flip),
        _photo_rung("resnet50d", 40, 192, flip),
    )


def _photo_rung(model: str, epochs: float, size: int, flip: tuple[Augmentation, ...]) -> Rung:
    return Rung(model, epochs, {}, (Crop(height=size, width=size), *flip), Sgd(lr=0.2), size=size)


def _reach(facts: ImageFacts, side: int) -> int:
    """Pixels by which a picture may move."""
    if side <= TINY:
        return 1
    return 2 if facts.channels == 1 else max(2, side // 8)


def _following(optimizer: Sgd | Muon, batch_size: int) -> Sgd | Muon:
    """The rates for another batch: SGD's in proportion (arXiv 1706.02677, section 2.1), Muon's as its square root.

    Muon's updates have one length whatever the gradient's, so that only their noise shrinks with the batch.
    """
    if isinstance(optimizer, Sgd):
        return optimizer.model_copy(update={"lr": optimizer.lr * batch_size / 128})
    share = (batch_size / 128) ** 0.5
    return optimizer.model_copy(update={"lr": optimizer.lr * share, "other_lr": optimizer.other_lr * share})


def _recipe(facts: ImageFacts, rung: Rung) -> Recipe:
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
        optimizer=_following(rung.optimizer, batch_size),
        schedule=Schedule(name="one_cycle", warmup=rung.warmup, start=0.1, end=0.0),
        label_smoothing=0.1,
        average=rung.average,
        # Pictures of a few pixels gain nothing from it.
        precision="float32" if _kind(facts) == "tiny" else "auto",
        reasons={
            "preprocessing": size_reason,
            "model": f"{min(height, width)} pixels a side, {'grey' if facts.channels == 1 else 'in colour'}",
            "augment": _augment_reason(facts, rung),
            "batch_size": f"{facts.count:,} training pictures",
        },
    )


def _side(facts: ImageFacts) -> tuple[int, bool]:
    """The shorter side, and whether pictures are used as they are."""
    side = min(facts.height, facts.width)
    return side, side <= MIDDLE and facts.same_size


def _size(facts: ImageFacts, rung: Rung) -> tuple[int, int, str]:
    side, as_they_are = _side(facts)
    median = f"the median picture is {facts.height}x{facts.width}"
    if rung.size is not None:
        return rung.size, rung.size, f"{median}, more than a first training needs"
    if as_they_are:
        return facts.height, facts.width, f"all pictures looked at are {facts.height}x{facts.width}"
    return side, side, f"{median}; its shorter side, square"


def _augment_reason(facts: ImageFacts, rung: Rung) -> str:
    if _kind(facts) == "photo":
        return "photographs: random parts, and mirrored"
    if facts.channels == 1:
        how = "moved, turned and slanted" if any(isinstance(one, Warp) for one in rung.augment) else "moved"
        return f"grey pictures: {how}, not mirrored: letters and digits have sides"
    return "colour pictures: moved and mirrored"


def _epochs(facts: ImageFacts) -> float:
    # MNIST passes 99.3 % after one; what is in colour or small in number needs to be seen more often.
    seen: dict[Kind, tuple[int, float, float]] = {"tiny": (90_000, 1.5, 30), "grey": (60_000, 1, 30)}
    total, least, most = seen.get(_kind(facts), (600_000, 10, 60))
    return min(most, max(least, round(2 * total / facts.count) / 2))
