"""He et al. 2015 for CIFAR (arXiv 1512.03385, section 4.2), with a one-cycle schedule in place of its steps."""

from __future__ import annotations

from plusx.data.augment import Flip, Shift
from plusx.data.image import ImageSpec
from plusx.data.image_facts import ImageFacts
from plusx.training.recipe import Recipe, Sgd
from plusx.training.schedule import Schedule


def cifar(facts: ImageFacts) -> Recipe:
    """ResNet-20 on 32x32 pictures: moved by up to 4 pixels, mirrored, batches of 128, weight decay 1e-4."""
    reason = "the recipe cifar (arXiv 1512.03385, section 4.2)"
    return Recipe(
        name="cifar",
        model="resnet20",
        preprocessing=ImageSpec(
            height=32, width=32, channels=1 if facts.channels == 1 else 3, mean=facts.mean, std=facts.std
        ),
        augment=(Shift(reach=4), Flip()),
        batch_size=128,
        epochs=30,
        optimizer=Sgd(lr=0.4, momentum=0.9, weight_decay=1e-4),
        schedule=Schedule(name="one_cycle", warmup=0.25, start=0.1, end=0.0),
        reasons=dict.fromkeys(("model", "preprocessing", "augment", "batch_size", "epochs"), reason),
    )
