"""What a training can do in a given time: which of several recipes pays, and for how many epochs it may run."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from plusx.errors import WrongUse
from plusx.training.recipe import Recipe
from plusx.training.speed import Speed

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
VALIDATIONS = 10
"""At most so many in a training that must be on time."""


class Measured(NamedTuple):
    """A recipe, at the precision that was found to be faster, its speed, and the seconds then left for its training."""

    recipe: Recipe
    speed: Speed
    left_s: float


def seconds_of(text: str) -> float:
    """A length of time that a person wrote, in seconds.

    Raises:
        WrongUse: it is none.

    >>> [seconds_of(text) for text in ("90", "30s", "5m", "1.5h")]
    [90.0, 30.0, 300.0, 5400.0]
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text.strip())
    if not found or float(found[1]) == 0:
        raise WrongUse(f"--budget {text}: it must be a length of time such as 30s, 5m or 2h")
    return float(found[1]) * UNITS[found[2] or "s"]


def affordable_epochs(recipe: Recipe, speed: Speed, left_s: float, count: int, val_count: int) -> float:
    """The epochs of `count` examples that fit into `left_s`, validations of `val_count` included; 0 if nothing fits.

    >>> from plusx.data.image import ImageSpec
    >>> recipe = Recipe(model="resnet8", batch_size=10, preprocessing=ImageSpec(height=8, width=8, channels=1))
    >>> affordable_epochs(recipe, Speed(train_s=0.01, score_s=0.001), left_s=61, count=1000, val_count=1000)
    5.45
    """
    train_s, val_s = speed.train_s * count, speed.score_s * val_count
    # A validation an epoch, as long as these are few, and one at the end.
    epochs = max(0.0, left_s - val_s) / (train_s + val_s)
    if epochs > VALIDATIONS:
        epochs = (left_s - (VALIDATIONS + 1) * val_s) / train_s
    steps = int(epochs * count / recipe.batch_size)
    return steps * recipe.batch_size / count


def fitted(recipe: Recipe, speed: Speed, left_s: float, count: int, val_count: int) -> Recipe:
    """The recipe with as many epochs as fit, one step at least."""
    epochs = affordable_epochs(recipe, speed, left_s, count, val_count) or recipe.batch_size / count
    return recipe.model_copy(update={"epochs": epochs, "validate_every": max(1.0, epochs / VALIDATIONS)})


def climb(
    ladder: Sequence[Recipe], measure: Callable[[Recipe], Measured], count: int, val_count: int
) -> tuple[Recipe, Speed]:
    """The dearest recipe that the time allows, and its speed.

    Args:
        ladder: recipes from the cheapest to the dearest; the `epochs` of each are those from which on it gives a better
            result than the one before it.
        measure: times a recipe.
        count: training examples.
        val_count: validation examples.

    A recipe that costs more than one which has too few epochs already is not measured.
    """
    chosen = measure(ladder[0])
    for recipe in ladder[1:]:
        if affordable_epochs(*chosen, count, val_count) < recipe.epochs:
            break
        dearer = measure(recipe)
        if affordable_epochs(*dearer, count, val_count) < recipe.epochs:
            break
        chosen = dearer
    return chosen.recipe, chosen.speed
