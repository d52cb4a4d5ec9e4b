"""A plan and its examples -> the recipe of a run, or those that a time is chosen from."""

from __future__ import annotations

from typing import Any

import torch

from plusx.api.plan import Plan
from plusx.api.start import as_in, check_start, facts_as_in
from plusx.api.suit import check_parts, check_task, network_on_meta, suited, with_head
from plusx.api.teacher import check_teacher
from plusx.archive import Archive
from plusx.data.modalities import MODALITIES, survey
from plusx.data.samples import Samples
from plusx.data.survey import Facts
from plusx.errors import PlusxError, WrongUse, nearest
from plusx.model.zoo import ZOO
from plusx.recipes import automatic_for, recipe_for
from plusx.tasks import TASKS
from plusx.training.distill import Distill
from plusx.training.precision import faster_precision, wrong_in_bfloat16
from plusx.training.recipe import Recipe, changed, read_recipe
from plusx.training.run import RunFolder
from plusx.training.start import Start

WRONG = "gradients of some of this network's convolutions are wrong in bfloat16"


def resolve(plan: Plan, samples: Samples, start: Start | None = None, teacher: Archive | None = None) -> Recipe:
    """The recipe for a new run: by the examples and the start, then the person's own changes.

    Raises:
        WrongUse: an unknown recipe, key, value or network, one that nothing of the start fits, or one whose examples
            the teacher cannot answer.
        PlusxError: no example can be read.
    """
    facts, name = _facts(samples, start), _recipe_name(plan, samples, start)
    recipe = recipe_for(name, facts, MODALITIES[samples.modality].many)
    recipe = with_head(_settled(plan, start, recipe if plan.recipe != "auto" else suited(recipe, samples)), samples)
    check_task(recipe, samples)
    if plan.teacher is not None and teacher is not None:
        check_teacher(teacher, plan.teacher, recipe, samples)
    return recipe


def resolve_ladder(plan: Plan, samples: Samples, start: Start | None = None) -> list[Recipe]:
    """The recipes that a time is chosen from, the cheapest first: one alone where recipe or network was named.

    Raises:
        WrongUse: as `resolve`, or epochs or a teacher beside a budget.
        PlusxError: no example can be read.
    """
    if "epochs" in plan.changes:
        raise WrongUse("--budget: it decides the epochs; leave --epochs out")
    if plan.teacher is not None:
        raise WrongUse("--budget: what a teacher costs is not measured; give --epochs")
    automatic = automatic_for(samples.modality, samples.task)
    if start is None and plan.model == "auto" and _recipe_name(plan, samples, start) == automatic.recipe:
        ladder = automatic.ladder(_facts(samples, None))
        recipes = [with_head(_settled(plan, None, suited(recipe, samples)), samples) for recipe in ladder]
        check_task(recipes[0], samples)
        return recipes
    return [resolve(plan, samples, start)]


def _recipe_name(plan: Plan, samples: Samples, start: Start | None) -> str:
    if plan.recipe != "auto":
        return plan.recipe
    automatic = automatic_for(samples.modality, samples.task)
    return automatic.recipe if start is None else automatic.fine_tune


def _facts(samples: Samples, start: Start | None) -> Facts:
    facts = survey(samples)
    return facts if start is None or TASKS[samples.task].WHOLE else facts_as_in(start, facts)


def _settled(plan: Plan, start: Start | None, recipe: Recipe) -> Recipe:
    """The recipe with what the start and the person decide."""
    if start is not None:
        recipe = as_in(start, recipe)
    if plan.model != "auto":
        reasons = {**recipe.reasons, "model": "set by you"}
        recipe = recipe.model_copy(update={"model": plan.model, "model_options": {}, "reasons": reasons})
    recipe = changed(_with_teacher(plan, recipe), plan.changes)
    if (recipe.distill is None) != (plan.teacher is None):
        raise WrongUse("--set distill: it goes together with --teacher; give both or none")
    if recipe.model not in ZOO:
        raise WrongUse(
            f"--set model={recipe.model}: no such network{nearest(recipe.model, list(ZOO))}; see plusx models"
        )
    if start is not None and recipe.whiten:
        raise WrongUse("--set whiten=true: the first layer would not be that of --from; leave one of them out")
    if start is not None:
        check_start(start, recipe)
    check_parts(recipe)
    return _with_precision(recipe)


def _with_precision(recipe: Recipe) -> Recipe:
    """The recipe with a precision of its own: from here on it does not depend on the machine.

    Raises:
        WrongUse: the person's own would train on wrong gradients.
    """
    if recipe.precision == "float32":
        return recipe
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    wrong = wrong_in_bfloat16(network_on_meta(recipe), recipe.preprocessing.features, device)
    if recipe.precision == "bfloat16":
        if wrong:
            raise WrongUse(f"--set precision=bfloat16: this processor's {WRONG}; leave it out")
        return recipe
    precision = "float32" if wrong else faster_precision(device)
    reason = f"this {device.type}'s {WRONG}" if wrong else f"this {device.type} multiplies it faster"
    reasons = {**recipe.reasons, "precision": reason}
    return recipe.model_copy(update={"precision": precision, "reasons": reasons})


def _with_teacher(plan: Plan, recipe: Recipe) -> Recipe:
    if plan.teacher is None:
        if meant := [key for key in plan.changes if key.split(".")[0] == "distill"]:
            raise WrongUse(f"--set {meant[0]}: it is for a teacher; name one with --teacher")
        return recipe
    return recipe.model_copy(
        update={"distill": Distill(), "reasons": {**recipe.reasons, "distill": f"with the teacher {plan.teacher}"}}
    )


def resume_recipe(run: RunFolder, plan: Plan, fingerprint: str) -> Recipe:
    """The recipe of a run that is continued.

    Raises:
        PlusxError: the examples are not those it began with.
    """
    if fingerprint != run.read_about()["data"]:
        raise PlusxError(f"--resume: {plan.data} has changed since the run in {run.path} began; begin a new run")
    return read_recipe(run.recipe)


def shown(recipe: Recipe, key: str) -> str:
    """A part of a recipe as people read it.

    >>> from plusx.data.image import ImageSpec
    >>> shown(Recipe(model="resnet20", preprocessing=ImageSpec(height=32, width=32, channels=3)), "preprocessing")
    '32x32, colour, crop'
    """
    if key == "model":
        options = ", ".join(f"{name}={value}" for name, value in recipe.model_options.items())
        return f"{recipe.model}({options})" if options else recipe.model
    if key == "preprocessing":
        return recipe.preprocessing.words
    if key == "optimizer":
        return f"{recipe.optimizer.name}, lr {recipe.optimizer.lr:g}"
    if key == "distill" and recipe.distill is not None:
        return f"weight {recipe.distill.weight:g}, temperature {recipe.distill.temperature:g}"
    if key == "augment":
        return " + ".join(one.name for one in recipe.augment) or "none"
    value: Any = recipe.model_dump(mode="json")
    for part in key.split("."):
        value = value[part]
    return f"{value:g}" if isinstance(value, float) else str(value)
