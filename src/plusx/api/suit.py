"""A recipe beside the task of its examples: what the task needs, and what it cannot do."""

from __future__ import annotations

from plusx.data.samples import Samples
from plusx.tasks import task_for
from plusx.training.criterion import build_losses
from plusx.training.recipe import Recipe


def suited(recipe: Recipe, samples: Samples) -> Recipe:
    """An automatic recipe with what the task says of it in `SUITED`, and why."""
    other = {key: one for key, one in task_for(samples).SUITED.items() if getattr(recipe, key) != one[0]}
    values = {key: value for key, (value, _) in other.items()}
    reasons = {**recipe.reasons, **{key: reason for key, (_, reason) in other.items()}}
    return recipe.model_copy(update={**values, "reasons": reasons})


def check_losses(recipe: Recipe, samples: Samples) -> None:
    """Nothing, if the task can be trained with the recipe's loss and balance; before anything is begun.

    Raises:
        WrongUse: it cannot.
    """
    build_losses(recipe, task_for(samples), samples.targets, len(samples.classes))
