"""What a person asked for -> the recipe that a training follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from pydantic import ValidationError

from plusx.api.start import as_in, check_start, facts_as_in
from plusx.api.suit import check_task, suited
from plusx.api.teacher import check_teacher
from plusx.archive import Archive
from plusx.archive.card import Card
from plusx.data.augment import check_suited
from plusx.data.image import ImageSpec
from plusx.data.modalities import MODALITIES, survey
from plusx.data.samples import Samples
from plusx.data.sound import SoundSpec
from plusx.data.survey import Facts
from plusx.data.text import TextSpec
from plusx.errors import PlusxError, WrongUse, in_one_line, nearest
from plusx.model.zoo import ZOO
from plusx.recipes import automatic_for, recipe_for
from plusx.tasks import TASKS
from plusx.training.distill import Distill
from plusx.training.precision import faster_precision
from plusx.training.recipe import Recipe, changed, read_recipe
from plusx.training.run import RunFolder
from plusx.training.spec_mask import refuse_unless_spectrograms
from plusx.training.start import Start
from plusx.training.whiten import check_whitening


@dataclass(frozen=True)
class Plan:
    """What a person asked a training for.

    Args:
        data: a folder, CSV or Parquet file, shards, or a known name, as `plusx.data.samples.read_dataset` takes it.
        data_dir: where a known set's files are.
        modality: which of several kinds of files to read; `auto`: the one that most files have.
        task: what to ask of the examples, a name in `plusx.tasks.TASKS`; `auto`: what they say themselves.
        model: a network of the zoo, or `auto`.
        recipe: a recipe's name, or `module:function`; `auto` is the modality's, and `fine_tune` where pictures have a
            start.
        start: what to begin from: a model file, a run's folder, or another library's weights, as
            `plusx.model.pretrained.load_weights` takes them (with `model` naming their network). None: fresh weights.
        teacher: a model file or a run's folder, whose answers are learnt beside the labels. None: labels alone.
        fold: "2/5" validates on the second of five equal parts of all examples but the test split's, and trains on the
            others; "" holds examples out where there is no val split.
        changes: the recipe's dotted keys with their new values, as `--set` takes them.
        val_fraction: the part of the training examples that validates where there is no val split.
        max_skipped: the largest share of unreadable examples that a training goes on with.
        budget_s: seconds from reading the examples to the stored model. None: as long as the recipe's epochs take.
        find_lr: take the optimiser's rate from a range test.
        track: tools that are told the figures, by their names in `plusx.training.track.TRACKERS`.
        intended_use: what the model is made for; goes into its card, together with `limits`. "": it has no card.
        limits: what it must not be used for, and where it fails.
        contact: whom to ask.
        cache: keep decoded pictures for the next time, or decode at each use.
        checkpoint_every_s: seconds between checkpoints. None: 30, or so many that they take less than 1 % of the time.
    """

    data: str | Path
    data_dir: str | Path | None = None
    modality: str = "auto"
    task: str = "auto"
    model: str = "auto"
    recipe: str = "auto"
    start: str | Path | None = None
    teacher: str | Path | None = None
    fold: str = ""
    changes: Mapping[str, str] = field(default_factory=dict)
    val_fraction: float = 0.1
    max_skipped: float = 0.05
    budget_s: float | None = None
    find_lr: bool = False
    track: tuple[str, ...] = ()
    intended_use: str = ""
    limits: str = ""
    contact: str = ""
    cache: bool = True
    checkpoint_every_s: float | None = None

    @property
    def asked(self) -> str | None:
        """The task that was asked for; None: the examples say it."""
        return None if self.task == "auto" else self.task

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

    @property
    def fold_of(self) -> tuple[int, int] | None:
        """`fold` as its number, from 0, and how many there are.

        Raises:
            WrongUse: it is not of the form 2/5.
        """
        if not self.fold:
            return None
        number, _, count = self.fold.partition("/")
        if not (number.isdigit() and count.isdigit() and 1 <= int(number) <= int(count) and int(count) >= 2):
            raise WrongUse(f"fold={self.fold}: it must be such as 2/5, the second of five")
        return int(number) - 1, int(count)

    @property
    def card(self) -> Card | None:
        """What the model's file says of its use; None where nothing was said.

        Raises:
            WrongUse: a part without the others, or a text that a card does not take.
        """
        said = {name: text for name in ("intended_use", "limits", "contact") if (text := getattr(self, name))}
        if not said:
            return None
        for needed in ("intended_use", "limits"):
            if needed not in said:
                raise WrongUse(f"--{needed.replace('_', '-')}: a model's card says its use and its limits; give both")
        try:
            return Card(**said)
        except ValidationError as error:
            raise WrongUse(in_one_line(error, "--intended-use and --limits")) from None

    # What may differ in a resumed run, since the result does not depend on it.
    FREE: ClassVar = ("max_skipped", "track", "cache", "checkpoint_every_s")

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
    if plan.task not in ("auto", *TASKS):
        hint = nearest(plan.task, list(TASKS))
        raise WrongUse(f"--task {plan.task}: no such task{hint}; it must be auto or one of {', '.join(TASKS)}")
    # Found wrong now, and not when the model is stored.
    _ = plan.card
    return plan


def resolve(plan: Plan, samples: Samples, start: Start | None = None, teacher: Archive | None = None) -> Recipe:
    """The recipe for a new run: by the examples and the start, then the person's own changes.

    Raises:
        WrongUse: an unknown recipe, key, value or network, one that nothing of the start fits, or one whose examples
            the teacher cannot answer.
        PlusxError: no example can be read.
    """
    facts, name = _facts(samples, start), _recipe_name(plan, samples, start)
    recipe = recipe_for(name, facts, MODALITIES[samples.modality].many)
    recipe = _with_head(_settled(plan, start, recipe if plan.recipe != "auto" else suited(recipe, samples)), samples)
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
        recipes = [_with_head(_settled(plan, None, suited(recipe, samples)), samples) for recipe in ladder]
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
    _check_dimensions(recipe)
    check_suited(recipe.augment, recipe.preprocessing.modality)
    if recipe.spec_mask is not None:
        refuse_unless_spectrograms(recipe.preprocessing)
    _check_bytes(recipe)
    check_whitening(recipe)
    return _with_precision(recipe)


def _with_head(recipe: Recipe, samples: Samples) -> Recipe:
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


def _with_precision(recipe: Recipe) -> Recipe:
    """The recipe with a precision of its own: from here on it does not depend on the machine."""
    if recipe.precision != "auto":
        return recipe
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    precision = faster_precision(device)
    reasons = {**recipe.reasons, "precision": f"this {device.type} multiplies it faster"}
    return recipe.model_copy(update={"precision": precision, "reasons": reasons})


def _with_teacher(plan: Plan, recipe: Recipe) -> Recipe:
    if plan.teacher is None:
        if meant := [key for key in plan.changes if key.split(".")[0] == "distill"]:
            raise WrongUse(f"--set {meant[0]}: it is for a teacher; name one with --teacher")
        return recipe
    return recipe.model_copy(
        update={"distill": Distill(), "reasons": {**recipe.reasons, "distill": f"with the teacher {plan.teacher}"}}
    )


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


def resume_recipe(run: RunFolder, plan: Plan, fingerprint: str) -> Recipe:
    """The recipe of a run that is continued.

    Raises:
        PlusxError: the examples are not those it began with.
    """
    if fingerprint != run.read_about()["data"]:
        raise PlusxError(f"--resume: {plan.data} has changed since the run in {run.path} began; begin a new run")
    return read_recipe(run.recipe)


def as_begun(run: RunFolder, plan: Plan) -> Plan:
    """The plan of a run that is continued: what was not asked for now is as it was when the run began.

    Raises:
        WrongUse: the folder holds no run, or one that was begun with other choices.
    """
    unasked = Plan(plan.data).stored()
    begun = unasked | run.read_about()["plan"]
    for name, value in plan.stored().items():
        before = begun[name]
        if value != before and (name == "data" or value != unasked[name]):
            raise WrongUse(
                f"--resume: the run in {run.path} has {name}={before!r}, not {value!r}; leave it out, or begin a new "
                "run in a new folder"
            )
    known = {name: begun[name] for name in unasked if name != "data"}
    return replace(plan, **known)


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
        if isinstance(spec, SoundSpec):
            return f"{spec.duration_s:g} s at {spec.rate / 1000:g} kHz, {spec.front}, {spec.shorter}"
        if isinstance(spec, TextSpec):
            return f"{spec.length:,} bytes, {spec.cut}"
        if not isinstance(spec, ImageSpec):
            return "x".join(map(str, spec.shape))
        return f"{spec.height}x{spec.width}, {'grey' if spec.channels == 1 else 'colour'}, {spec.fit}"
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
