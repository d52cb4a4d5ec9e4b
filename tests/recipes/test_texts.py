"""The recipe for texts on every kind of set."""

import pytest
import torch

from plusx.data.survey import Facts
from plusx.data.text_facts import TextFacts
from plusx.errors import WrongUse
from plusx.model.cost import cost
from plusx.model.zoo import ZOO
from plusx.recipes import recipe_for
from plusx.recipes.texts import fine_tune_texts, texts, texts_ladder
from plusx.training.recipe import Recipe, Sgd
from plusx.training.state import State

FACTS = {
    "tweets": TextFacts(50_000, 3, median=80, high=140),
    "news": TextFacts(120_000, 4, median=230, high=390),
    "books": TextFacts(900, 20, median=400_000, high=2_000_000),
    "words": TextFacts(5_000, 8, median=6, high=11),
    "a handful": TextFacts(4, 2, median=50, high=60),
}
LENGTHS = {"tweets": 192, "news": 448, "books": 1024, "words": 64, "a handful": 64}


@pytest.mark.parametrize("function", [texts, fine_tune_texts])
@pytest.mark.parametrize("kind", FACTS)
def test_resolves_and_runs(function, kind: str) -> None:
    facts = FACTS[kind]
    recipe = function(facts)
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe
    assert recipe.reasons.keys() >= {"model", "preprocessing", "augment", "batch_size", "epochs"}
    assert recipe.reasons.keys() <= Recipe.model_fields.keys()
    assert recipe.preprocessing.shape == (1, LENGTHS[kind])
    state = State(recipe, {"num_classes": facts.classes}, torch.device("cpu"))
    batch = torch.randint(0, 256, (2, *recipe.stored.shape), dtype=torch.uint8)
    for augmentation in recipe.augment:
        batch = augmentation(batch, torch.full((2, augmentation.draws), 0.5))
    assert state.network(batch).shape == (2, facts.classes)


@pytest.mark.parametrize("kind", FACTS)
def test_every_rung_of_the_ladder_costs_more_and_must_be_seen_longer(kind: str) -> None:
    ladder = texts_ladder(FACTS[kind])
    costs = [cost(ZOO[rung.model](**rung.model_options), rung.preprocessing.shape).macs for rung in ladder]
    assert costs == sorted(set(costs))
    epochs = [rung.epochs for rung in ladder]
    assert epochs == sorted(set(epochs))
    assert epochs[0] < 0.001
    assert all(Recipe.model_validate_json(rung.model_dump_json()) == rung for rung in ladder)


def test_small_sets_are_shown_more_often() -> None:
    epochs = [texts(FACTS[kind]).epochs for kind in ("news", "tweets", "books")]
    assert epochs == sorted(epochs)
    assert epochs[0] >= 1


def test_fine_tuning_is_plain_sgd() -> None:
    assert isinstance(fine_tune_texts(FACTS["news"]).optimizer, Sgd)


def test_a_recipe_is_for_its_own_kind_of_examples() -> None:
    assert recipe_for("texts", FACTS["news"], "texts").name == "texts"
    with pytest.raises(WrongUse, match="--recipe cifar: it is not for texts"):
        recipe_for("cifar", FACTS["news"], "texts")
    with pytest.raises(WrongUse, match="--recipe texts: it is not for sounds"):
        recipe_for("texts", Facts(10, 2), "sounds")
