from pathlib import Path

import pytest
from pydantic import ValidationError

from plusx.data.augment import Flip, Shift
from plusx.data.image import ImageSpec
from plusx.errors import PlusxError, WrongUse
from plusx.training.recipe import AdamW, Recipe, changed, read_recipe, write_recipe

SPEC = ImageSpec(height=8, width=8, channels=1)
RECIPE = Recipe(model="resnet8", preprocessing=SPEC, augment=(Shift(reach=1), Flip()))


def test_comes_back_from_json_as_it_was(tmp_path: Path) -> None:
    write_recipe(RECIPE, tmp_path / "recipe.json")
    assert read_recipe(tmp_path / "recipe.json") == RECIPE


def test_set_changes_one_value_and_says_who_did() -> None:
    recipe = changed(RECIPE, {"optimizer.lr": "0.05", "patience": "3", "model_options.num_filters": "[8, 16, 24]"})
    assert (recipe.optimizer.lr, recipe.patience) == (0.05, 3)
    assert recipe.model_options == {"num_filters": [8, 16, 24]}
    assert recipe.reasons["optimizer.lr"] == "set by you"
    untouched = recipe.model_copy(
        update={name: getattr(RECIPE, name) for name in ("optimizer", "patience", "model_options", "reasons")}
    )
    assert untouched == RECIPE


def test_set_takes_a_whole_part_as_json() -> None:
    recipe = changed(RECIPE, {"optimizer": '{"name": "adamw", "lr": 0.002}'})
    assert recipe.optimizer == AdamW(lr=0.002)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("optimizer.lrr", "1", "did you mean lr?"),
        ("optimiser.lr", "1", "did you mean optimizer?"),
        ("epochs", "-1", "epochs"),
        ("epochs", "many", "epochs"),
        ("seed.x", "1", "no x there"),
        ("augment", '[{"name": "shft"}]', "augment"),
    ],
)
def test_a_wrong_set_is_refused_in_one_line(key: str, value: str, says: str) -> None:
    with pytest.raises(WrongUse, match=r"--set") as caught:
        changed(RECIPE, {key: value})
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_is_frozen_and_refuses_unknown_keys() -> None:
    with pytest.raises(ValidationError):
        RECIPE.__setattr__("epochs", 3)
    with pytest.raises(ValidationError):
        Recipe.model_validate({"model": "resnet8", "preprocessing": SPEC, "epoch": 3})


def test_steps_see_every_example_as_often_as_asked() -> None:
    recipe = RECIPE.model_copy(update={"batch_size": 64, "epochs": 2.5})
    assert recipe.steps(1000) == 40
    assert recipe.steps(1) == 1


@pytest.mark.parametrize("content", ["", "{}", '{"model": "resnet8"', "[1]"])
def test_a_damaged_recipe_is_refused_in_one_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "recipe.json"
    path.write_text(content)
    with pytest.raises(PlusxError) as caught:
        read_recipe(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_crop_keeps_pictures_larger_than_it_trains_on() -> None:
    recipe = RECIPE.model_copy(update={"stored_size": (10, 12)})
    assert recipe.stored.shape == (1, 10, 12)
    assert RECIPE.stored == SPEC
