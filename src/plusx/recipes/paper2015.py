"""He et al., "Deep residual learning for image recognition" (arXiv 1512.03385), as published.

What differs from the paper is said in each recipe's `reasons`.
"""

from __future__ import annotations

from plusx.data.augment import Crop, Flip, Shift
from plusx.data.image import ImageSpec
from plusx.data.image_facts import ImageFacts
from plusx.training.recipe import Recipe, Sgd
from plusx.training.schedule import Schedule

# Where the paper has 32 for small pictures and 224 for photographs, nothing lies between.
SMALL = 64
CIFAR_BATCH, CIFAR_ITERATIONS = 128, 64_000
IMAGENET_BATCH, IMAGENET_ITERATIONS = 256, 600_000
SHORTEST, LONGEST, CROP = 256, 480, 224

MEAN = "each channel's mean is subtracted and its deviation divided by, where the paper subtracts each pixel's mean"
CIFAR = "arXiv 1512.03385, section 4.2"
IMAGENET = "arXiv 1512.03385, section 3.4"


def paper2015(facts: ImageFacts) -> Recipe:
    """Section 4.2's training of ResNet-20 for small pictures, section 3.4's of ResNet-50 for photographs."""
    return _cifar(facts) if min(facts.height, facts.width) < SMALL else _imagenet(facts)


def paper2015_resnet110(facts: ImageFacts) -> Recipe:
    """Section 4.2's ResNet-110, which does not begin to learn at 0.1: 400 iterations at 0.01 come first."""
    recipe = _cifar(facts)
    warmup = Schedule(
        name="steps", warmup=400 / CIFAR_ITERATIONS, start=0.1, ramp="none", milestones=recipe.schedule.milestones
    )
    why = f"{CIFAR}: 0.01 until the training error is below 80 %, which takes about 400 iterations; here always 400"
    changes = {"name": "paper2015_resnet110", "model": "resnet110", "schedule": warmup}
    return recipe.model_copy(update={**changes, "reasons": {**recipe.reasons, "model": CIFAR, "schedule": why}})


def _cifar(facts: ImageFacts) -> Recipe:
    return Recipe(
        name="paper2015",
        model="resnet20",
        preprocessing=ImageSpec(
            height=32, width=32, channels=1 if facts.channels == 1 else 3, mean=facts.mean, std=facts.std
        ),
        augment=(Shift(reach=4, fill=0), Flip()),
        batch_size=CIFAR_BATCH,
        epochs=CIFAR_ITERATIONS * CIFAR_BATCH / facts.count,
        optimizer=Sgd(lr=0.1, momentum=0.9, nesterov=False, weight_decay=1e-4, decay_all=True),
        schedule=Schedule(name="steps", warmup=0.0, milestones=(0.5, 0.75)),
        reasons={
            "model": f"{CIFAR}; for ResNet-110, which needs a warm-up, there is --recipe paper2015_resnet110",
            "preprocessing": f"{CIFAR}, but {MEAN}",
            "augment": f"{CIFAR}: a part of 32x32 of the picture with 4 pixels of 0 on each side, mirrored or not",
            "batch_size": CIFAR,
            "epochs": f"{CIFAR}: {CIFAR_ITERATIONS:,} iterations, which on {facts.count:,} pictures are so many epochs",
            "optimizer": f"{CIFAR}: momentum without Nesterov's step; all weights decay",
            "schedule": f"{CIFAR}: a tenth from iteration 32,000, a hundredth from 48,000",
        },
    )


def _imagenet(facts: ImageFacts) -> Recipe:
    areas = (CROP / LONGEST) ** 2, (CROP / SHORTEST) ** 2
    return Recipe(
        name="paper2015",
        model="resnet50_v1",
        preprocessing=ImageSpec(
            height=CROP,
            width=CROP,
            channels=1 if facts.channels == 1 else 3,
            crop_fraction=CROP / SHORTEST,
            mean=facts.mean,
            std=facts.std,
        ),
        stored_size=(LONGEST, LONGEST),
        augment=(Crop(scale=areas, ratio=(1.0, 1.0), height=CROP, width=CROP), Flip()),
        batch_size=IMAGENET_BATCH,
        epochs=IMAGENET_ITERATIONS * IMAGENET_BATCH / facts.count,
        optimizer=Sgd(lr=0.1, momentum=0.9, nesterov=False, weight_decay=1e-4, decay_all=True),
        schedule=Schedule(name="steps", warmup=0.0, milestones=(0.25, 0.5, 0.75)),
        reasons={
            "model": f"{IMAGENET}: ResNet-50 with its stride in the first 1x1; --model resnet34 is the paper's too",
            "preprocessing": f"{IMAGENET}, but {MEAN}; one crop of 224 of 256, where the paper's tables average ten",
            "stored_size": "the paper's largest scale, of the picture's middle square; 0.7 MB a picture",
            "augment": (
                f"{IMAGENET}: 224x224 of a picture whose shorter side is 256 to 480, mirrored or not. Areas, not "
                "sides, are drawn evenly, from the picture's middle square; there is no change of colours"
            ),
            "batch_size": IMAGENET,
            "epochs": f"{IMAGENET}: 600,000 iterations, which on {facts.count:,} pictures are so many epochs",
            "optimizer": f"{IMAGENET}: momentum without Nesterov's step; all weights decay",
            "schedule": f"{IMAGENET} divides by 10 where the error stays; the usual reading is after each 30 epochs",
        },
    )
