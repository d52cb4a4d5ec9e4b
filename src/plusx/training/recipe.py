"""A recipe: everything that decides what a training does, frozen, checked, and stored beside the run as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, JsonValue, PositiveFloat, PositiveInt, ValidationError

from plusx.data.augment import Augmentation
from plusx.data.files import atomic_write
from plusx.data.image import ImageSpec
from plusx.data.mix import Mix
from plusx.data.modalities import Preprocessing, Spec
from plusx.data.order import steps_for
from plusx.errors import PlusxError, WrongUse, in_one_line, nearest
from plusx.training.distill import Distill
from plusx.training.lookahead import Lookahead
from plusx.training.optim import AdamW, Lamb, Muon, Optimizer, Sgd
from plusx.training.resize import Resize
from plusx.training.schedule import Schedule
from plusx.training.spec_mask import SpecMask

__all__ = [
    "AdamW",
    "Lamb",
    "Muon",
    "Optimizer",
    "Recipe",
    "Sgd",
    "changed",
    "read_recipe",
    "write_recipe",
]


class Recipe(BaseModel, frozen=True, extra="forbid"):
    """What a training does. `reasons` says of each automatic choice why it was made.

    >>> recipe = Recipe(model="resnet8", preprocessing=ImageSpec(height=8, width=8, channels=1, mean=(0,), std=(1,)))
    >>> recipe.steps(count=1000), changed(recipe, {"optimizer.lr": "0.05"}).optimizer.lr
    (157, 0.05)
    """

    name: str = "custom"
    seed: int = Field(default=0, ge=0, lt=2**32)
    model: str
    model_options: dict[str, JsonValue] = Field(default_factory=dict)
    task: dict[str, JsonValue] = Field(
        default_factory=dict, description="settings of the task, such as margin for embed, where they are not its own"
    )
    preprocessing: Preprocessing
    stored_size: tuple[PositiveInt, PositiveInt] | None = Field(
        default=None,
        description="height and width of training pictures before a crop; null: the preprocessing's",
    )
    augment: tuple[Augmentation, ...] = ()
    mix: Mix | None = Field(default=None, description="what makes one example of two: mixup, CutMix")
    resize: Resize | None = Field(default=None, description="smaller pictures at first; null: always full ones")
    spec_mask: SpecMask | None = Field(
        default=None, description="parts of sounds' spectrograms that are hidden (arXiv 1904.08779); null: none"
    )
    batch_size: PositiveInt = 64
    epochs: PositiveFloat = 10
    optimizer: Optimizer = Sgd()
    schedule: Schedule = Field(default_factory=Schedule)
    loss: Literal["cross_entropy", "binary", "dice"] = Field(
        default="cross_entropy",
        description="binary: each class for itself (arXiv 2110.00476, section 3.1); dice: of masks, cross-entropy and "
        "the soft Dice of each class",
    )
    distill: Distill | None = Field(default=None, description="what a teacher counts; null: there is none")
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    balance: Literal["none", "sampling", "weights", "logits"] = Field(
        default="none", description="what makes up for classes of unequal size; see training/criterion.py"
    )
    repeats: PositiveInt = Field(default=1, description="how often an example comes, augmented anew (arXiv 2105.13343)")
    frozen: int = Field(default=0, ge=0, description="stages, counted from the stem, that do not learn")
    whiten: bool = Field(
        default=False, description="the first layer whitens the training set's patches, and does not learn"
    )
    rate_decay: float = Field(
        default=1.0, gt=0, le=1, description="each stage's rate, as a share of the next one's (arXiv 1801.06146)"
    )
    sync_norm: bool = Field(default=False, description="batch normalisation over all processes' examples together")
    clip_norm: PositiveFloat | None = Field(default=None, description="the gradient's longest length; null: any")
    learn_from: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="share of each batch, of the largest losses, to learn from (arXiv 1910.00762)",
    )
    sharpness: PositiveFloat | None = Field(
        default=None, description="rho, how far SAM ascends before it takes the gradient (arXiv 2010.01412); null: not"
    )
    lookahead: Lookahead | None = Field(default=None, description="slow weights (arXiv 1907.08610); null: none")
    average: float | None = Field(default=None, gt=0, lt=1, description="decay of the weights' moving average (EMA)")
    validate_every: PositiveFloat = Field(default=1, description="epochs between two validations; one ends the run")
    patience: PositiveInt | None = Field(
        default=None,
        description="stop after so many epochs without a better validation; keep the best. null: never",
    )
    precision: Literal["float32", "bfloat16", "auto"] = Field(
        default="float32",
        description="auto: what the machine that begins the run is faster in; a run's recipe names it",
    )
    channels_last: bool = True
    fake_int8: bool = Field(
        default=False, description="training computes as int8 would (arXiv 1712.05877); the weights stay float"
    )
    reasons: dict[str, str] = Field(default_factory=dict)

    def steps(self, count: int) -> int:
        """Optimiser steps for `count` training examples."""
        return max(1, steps_for(self.epochs, count, self.batch_size))

    @property
    def stored(self) -> Spec:
        """How training examples are kept: as the preprocessing says, pictures at `stored_size`."""
        if self.stored_size is None or not isinstance(self.preprocessing, ImageSpec):
            return self.preprocessing
        height, width = self.stored_size
        return self.preprocessing.model_copy(update={"height": height, "width": width})


def changed(recipe: Recipe, changes: Mapping[str, str]) -> Recipe:
    """The recipe with dotted keys set to new values, each JSON or a bare word: what `--set` does.

    Raises:
        WrongUse: a key that the recipe does not have, or a value that does not fit it.
    """
    data = recipe.model_dump(mode="json")
    for key, text in changes.items():
        *path, last = key.split(".")
        place = data
        for part in path:
            place = _inside(place, part, key)
        # Options of a network or a task are checked by these themselves.
        if place is not data["model_options"] and place is not data["task"]:
            _inside(place, last, key)
        place[last] = _value(text)
        data["reasons"][key] = "set by you"
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        raise WrongUse(in_one_line(error, "--set", list(Recipe.model_fields))) from None


def _inside(place: Any, part: str, key: str) -> Any:
    if not isinstance(place, dict) or part not in place:
        names = list(place) if isinstance(place, dict) else []
        raise WrongUse(f"--set {key}: the recipe has no {part} there{nearest(part, names)}")
    return place[part]


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def write_recipe(recipe: Recipe, path: Path) -> None:
    """Writes the recipe as JSON."""
    with atomic_write(path) as file:
        file.write(recipe.model_dump_json(indent=2) + "\n")


def read_recipe(path: Path) -> Recipe:
    """Reads a recipe that `write_recipe` wrote.

    Raises:
        PlusxError: it cannot be read, or is no recipe.
    """
    try:
        return Recipe.model_validate_json(path.read_text())
    except OSError as error:
        raise PlusxError(f"{path}: cannot be read: {error.strerror}") from None
    except ValidationError as error:
        raise PlusxError(in_one_line(error, str(path), list(Recipe.model_fields))) from None
