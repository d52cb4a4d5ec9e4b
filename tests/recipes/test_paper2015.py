"""The recipe beside what the paper says (arXiv 1512.03385)."""

import pytest

from plusx.data.augment import Crop, Flip, Shift
from plusx.data.image import ImageSpec
from plusx.data.image_facts import ImageFacts
from plusx.recipes.paper2015 import paper2015, paper2015_resnet110
from plusx.training.recipe import Recipe, Sgd

CIFAR = ImageFacts(45_000, 10, 32, 32, same_size=True, channels=3, mean=(125.0, 123.0, 114.0), std=(63.0, 62.0, 66.0))
IMAGENET = ImageFacts(
    1_281_167, 1_000, 375, 500, same_size=False, channels=3, mean=(123.0, 116.0, 103.0), std=(58.0,) * 3
)


def rate(recipe: Recipe, iteration: int, iterations: int) -> float:
    return recipe.optimizer.lr * recipe.schedule.factor(iteration / iterations)


def test_cifar_is_section_4_2() -> None:
    recipe = paper2015(CIFAR)
    assert (recipe.model, recipe.batch_size) == ("resnet20", 128)
    assert recipe.augment == (Shift(reach=4, fill=0), Flip())
    assert recipe.preprocessing.shape == (3, 32, 32)
    assert recipe.optimizer == Sgd(lr=0.1, momentum=0.9, nesterov=False, weight_decay=1e-4, decay_all=True)
    assert (recipe.label_smoothing, recipe.average, recipe.clip_norm) == (0.0, None, None)


@pytest.mark.parametrize("count", [45_000, 50_000, 1_297, 60_000])
def test_cifar_takes_64_000_iterations_of_any_set_and_falls_at_32_000_and_48_000(count: int) -> None:
    recipe = paper2015(ImageFacts(**{**CIFAR.__dict__, "count": count}))
    assert recipe.steps(count) == 64_000
    places = (0, 31_999, 32_000, 47_999, 48_000, 63_999)
    assert [rate(recipe, place, 64_000) for place in places] == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])


def test_resnet110_warms_up_for_400_iterations() -> None:
    recipe = paper2015_resnet110(CIFAR)
    assert recipe.model == "resnet110"
    assert [rate(recipe, place, 64_000) for place in (0, 399, 400, 31_999, 32_000)] == pytest.approx(
        [0.01, 0.01, 0.1, 0.1, 0.01]
    )
    assert recipe.model_copy(
        update={name: getattr(paper2015(CIFAR), name) for name in ("name", "model", "schedule", "reasons")}
    ) == paper2015(CIFAR)


def test_photographs_are_section_3_4() -> None:
    recipe = paper2015(IMAGENET)
    assert (recipe.model, recipe.batch_size, recipe.steps(IMAGENET.count)) == ("resnet50_v1", 256, 600_000)
    assert [rate(recipe, place, 600_000) for place in (0, 149_999, 150_000, 300_000, 450_000)] == pytest.approx(
        [0.1, 0.1, 0.01, 0.001, 0.0001]
    )
    assert isinstance(recipe.preprocessing, ImageSpec)
    assert recipe.preprocessing.shape == (3, 224, 224)
    assert recipe.preprocessing.crop_fraction * 256 == 224
    assert recipe.optimizer == paper2015(CIFAR).optimizer


def test_the_smallest_and_the_largest_part_of_a_photograph() -> None:
    recipe = paper2015(IMAGENET)
    crop = recipe.augment[0]
    assert isinstance(crop, Crop)
    # 224 pixels of a picture whose side is 480 or 256.
    sides = [480 * area**0.5 for area in crop.scale]
    assert sides == pytest.approx([224, 480 * 224 / 256])
    assert recipe.stored_size is not None
    assert recipe.stored_size[0] * crop.scale[0] ** 0.5 == pytest.approx(224)


@pytest.mark.parametrize("facts", [CIFAR, IMAGENET])
def test_what_differs_from_the_paper_is_said(facts: ImageFacts) -> None:
    recipe = paper2015(facts)
    assert "each pixel's mean" in recipe.reasons["preprocessing"]
    if facts is IMAGENET:
        assert "no change of colours" in recipe.reasons["augment"]
