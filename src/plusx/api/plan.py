"""What a person asked for -> the recipe that a training follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar

from plusx.data.image import ImageSpec
from plusx.data.samples import Samples
from plusx.data.survey import survey
from plusx.errors import PlusxError, WrongUse, nearest
from plusx.model.zoo import ZOO
from plusx.recipes import find_recipe
from plusx.training.recipe import Recipe, changed, read_recipe
from plusx.training.run import RunFolder


@dataclass(frozen=True)
class Plan:
    """What a person asked a training for.

    Args:
        data: a folder, CSV or Parquet file, or a known name, as `plusx.data.samples.read_dataset` takes it.
        data_dir: where a known set's files are.
        model: a network of the zoo, or `auto`.
        recipe: a recipe's name, or `module:function`.
        changes: the recipe's dotted keys with their new values, as `--set` takes them.
        val_fraction: the part of the training examples that validates where there is no val split.
        max_skipped: the largest share of unreadable examples that a training goes on with.
        cache: keep decoded pictures for the next time, or decode at each use.
        checkpoint_every_s: seconds between checkpoints.
    """

    data: str | Path
    data_dir: str | Path | None = None
    model: str = "auto"
    recipe: str = "images"
    changes: Mapping[str, str] = field(default_factory=dict)
    val_fraction: float = 0.1
    max_skipped: float = 0.05
    cache: bool = True
    checkpoint_every_s: float = 30.0

    @property
    def seed(self) -> int:
        """What decides which examples are held out: the recipe's seed, where it was set.

        Raises:
            WrongUse: it is no whole number of 32 bits.
        """
        text = self.changes.get("seed", "0")
        if not text.isdigit() or int(text) >= 2**32:
            raise WrongUse(f"--seed {text}: it must be a whole number from 0 to {2**32 - 1}")
        return int(text)

    # What may differ in a resumed run, since the result does not depend on it.
    FREE: ClassVar = ("max_skipped", "cache", "checkpoint_every_s")

    def stored(self) -> dict[str, Any]:
        """What a resumed run must agree with, as JSON."""
        plan = {name: value for name, value in asdict(self).items() if name not in self.FREE}
        return {name: str(value) if isinstance(value, Path) else value for name, value in plan.items()}


def make_plan(choices: Mapping[str, Any]) -> Plan:
    """A plan of these choices.

    Raises:
        WrongUse: a choice that there is not, or no such network.
    """
    names = [known.name for known in fields(Plan)]
    for name in choices:
        if name not in names:
            raise WrongUse(f"train: there is no choice {name}{nearest(name, names)}")
    plan = Plan(**choices)
    if plan.model != "auto" and plan.model not in ZOO:
        raise WrongUse(f"--model {plan.model}: no such network{nearest(plan.model, list(ZOO))}; see plusx models")
    return plan


def resolve(plan: Plan, samples: Samples) -> Recipe:
    """The recipe for a new run: by the examples, then the person's own changes.

    Raises:
        WrongUse: an unknown recipe, key, value or network.
        PlusxError: no example can be read.
    """
    recipe = find_recipe(plan.recipe)(survey(samples))
    if plan.model != "auto":
        reasons = {**recipe.reasons, "model": "set by you"}
        recipe = recipe.model_copy(update={"model": plan.model, "model_options": {}, "reasons": reasons})
    recipe = changed(recipe, plan.changes)
    if recipe.model not in ZOO:
        raise WrongUse(
            f"--set model={recipe.model}: no such network{nearest(recipe.model, list(ZOO))}; see plusx models"
        )
    return recipe


def resume_recipe(run: RunFolder, plan: Plan, fingerprint: str) -> Recipe:
    """The recipe of a run that is continued.

    Raises:
        WrongUse: the folder holds no run, or one that was started with other choices.
        PlusxError: the examples are not those it began with.
    """
    about = run.read_about()
    unasked = Plan(plan.data).stored()
    for name, value in plan.stored().items():
        if value != about["plan"][name] and (name == "data" or value != unasked[name]):
            raise WrongUse(
                f"--resume: the run in {run.path} has {name}={about['plan'][name]!r}, not {value!r}; leave it out, or "
                "begin a new run in a new folder"
            )
    if fingerprint != about["data"]:
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
        spec = recipe.preprocessing
        if not isinstance(spec, ImageSpec):
            return "x".join(map(str, spec.shape))
        return f"{spec.height}x{spec.width}, {'grey' if spec.channels == 1 else 'colour'}, {spec.fit}"
    if key == "augment":
        return " + ".join(one.name for one in recipe.augment) or "none"
    value: Any = recipe.model_dump(mode="json")
    for part in key.split("."):
        value = value[part]
    return str(value)
