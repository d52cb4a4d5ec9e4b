"""The recipes for pictures with boxes: a RetinaNet whose size follows from the pictures and the time."""

from __future__ import annotations

from plusx.data.augment import Augmentation, Flip, Warp
from plusx.data.image import ImageSpec
from plusx.data.image_facts import ImageFacts
from plusx.recipes.places import Rung, epochs_of, from_a_start, seen_often
from plusx.training.recipe import AdamW, Recipe
from plusx.training.schedule import Schedule

MULTIPLE = 32
"""The stride of an ImageNet network's last stage: sides that it divides lose nothing."""
SMALL = 160
"""Pictures of at most this side have small things: their places are 4 pixels wide, those of larger pictures 8."""
SEEN = 30_000
FEWEST, MOST = 12, 300


SHORT = {"num_layers": [1, 1, 1, 1]}
LADDER = (
    Rung("resnet18", 0, 128, {**SHORT, "num_filters": 16}),
    Rung("resnet18", 12, 320, {"num_filters": 32}),
    Rung("resnet18", 40, 512, {}),
    Rung("resnet50", 150, 640, {}),
)
FIRST_CHOICE = 1


def detect(facts: ImageFacts) -> Recipe:
    """A RetinaNet on a narrow ResNet-18, and as many epochs as show 30,000 pictures."""
    return seen_often(_recipe(facts, LADDER[FIRST_CHOICE]), facts, SEEN, FEWEST, MOST)


def detect_fine_tune(facts: ImageFacts) -> Recipe:
    """`detect` with plain SGD, each stage slower than the next, for a start's network."""
    return from_a_start(detect(facts), lr=0.02)


def detect_ladder(facts: ImageFacts) -> tuple[Recipe, ...]:
    """Recipes from the cheapest to the dearest, each with the epochs from which on it is worth its cost."""
    return tuple(_recipe(facts, rung) for rung in LADDER)


def _recipe(facts: ImageFacts, rung: Rung) -> Recipe:
    spec, why = _preprocessing(facts, rung.longest)
    stem = {"stem": "small"} if max(spec.height, spec.width) <= SMALL else {}
    return Recipe(
        name="detect",
        model=rung.model,
        model_options={"head": "retinanet", **stem, **rung.options},
        preprocessing=spec,
        augment=_augment(facts, spec),
        batch_size=max(2, min(16, facts.count // 4)),
        epochs=epochs_of(rung, facts),
        optimizer=AdamW(lr=1e-3, weight_decay=0.05),
        schedule=Schedule(name="one_cycle", warmup=0.1, start=0.1, end=0.0),
        clip_norm=1.0,
        precision="auto",
        reasons={
            "model": f"a RetinaNet for {facts.classes} classes",
            "preprocessing": why,
            "augment": "larger, smaller and moved" + ("" if facts.channels == 1 else ", and mirrored"),
            "batch_size": f"{facts.count:,} training pictures",
            "clip_norm": "a batch with few boxes has a gradient of its own",
        },
    )


def _preprocessing(facts: ImageFacts, longest: int) -> tuple[ImageSpec, str]:
    channels = 1 if facts.channels == 1 else 3
    scale = min(1.0, longest / max(facts.height, facts.width))
    height, width = (max(MULTIPLE, MULTIPLE * round(scale * side / MULTIPLE)) for side in (facts.height, facts.width))
    spec = ImageSpec(height=height, width=width, channels=channels, fit="letterbox", mean=facts.mean, std=facts.std)
    size = f"{facts.height}x{facts.width}"
    return spec, f"the median picture is {size}; all of each is seen, between bars, and boxes are in its own pixels"


def _augment(facts: ImageFacts, spec: ImageSpec) -> tuple[Augmentation, ...]:
    # Nothing is turned: a turned thing's box is larger than the thing.
    move = Warp(rotate=0, shear=0, scale=0.3, shift=min(spec.height, spec.width) // 8, fill="edge")
    # What is grey has sides more often than not: letters, scans, parts.
    return (move,) if facts.channels == 1 else (move, Flip())
