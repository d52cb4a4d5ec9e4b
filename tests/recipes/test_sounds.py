"""The recipes of sounds on every kind of set: they resolve, their networks are built, and a batch goes through."""

from dataclasses import replace

import pytest
import torch

from plusx.data.sound_facts import SoundFacts
from plusx.model.cost import cost
from plusx.model.zoo import ZOO
from plusx.recipes.sounds import fine_tune_sounds, sounds, sounds_ladder, waves
from plusx.training.recipe import Recipe, Sgd
from plusx.training.state import State

WORDS = SoundFacts(85_000, 35, 1.0, 1.0, 1.0, True, 16_000, mean=-7.0, std=3.5, level=1500.0)
FACTS = {
    "words": WORDS,
    "prompts": replace(WORDS, count=1_100, classes=3, duration_s=1.6, most_s=4.4, same_length=False, rate=8_000),
    "clicks": replace(WORDS, count=300, duration_s=0.05, most_s=0.08, same_length=False),
    "a handful": replace(WORDS, count=4, classes=2, duration_s=30.0, most_s=90.0, same_length=False, level=0.0),
}


@pytest.mark.parametrize("make", [sounds, waves, fine_tune_sounds])
@pytest.mark.parametrize("kind", FACTS)
def test_resolves_and_runs(make, kind: str) -> None:
    facts = FACTS[kind]
    recipe = make(facts)
    assert recipe.name == make.__name__
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe
    assert recipe.reasons.keys() >= {"model", "preprocessing", "augment", "batch_size", "epochs"}
    assert recipe.reasons.keys() <= Recipe.model_fields.keys()
    state = State(recipe, {"num_classes": facts.classes}, torch.device("cpu"))
    batch = torch.zeros(2, *recipe.stored.shape, dtype=torch.int16)
    for augmentation in recipe.augment:
        batch = augmentation(batch, torch.full((2, augmentation.draws), 0.5))
    assert state.network(batch).shape == (2, facts.classes)


@pytest.mark.parametrize(("kind", "seconds"), [("words", 1.0), ("prompts", 3.0), ("clicks", 0.3), ("a handful", 3.0)])
def test_hears_as_much_as_nine_tenths_of_the_sounds_have_up_to_three_seconds(kind: str, seconds: float) -> None:
    assert sounds(FACTS[kind]).preprocessing.shape == (1, round(16_000 * seconds))


@pytest.mark.parametrize("kind", FACTS)
def test_every_rung_of_the_ladder_costs_more_and_must_be_heard_longer(kind: str) -> None:
    ladder = sounds_ladder(FACTS[kind])
    costs = [
        cost(ZOO[one.model](in_channels=1, **one.model_options), one.preprocessing.features).macs for one in ladder
    ]
    assert costs == sorted(set(costs))
    epochs = [one.epochs for one in ladder]
    assert epochs == sorted(set(epochs))
    assert epochs[0] < 0.001


def test_small_sets_are_heard_more_often() -> None:
    assert sounds(FACTS["prompts"]).epochs > sounds(FACTS["words"]).epochs
    assert isinstance(fine_tune_sounds(WORDS).optimizer, Sgd)
