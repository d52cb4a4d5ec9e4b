"""A recipe beside the task of its examples: what the task needs, and what it cannot do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from plusx.data.samples import Samples
from plusx.model.zoo import ZOO
from plusx.tasks import task_for
from plusx.tasks.transcribe import Transcribe
from plusx.training.criterion import build_losses, refuse_unsuited
from plusx.training.recipe import Recipe


def suited(recipe: Recipe, samples: Samples) -> Recipe:
    """An automatic recipe with what the task says of it in `SUITED`, and why."""
    other = {key: one for key, one in task_for(samples).SUITED.items() if getattr(recipe, key) != one[0]}
    values = {key: value for key, (value, _) in other.items()}
    reasons = {**recipe.reasons, **{key: reason for key, (_, reason) in other.items()}}
    return recipe.model_copy(update={**values, "reasons": reasons})


def check_task(recipe: Recipe, samples: Samples) -> None:
    """Nothing, if the task can be trained as the recipe says; before anything is begun.

    Raises:
        WrongUse: it cannot.
    """
    task = task_for(samples)
    refuse_unsuited(recipe, task)
    build_losses(recipe, task, samples.targets, len(samples.classes))
    if isinstance(task, Transcribe):
        task.check_frames(samples, _places(recipe, task.network_options(samples.classes)))


def _places(recipe: Recipe, options: Mapping[str, Any]) -> int:
    """How many places the network of a head that answers each has, in the last dimension."""
    made = {"in_channels": recipe.preprocessing.features[0], **recipe.model_options, **options}
    with torch.device("meta"):
        return ZOO[recipe.model](**made).eval()(torch.empty(1, *recipe.preprocessing.features)).shape[-1]
