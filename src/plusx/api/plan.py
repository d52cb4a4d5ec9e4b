"""What a person asked for -> the recipe that a training follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, ClassVar

from pydantic import ValidationError

from plusx.archive.card import Card
from plusx.errors import WrongUse, in_one_line, nearest
from plusx.model.zoo import ZOO
from plusx.tasks import TASKS
from plusx.training.run import RunFolder


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
        report: write the run's page, `report.html`, once the model is stored.
        score_test: score the test split, where there is one, once the model is stored; else it is not even read.
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
    report: bool = True
    score_test: bool = True
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
    FREE: ClassVar = ("max_skipped", "track", "report", "score_test", "cache", "checkpoint_every_s")

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
