"""The three procedures of "ResNet strikes back" (Wightman, Touvron and Jégou, arXiv 2110.00476, table 2)."""

from __future__ import annotations

from dataclasses import dataclass

from plusx.data.augment import Crop, Flip, RandAugment
from plusx.data.image import ImageSpec
from plusx.data.image_facts import ImageFacts
from plusx.data.mix import Mix
from plusx.training.recipe import Lamb, Recipe
from plusx.training.schedule import Schedule

TABLE = "arXiv 2110.00476, table 2"
BATCH = 2048
TEST_SIZE, TEST_CROP = 224, 0.95
WARMUP_EPOCHS = 5


@dataclass(frozen=True)
class _Procedure:
    """A column of the table: what differs between the three."""

    name: str
    epochs: int
    train_size: int
    lr: float
    weight_decay: float
    magnitude: float
    mixup: float
    label_smoothing: float = 0.0
    stochastic_depth: float = 0.0
    repeats: int = 1


A1 = _Procedure("imagenet_a1", 600, 224, 5e-3, 0.01, 7, 0.2, label_smoothing=0.1, stochastic_depth=0.05, repeats=3)
A2 = _Procedure("imagenet_a2", 300, 224, 5e-3, 0.02, 7, 0.1, stochastic_depth=0.05, repeats=3)
A3 = _Procedure("imagenet_a3", 100, 160, 8e-3, 0.02, 6, 0.1)


def imagenet_a1(facts: ImageFacts) -> Recipe:
    """The longest: 600 epochs of 224x224, 80.4 % for ResNet-50 on ImageNet."""
    return _recipe(A1, facts)


def imagenet_a2(facts: ImageFacts) -> Recipe:
    """300 epochs of 224x224, 79.8 % for ResNet-50 on ImageNet."""
    return _recipe(A2, facts)


def imagenet_a3(facts: ImageFacts) -> Recipe:
    """The cheapest: 100 epochs of 160x160, tested at 224x224, 78.1 % for ResNet-50 on ImageNet."""
    return _recipe(A3, facts)


def _recipe(procedure: _Procedure, facts: ImageFacts) -> Recipe:
    side = procedure.train_size
    # Larger than what is trained on, since parts are magnified; as large as all that a crop of 0.95 leaves.
    stored = round(side * 10 / 7)
    return Recipe(
        name=procedure.name,
        model="resnet50",
        model_options={"stochastic_depth": procedure.stochastic_depth},
        preprocessing=ImageSpec(
            height=TEST_SIZE,
            width=TEST_SIZE,
            channels=1 if facts.channels == 1 else 3,
            crop_fraction=TEST_CROP,
            resampling="bicubic",
            mean=facts.mean,
            std=facts.std,
        ),
        stored_size=(stored, stored),
        augment=(
            Crop(scale=(0.08, 1.0), height=side, width=side),
            Flip(),
            RandAugment(ops=2, magnitude=procedure.magnitude, magnitude_std=0.5),
        ),
        mix=Mix(mixup=procedure.mixup, cutmix=1.0, probability=1.0, switch=0.5),
        repeats=procedure.repeats,
        batch_size=BATCH,
        epochs=procedure.epochs,
        optimizer=Lamb(lr=procedure.lr, weight_decay=procedure.weight_decay),
        schedule=Schedule(name="cosine", warmup=WARMUP_EPOCHS / procedure.epochs, start=1e-4, end=1e-6 / procedure.lr),
        loss="binary",
        label_smoothing=procedure.label_smoothing,
        precision="bfloat16",
        reasons=_reasons(procedure),
    )


def _reasons(procedure: _Procedure) -> dict[str, str]:
    side = procedure.train_size
    return {
        "model": f"{TABLE}: ResNet-50 with the stride in its 3x3",
        "preprocessing": f"{TABLE}: tested at {TEST_SIZE} of {TEST_SIZE / TEST_CROP:.0f} pixels",
        "stored_size": "parts are cut from the picture's middle square of this size, not from the whole picture",
        "augment": f"{TABLE}: random parts resized to {side}x{side}, bilinearly where timm draws the filter; mirrored",
        "batch_size": f"{TABLE}; with a smaller one take a smaller rate too",
        "epochs": TABLE,
        "optimizer": f"{TABLE}; gradients cut to length 1 as in timm's LAMB",
        "schedule": f"{TABLE}: cosine after {WARMUP_EPOCHS} epochs of warm-up; the ends, not said there, are 1e-4 "
        "of the peak and a rate of 1e-6, as in OpenMMLab's reproduction",
        "loss": f"{TABLE}: binary cross-entropy",
        "precision": "bfloat16 where the paper has float16, which needs its losses scaled",
    }
