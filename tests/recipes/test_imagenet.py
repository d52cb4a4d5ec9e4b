"""The recipes beside table 2 of "ResNet strikes back" (arXiv 2110.00476)."""

import pytest

from plusx.data.augment import Crop, Flip, RandAugment
from plusx.data.image import ImageSpec
from plusx.data.image_facts import ImageFacts
from plusx.data.mix import Mix
from plusx.recipes import RECIPES
from plusx.training.recipe import Lamb, Recipe

IMAGENET = ImageFacts(
    1_281_167, 1_000, 375, 500, same_size=False, channels=3, mean=(123.0, 116.0, 103.0), std=(58.0,) * 3
)

# Procedure, epochs, training size, rate, weight decay, smoothing, stochastic depth, repeats, RandAugment, mixup.
TABLE = [
    ("imagenet_a1", 600, 224, 5e-3, 0.01, 0.1, 0.05, 3, 7, 0.2),
    ("imagenet_a2", 300, 224, 5e-3, 0.02, 0.0, 0.05, 3, 7, 0.1),
    ("imagenet_a3", 100, 160, 8e-3, 0.02, 0.0, 0.0, 1, 6, 0.1),
]


@pytest.mark.parametrize(
    ("name", "epochs", "size", "lr", "weight_decay", "smoothing", "depth", "repeats", "magnitude", "mixup"),
    TABLE,
    ids=[row[0] for row in TABLE],
)
def test_says_what_the_table_says(
    name: str,
    epochs: int,
    size: int,
    lr: float,
    weight_decay: float,
    smoothing: float,
    depth: float,
    repeats: int,
    magnitude: float,
    mixup: float,
) -> None:
    recipe = RECIPES[name](IMAGENET)
    assert (recipe.name, recipe.model, recipe.batch_size, recipe.epochs) == (name, "resnet50", 2048, epochs)
    assert recipe.model_options == {"stochastic_depth": depth}
    assert recipe.optimizer == Lamb(lr=lr, weight_decay=weight_decay, max_norm=1.0)
    assert (recipe.loss, recipe.label_smoothing, recipe.repeats) == ("binary", smoothing, repeats)
    assert recipe.mix == Mix(mixup=mixup, cutmix=1.0, probability=1.0, switch=0.5)
    crop, flip, policy = recipe.augment
    assert isinstance(crop, Crop)
    assert (crop.height, crop.width, crop.scale, crop.ratio) == (size, size, (0.08, 1.0), (3 / 4, 4 / 3))
    assert flip == Flip()
    assert isinstance(policy, RandAugment)
    assert (policy.ops, policy.magnitude, policy.magnitude_std) == (2, magnitude, 0.5)


@pytest.mark.parametrize("name", [row[0] for row in TABLE])
def test_is_tested_on_224_of_236(name: str) -> None:
    preprocessing = RECIPES[name](IMAGENET).preprocessing
    assert isinstance(preprocessing, ImageSpec)
    assert preprocessing.shape == (3, 224, 224)
    assert round(224 / preprocessing.crop_fraction) == 236


@pytest.mark.parametrize("name", [row[0] for row in TABLE])
def test_warms_up_for_five_epochs_and_ends_at_a_millionth(name: str) -> None:
    recipe: Recipe = RECIPES[name](IMAGENET)
    assert recipe.schedule.factor(5 / recipe.epochs) == pytest.approx(1.0)
    assert recipe.schedule.factor(2.5 / recipe.epochs) == pytest.approx(0.5, abs=1e-3)
    assert recipe.optimizer.lr * recipe.schedule.factor(1.0) == pytest.approx(1e-6)
