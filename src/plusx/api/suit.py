"""A recipe beside its examples and their task: what they need, and what cannot be done with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from plusx.data.augment import Augmentation, Shift, check_suited
from plusx.data.image import ImageSpec
from plusx.data.modalities import MODALITIES, Spec
from plusx.data.samples import Samples
from plusx.errors import WrongUse
from plusx.model.resnet import ResNet
from plusx.model.zoo import ZOO
from plusx.tasks import TASKS, task_for
from plusx.tasks.transcribe import Transcribe
from plusx.training.criterion import build_losses, refuse_unsuited
from plusx.training.recipe import Recipe
from plusx.training.spec_mask import refuse_unless_spectrograms
from plusx.training.whiten import check_whitening


def suited(recipe: Recipe, samples: Samples) -> Recipe:
    """An automatic recipe with what the task says of it in `SUITED` and `MOVED_ONLY`, and why."""
    task = task_for(samples)
    wanted = dict(task.SUITED)
    if task.MOVED_ONLY:
        wanted["augment"] = (moved_only(recipe.preprocessing), task.MOVED_ONLY)
    other = {key: one for key, one in wanted.items() if getattr(recipe, key) != one[0]}
    values = {key: value for key, (value, _) in other.items()}
    reasons = {**recipe.reasons, **{key: reason for key, (_, reason) in other.items()}}
    return recipe.model_copy(update={**values, "reasons": reasons})


def moved_only(spec: Spec) -> tuple[Augmentation, ...]:
    """Pictures moved by a fourteenth of their shorter side at most; other examples as they are.

    It is what was measured on pictures of 28 pixels, benchmarks/regression.py.

    >>> from plusx.data.image import ImageSpec
    >>> moved_only(ImageSpec(height=28, width=28, channels=1))[0].reach
    2
    """
    if not isinstance(spec, ImageSpec):
        return ()
    return (Shift(reach=max(1, min(spec.height, spec.width) // 14)),)


def with_head(recipe: Recipe, samples: Samples) -> Recipe:
    """The recipe with a head that the task can do with: its usual one where the recipe names none.

    Raises:
        WrongUse: the recipe names another one.
    """
    heads = TASKS[samples.task].HEADS
    named = recipe.model_options.get("head")
    if not heads or named in heads:
        return recipe
    if named is not None:
        raise WrongUse(f"--set model_options.head={named}: these examples need one of {', '.join(heads)}")
    options = {**recipe.model_options, "head": heads[0]}
    return recipe.model_copy(update={"model_options": options})


def check_parts(recipe: Recipe) -> None:
    """Nothing, if the recipe's parts go together: its network, its examples, and what changes them.

    Raises:
        WrongUse: they do not.
    """
    _check_dimensions(recipe)
    check_suited(recipe.augment, recipe.preprocessing.modality)
    if recipe.spec_mask is not None:
        refuse_unless_spectrograms(recipe.preprocessing)
    _check_bytes(recipe)
    check_whitening(recipe)


def _check_dimensions(recipe: Recipe) -> None:
    theirs = recipe.model_options.get("dims", ZOO[recipe.model].defaults.get("dims", 2))
    ours = len(recipe.preprocessing.features) - 1
    if theirs != ours:
        mend = "; --recipe waves hears samples" if (recipe.preprocessing.modality, theirs) == ("sound", 1) else ""
        raise WrongUse(f"--model {recipe.model}: it is for {theirs} dimensions, these examples have {ours}{mend}")


def _check_bytes(recipe: Recipe) -> None:
    """Bytes of texts are names, not amounts: they are embedded, and not blended."""
    text = recipe.preprocessing.modality == "text"
    many = MODALITIES[recipe.preprocessing.modality].many
    stem = recipe.model_options.get("stem", ZOO[recipe.model].defaults.get("stem", ""))
    if str(stem).startswith("bytes") != text:
        reads = "does not read bytes" if text else "reads bytes"
        raise WrongUse(f"--model {recipe.model}: it {reads}, these examples are {many}; take another or auto")
    if text and recipe.mix is not None and recipe.mix.mixup:
        raise WrongUse("--set mix: bytes of two texts have no middle; --set mix.mixup=0 leaves CutMix")


def check_task(recipe: Recipe, samples: Samples) -> None:
    """Nothing, if the task can be trained as the recipe says; before anything is begun.

    Raises:
        WrongUse: it cannot.
    """
    task = task_for(samples, recipe.task)
    refuse_unsuited(recipe, task)
    build_losses(recipe, task, samples.targets, len(samples.classes))
    if isinstance(task, Transcribe):
        task.check_frames(samples, _places(recipe, task.network_options(samples.classes)))


def _places(recipe: Recipe, options: Mapping[str, Any]) -> int:
    """How many places the network of a head that answers each has, in the last dimension."""
    network = network_on_meta(recipe, options).eval()
    return network(torch.empty(1, *recipe.preprocessing.features, device="meta")).shape[-1]


def network_on_meta(recipe: Recipe, options: Mapping[str, Any] | None = None) -> ResNet:
    """The recipe's network, with `options` over its own, without storage."""
    made = {"in_channels": recipe.preprocessing.features[0], **recipe.model_options, **(options or {})}
    with torch.device("meta"):
        return ZOO[recipe.model](**made)
