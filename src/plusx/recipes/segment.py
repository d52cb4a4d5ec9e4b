"""The recipes for pictures with masks: a U-Net whose size follows from the pictures and the time."""

from __future__ import annotations

from plusx.data.augment import Augmentation, Crop, Flip, Warp
from plusx.data.image import ImageSpec
from plusx.data.image_facts import ImageFacts
from plusx.recipes.places import Rung, epochs_of, from_a_start, seen_often
from plusx.training.recipe import AdamW, Recipe
from plusx.training.schedule import Schedule

MULTIPLE = 32
"""The stride of an ImageNet network's last stage: sides that it divides lose nothing."""
SEEN = 20_000
FEWEST, MOST = 10, 200


LADDER = (
    Rung("resnet8", 0, 128, {"stem": "small", "num_filters": 32}),
    Rung("resnet18", 5, 160, {"num_filters": 32}),
    Rung("resnet18", 20, 256, {}),
    Rung("resnet34", 60, 384, {}),
)
FIRST_CHOICE = 1


def segment(facts: ImageFacts) -> Recipe:
    """A U-Net on a narrow ResNet-18, and as many epochs as show 20,000 pictures."""
    return seen_often(_recipe(facts, LADDER[FIRST_CHOICE]), facts, SEEN, FEWEST, MOST)


def segment_fine_tune(facts: ImageFacts) -> Recipe:
    """`segment` with plain SGD, each stage slower than the next, for a start's network."""
    return from_a_start(segment(facts), lr=0.05)


def segment_ladder(facts: ImageFacts) -> tuple[Recipe, ...]:
    """Recipes from the cheapest to the dearest, each with the epochs from which on it is worth its cost."""
    return tuple(_recipe(facts, rung) for rung in LADDER)


def _recipe(facts: ImageFacts, rung: Rung) -> Recipe:
    spec, why = _preprocessing(facts, rung.longest)
    return Recipe(
        name="segment",
        model=rung.model,
        model_options={"head": "unet", **rung.options},
        preprocessing=spec,
        augment=_augment(facts),
        batch_size=max(2, min(16, facts.count // 4)),
        epochs=epochs_of(rung, facts),
        optimizer=AdamW(lr=2e-3, weight_decay=0.05),
        schedule=Schedule(name="one_cycle", warmup=0.1, start=0.1, end=0.0),
        loss="dice",
        precision="auto",
        reasons={
            "model": f"a U-Net for {facts.classes} classes",
            "preprocessing": why,
            "augment": "grey pictures: turned, slanted and moved" if facts.channels == 1 else "parts, and mirrored",
            "batch_size": f"{facts.count:,} training pictures",
            "loss": "small classes count as much as large ones",
        },
    )


def _preprocessing(facts: ImageFacts, longest: int) -> tuple[ImageSpec, str]:
    channels = 1 if facts.channels == 1 else 3
    normalising = {"channels": channels, "mean": facts.mean, "std": facts.std}
    size = f"{facts.height}x{facts.width}"
    if facts.same_size and max(facts.height, facts.width) <= longest:
        why = f"all pictures looked at are {size}; larger ones are answered in tiles of that size"
        return ImageSpec(height=facts.height, width=facts.width, fit="native", **normalising), why
    scale = min(1.0, longest / max(facts.height, facts.width))
    height, width = (max(MULTIPLE, MULTIPLE * round(scale * side / MULTIPLE)) for side in (facts.height, facts.width))
    why = f"the median picture is {size}; answers are brought back to each picture's own size"
    return ImageSpec(height=height, width=width, fit="stretch", **normalising), why


def _augment(facts: ImageFacts) -> tuple[Augmentation, ...]:
    # What is grey has sides more often than not: letters, scans, parts.
    if facts.channels == 1:
        return (Warp(shift=max(1, min(facts.height, facts.width) // 16), fill="edge"),)
    return (Crop(scale=(0.5, 1.0)), Flip())
