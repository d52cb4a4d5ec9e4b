"""What a training minimises: the task's loss of each example, made up for classes of unequal size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from plusx.data.augment.boxes import refuse_for_boxes
from plusx.data.cache import Prepared
from plusx.errors import WrongUse
from plusx.tasks import Task
from plusx.tasks.detect import Detect
from plusx.tasks.segment import Segment
from plusx.training.recipe import Recipe
from plusx.training.resize import refuse_unless_pictures
from plusx.training.spec_mask import refuse_unless_spectrograms
from plusx.training.teacher import Teacher

Losses = Callable[[Tensor, Tensor], Float[Tensor, " batch"]]
"""(outputs, targets) -> the loss of each example. Targets are classes `(batch,)` or shares `(batch, classes)`."""


@dataclass(frozen=True)
class Goal:
    """What a training step needs to know beside its batch: recipe, task, losses, how many steps come, and a
    distillation's teacher."""

    recipe: Recipe
    task: Task
    losses: Losses
    steps: int
    teacher: Teacher | None = None

    @classmethod
    def of(cls, recipe: Recipe, task: Task, train: Prepared) -> Goal:
        """The goal of a training on these examples.

        Raises:
            WrongUse: as `build_losses`; the recipe resizes what is no picture or masks what is no spectrogram; or it
                asks of masks what is for one label an example.
        """
        refuse_unsuited(recipe, task)
        if recipe.resize is not None:
            refuse_unless_pictures(recipe.preprocessing)
        if recipe.spec_mask is not None:
            refuse_unless_spectrograms(recipe.preprocessing)
        return cls(
            recipe, task, build_losses(recipe, task, train.targets, len(train.classes)), recipe.steps(len(train))
        )


def build_losses(recipe: Recipe, task: Task, targets: Int[np.ndarray, " count"], classes: int) -> Losses:
    """The recipe's loss, with what its `balance` asks for.

    Raises:
        WrongUse: the recipe balances classes or has a loss of classes, which the task does not suit.
    """
    base = partial(_base(recipe, task), smoothing=recipe.label_smoothing)
    if recipe.balance == "none":
        return base
    if recipe.balance not in task.BALANCES:
        suit = " or ".join(("none", *task.BALANCES))
        raise WrongUse(f"--balance {recipe.balance}: it is not for the task {task.name}; use {suit}")
    counts = np.bincount(targets, minlength=classes)
    if recipe.balance == "weights":
        return partial(weighted, base, torch.from_numpy(class_weights(counts)))
    if recipe.balance == "logits":
        return partial(adjusted, base, torch.from_numpy(log_priors(counts)))
    return base


def refuse_unsuited(recipe: Recipe, task: Task) -> None:
    """Nothing, if all of the recipe can be done with the task's targets: with masks and boxes not all can.

    Raises:
        WrongUse: the first that cannot.
    """
    if not task.WHOLE:
        return
    refused = {
        "mix": recipe.mix is not None,
        "resize": recipe.resize is not None and not isinstance(task, Detect),
        "distill": recipe.distill is not None,
    }
    for name, asked in refused.items():
        if asked:
            raise WrongUse(f"--set {name}: it is for examples with labels, not for the task {task.name}; leave it out")
    if isinstance(task, Detect):
        refuse_for_boxes(recipe.augment)


def _base(recipe: Recipe, task: Task) -> Callable[..., Float[Tensor, " batch"]]:
    if recipe.loss == "binary":
        if not task.CLASSES:
            raise WrongUse(f"--set loss=binary: it is for scores of classes, not for the task {task.name}; use another")
        return binary
    if recipe.loss == "cross_entropy":
        return task.losses
    if not isinstance(task, Segment):
        raise WrongUse(f"--set loss={recipe.loss}: it is for pictures with masks; leave it out")
    return task.losses_with_dice


def binary(outputs: Float[Tensor, "batch classes"], targets: Tensor, smoothing: float = 0.0) -> Float[Tensor, " batch"]:
    """Binary cross-entropy of every class for itself, its mean over classes (arXiv 2110.00476, section 3.1).

    >>> binary(torch.zeros(1, 4), torch.tensor([2])).item() == torch.tensor(2.0).log().item()
    True
    """
    if targets.ndim == 1:
        targets = functional.one_hot(targets, outputs.shape[1])
    shares = targets.to(outputs.dtype) * (1 - smoothing) + smoothing / outputs.shape[1]
    return functional.binary_cross_entropy_with_logits(outputs, shares, reduction="none").mean(dim=1)


def weighted(losses: Losses, weights: Float[Tensor, " classes"], outputs: Tensor, targets: Tensor) -> Tensor:
    """Each example's loss times its class's weight; of several classes, by their shares."""
    weights = weights.to(outputs.device, outputs.dtype)
    return losses(outputs, targets) * (weights[targets] if targets.ndim == 1 else targets.to(weights.dtype) @ weights)


def adjusted(losses: Losses, log_prior: Float[Tensor, " classes"], outputs: Tensor, targets: Tensor) -> Tensor:
    """The losses of logits to which the classes' log priors were added (arXiv 2007.07314, equation 10).

    The network then learns logits without the priors, whose likeliest class has the smallest balanced error.
    """
    return losses(outputs + log_prior.to(outputs.device, outputs.dtype), targets)


def class_weights(counts: Int[np.ndarray, " classes"]) -> Float[np.ndarray, " classes"]:
    """Weights in inverse proportion to the classes' counts, whose mean over the examples is 1; 0 for an empty class.

    >>> class_weights(np.array([30, 10]))
    array([0.66666667, 2.        ])
    """
    present = counts > 0
    return np.divide(counts.sum(), counts * present.sum(), out=np.zeros(len(counts)), where=present)


def log_priors(counts: Int[np.ndarray, " classes"]) -> Float[np.ndarray, " classes"]:
    """Logarithms of the classes' shares; an empty class counts as half an example."""
    filled = np.maximum(counts, 0.5)
    return np.log(filled / filled.sum())
