"""Every recipe on every kind of set: it resolves, its network is built, and a batch goes through."""

from dataclasses import replace
from typing import get_type_hints

import pytest
import torch

from plusx.data.augment import Crop
from plusx.data.image_facts import ImageFacts
from plusx.data.signal_facts import SignalFacts
from plusx.errors import WrongUse
from plusx.model.cost import cost
from plusx.model.zoo import ZOO
from plusx.recipes import RECIPES, find_recipe, recipe_for
from plusx.recipes.images import images, images_ladder
from plusx.training.recipe import Recipe
from plusx.training.state import State

GREY = ImageFacts(60_000, 10, 28, 28, same_size=True, channels=1, mean=(33.0,), std=(78.0,))
COLOUR = ImageFacts(50_000, 10, 32, 32, same_size=True, channels=3, mean=(125.0, 123.0, 114.0), std=(63.0, 62.0, 66.0))
SIGNALS = SignalFacts(
    400, 2, length=150, same_length=True, channels=3, rate_hz=50, mean=(0.0, 1.0, 2.0), std=(1.0, 2.0, 3.0)
)
FACTS = {
    "digits": replace(GREY, count=1_300, height=8, width=8),
    "mnist": GREY,
    "cifar": COLOUR,
    "icons": replace(COLOUR, count=500, height=64, width=64),
    "narrow": replace(GREY, count=2_000, height=20, width=60),
    "photos": replace(COLOUR, count=3_000, height=375, width=500, same_size=False),
    "a handful": replace(COLOUR, count=4, classes=2, height=1_000, width=900),
}


PICTURES = [name for name, recipe in RECIPES.items() if get_type_hints(recipe)["facts"] is ImageFacts]
# The published ones do the same whatever the set is, and their networks are large.
CASES = [
    (name, kind)
    for name in PICTURES
    for kind in FACTS
    if name in ("images", "cifar", "segment") or kind in ("mnist", "photos")
]


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_resolves_and_runs(name: str, kind: str) -> None:
    facts = FACTS[kind]
    recipe = RECIPES[name](facts)
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe
    assert recipe.reasons.keys() >= {"model", "preprocessing", "augment", "batch_size", "epochs"}
    assert recipe.reasons.keys() <= Recipe.model_fields.keys()
    state = State(recipe, {"num_classes": facts.classes}, torch.device("cpu"))
    batch = torch.zeros(2, *recipe.stored.shape, dtype=torch.uint8)
    for augmentation in recipe.augment:
        batch = augmentation(batch, torch.full((2, augmentation.draws), 0.5))
    # "ResNet strikes back" A3 trains on less than it is tested with.
    assert batch.shape[1:] == ((facts.channels, 160, 160) if name == "imagenet_a3" else recipe.preprocessing.shape)
    # Beside its classes, an anchor says its box and itself.
    more = 8 if recipe.model_options.get("head") == "retinanet" else 0
    assert state.network(batch).shape[:2] == (2, facts.classes + more)


def macs(recipe: Recipe) -> int:
    net = ZOO[recipe.model](**{"in_channels": recipe.preprocessing.shape[0], **recipe.model_options})
    size = [one.height for one in recipe.augment if isinstance(one, Crop)] * 2 or recipe.preprocessing.shape[1:]
    return cost(net, (recipe.preprocessing.shape[0], *size)).macs


def test_larger_pictures_and_colour_get_larger_networks() -> None:
    costs = [macs(images(FACTS[name])) for name in ("mnist", "cifar", "photos")]
    assert costs == sorted(costs)
    assert costs[-1] > 10 * costs[0]


@pytest.mark.parametrize("kind", FACTS)
def test_every_rung_of_the_ladder_costs_no_less_and_must_be_seen_longer(kind: str) -> None:
    ladder = images_ladder(FACTS[kind])
    costs = [macs(rung) for rung in ladder]
    assert costs == sorted(costs)
    assert len({(cost, rung.augment, rung.optimizer) for cost, rung in zip(costs, ladder, strict=True)}) == len(ladder)
    epochs = [rung.epochs for rung in ladder]
    assert epochs == sorted(set(epochs))
    assert epochs[0] < 0.001
    assert all(Recipe.model_validate_json(rung.model_dump_json()) == rung for rung in ladder)


def test_grey_pictures_are_never_mirrored() -> None:
    assert "flip" not in {one.name for one in images(GREY).augment}
    assert "flip" in {one.name for one in images(COLOUR).augment}


def test_a_persons_own_recipe_is_imported(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text("from plusx.recipes.images import images as own\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert find_recipe("mine:own") is images


def test_an_unknown_one_names_the_nearest() -> None:
    with pytest.raises(WrongUse, match=r"did you mean cifar\?"):
        find_recipe("cifr")


def test_a_recipe_for_other_examples_is_refused_in_one_line() -> None:
    for name in PICTURES:
        with pytest.raises(WrongUse, match=rf"^--recipe {name}: it is not for signals; leave it out, or give your own"):
            recipe_for(name, SIGNALS, "signals")
    assert recipe_for("signals", SIGNALS, "signals").name == "signals"
    with pytest.raises(WrongUse, match="it is not for pictures"):
        recipe_for("signals", GREY, "pictures")
