"""Numbers of an example, each with the interval that holds it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
from jaxtyping import Float, Float32, Int
from pydantic import Field, FiniteFloat

from plusx.data.sources import Samples
from plusx.errors import PlusxError
from plusx.tasks.asked import Asked, place_of
from plusx.tasks.base import AnswerType, TaskBase
from plusx.words import numbers, percent

if TYPE_CHECKING:
    from torch import Tensor

# Of a target's deviation; so that no width divides by zero.
LEAST_WIDTH = 1e-6
KEPT_AS_THEY_ARE = "what is turned, mirrored, resized or cut may have another number"
Outputs = Float[np.ndarray, "count outputs"]
"""Each target's value, then each one's width (before softplus), both in units of the training targets' deviation."""


class Intervals(NamedTuple):
    """Values and the widths around them, in the targets' own units: `(count, targets)` each."""

    values: Float[np.ndarray, "count targets"]
    widths: Float[np.ndarray, "count targets"]


class Regress(TaskBase):
    """The task of saying numbers, each with an interval that holds it as often as `coverage` says.

    The network learns targets less their `mean`, over their `std`. It also learns for each example how far off its
    value may be, and after the training the validation examples say by which `scale` these widths must be taken so
    that new examples of the same kind are covered: split-conformal prediction with locally weighted residuals
    (arXiv 1604.04173, sections 2.2 and 5.2). Without enough of these examples there is no scale, and no interval.

    >>> import numpy as np
    >>> task = Regress(mean=(20.0,), std=(2.0,), scale=(1.0,))
    >>> answer = task.answers(np.array([[1.5, np.log(np.e - 1)]]), ["age"])[0]
    >>> answer["value"], round(answer["low"], 6), round(answer["high"], 6)
    (23.0, 21.0, 25.0)
    """

    name: Literal["regress"] = "regress"
    mean: tuple[FiniteFloat, ...] = Field(min_length=1, description="of each target, over the training examples")
    std: tuple[Annotated[FiniteFloat, Field(gt=0)], ...] = Field(description="of each target, over the same")
    coverage: float = Field(default=0.9, gt=0, lt=1, description="the share of new examples that intervals hold")
    scale: tuple[Annotated[FiniteFloat, Field(ge=0)], ...] | None = Field(
        default=None, description="what a learnt width of each target must be multiplied by; null: not calibrated"
    )

    ANSWER: ClassVar[Mapping[str, AnswerType]] = {
        "label": "text",
        "probability": "number",
        "value": "number",
        "low": "number",
        "high": "number",
    }
    CLASSES: ClassVar[bool] = False
    CALIBRATES: ClassVar[bool] = True
    MEASURE: ClassVar[str] = "skill"
    JUDGED_BY: ClassVar[tuple[str, ...]] = ("mae", "rmse", "r2", "coverage", "width")
    FALLS: ClassVar[bool] = True
    OUTPUTS: ClassVar[str] = "targets"
    MOVED_ONLY: ClassVar[str] = KEPT_AS_THEY_ARE
    SUITED: ClassVar[Mapping[str, tuple[Any, str]]] = {
        "stored_size": (None, KEPT_AS_THEY_ARE),
        "label_smoothing": (0.0, "numbers are no classes to spread a target over"),
    }

    @classmethod
    def of(cls, samples: Samples) -> Self:
        """The task with the mean and deviation of these targets; a target that never changes has the deviation 1."""
        targets = samples.targets.astype(np.float64)
        std = targets.std(axis=0)
        return cls(mean=tuple(targets.mean(axis=0).tolist()), std=tuple(np.where(std > 0, std, 1.0).tolist()))

    @property
    def parts(self) -> Mapping[str, AnswerType]:
        """A number each; of several targets, as many in the targets' order."""
        several: dict[str, AnswerType] = {"value": "numbers", "low": "numbers", "high": "numbers"}
        return self.ANSWER if len(self.mean) == 1 else {**self.ANSWER, **several}

    def network_options(self, classes: Sequence[str]) -> dict[str, Any]:
        """A head with a value and a width for each target.

        Raises:
            PlusxError: the task was made for another number of targets.
        """
        if not len(self.mean) == len(self.std) == len(self.scale or self.mean) == len(classes):
            raise PlusxError(f"the task knows {len(self.mean)} targets, and there are {len(classes)}; train it again")
        return {"head": "numbers", "num_classes": len(classes)}

    def made_up(self, count: int, classes: Sequence[str]) -> Float32[np.ndarray, "count targets"]:
        """Normally distributed numbers with the targets' mean and deviation."""
        drawn = np.random.default_rng(0).normal(size=(count, len(classes)))
        return (np.array(self.mean) + np.array(self.std) * drawn).astype(np.float32)

    def losses(
        self, outputs: Float[Tensor, "batch outputs"], targets: Float[Tensor, "batch targets"], smoothing: float = 0.0
    ) -> Float[Tensor, " batch"]:
        """Each example's smooth L1 loss of the values, and the quantile loss of the widths, their mean over targets.

        The width learns the quantile `coverage` of how far the value is off (the pinball loss of Koenker and Bassett,
        Econometrica 1978), and leaves the value alone. There is nothing to smooth.
        """
        import torch
        from torch.nn.functional import smooth_l1_loss, softplus

        mean, std = (torch.tensor(one, device=outputs.device) for one in (self.mean, self.std))
        wanted = (targets - mean) / std
        values, widths = outputs.float().chunk(2, dim=1)
        beyond = (values.detach() - wanted).abs() - softplus(widths)
        pinball = torch.maximum(self.coverage * beyond, (self.coverage - 1) * beyond)
        return (smooth_l1_loss(values, wanted, reduction="none") + pinball).mean(1)

    def hits(self, outputs: Float[Tensor, "batch outputs"], targets: Float[Tensor, "batch targets"]) -> Tensor:
        """The sum over a batch of 1 less the squared error, in units of the training targets' variance.

        Its mean is the skill: 1 is perfect, 0 as good as the training's mean, and it may be below.
        """
        import torch

        mean, std = (torch.tensor(one, device=outputs.device) for one in (self.mean, self.std))
        values, _ = outputs.float().chunk(2, dim=1)
        return (1 - (values - (targets - mean) / std).square().mean(1)).sum()

    def calibrated(self, batches: Iterable[tuple[np.ndarray, np.ndarray]]) -> Self:
        """The task with the scale at which `coverage` of these examples, and by a hair more, are held.

        Of n examples the residual of rank ceil((n + 1) coverage) decides, over its width: then a further example of
        the same distribution is held with that probability at least. With fewer than are needed for that rank, 9 for
        a coverage of 0.9, there is no scale.
        """
        outputs, targets = (np.concatenate(parts) for parts in zip(*batches, strict=True))
        values, widths = self._learnt(outputs)
        rank = math.ceil((len(targets) + 1) * self.coverage)
        if rank > len(targets):
            return self.model_copy(update={"scale": None})
        ratios = np.sort(np.abs(targets - values) / widths, axis=0)
        return self.model_copy(update={"scale": tuple(ratios[rank - 1].tolist())})

    def over(self, folds: Sequence[TaskBase]) -> Self:
        """Calibrated where all folds are: their scales are then in the widths that `restated` gives."""
        alike = all(isinstance(fold, Regress) and fold.scale is not None for fold in folds)
        return self.model_copy(update={"scale": (1.0,) * len(self.mean) if alike else None})

    def restated(self, outputs: Outputs, by: TaskBase) -> Outputs:
        """The same values and intervals in this task's units, as outputs of a network that was trained for it."""
        assert isinstance(by, Regress)
        values, widths = by._learnt(outputs)
        # The other's own calibration goes into the widths; without any, they stay as they were learnt.
        widths = widths * np.array(by.scale or 1.0) / np.array(self.std)
        return np.concatenate([(values - np.array(self.mean)) / np.array(self.std), _inverse_softplus(widths)], axis=1)

    def averaged(self, outputs: Sequence[Outputs]) -> Outputs:
        """The mean of the outputs, in float64."""
        return np.mean(np.stack(outputs).astype(np.float64), axis=0)

    def intervals(self, outputs: Outputs) -> Intervals | None:
        """The values, and the half widths of their intervals; None where the task is not calibrated."""
        learnt = self._learnt(outputs)
        return None if self.scale is None else learnt._replace(widths=learnt.widths * np.array(self.scale))

    def readable(self, outputs: Float[Tensor, "batch outputs"]) -> dict[str, Tensor]:
        """`values` `(batch, targets)` in the targets' own units; where the task is calibrated, `low` and `high` too."""
        from torch.nn.functional import softplus

        values, widths = outputs.chunk(2, dim=1)
        std = outputs.new_tensor(self.std)
        values = outputs.new_tensor(self.mean) + std * values
        if self.scale is None:
            return {"values": values}
        widths = softplus(widths).clamp(min=LEAST_WIDTH) * std * outputs.new_tensor(self.scale)
        return {"values": values, "low": values - widths, "high": values + widths}

    def answers(self, outputs: Outputs, classes: Sequence[str], top: int = 5) -> list[dict[str, Any]]:
        """For each example its `value` between `low` and `high`, `label` the value as text, and as `probability` the
        coverage of the intervals. Without calibration the last three are None."""
        values, _ = self._learnt(outputs)
        found = self.intervals(outputs)
        answers: list[dict[str, Any]] = []
        for row, own in enumerate(values):
            answer: dict[str, Any] = {"label": numbers(own.tolist(), classes), "probability": None}
            answer |= {"value": self._shown(own), "low": None, "high": None}
            if found is not None:
                low, high = own - found.widths[row], own + found.widths[row]
                answer |= {"probability": self.coverage, "low": self._shown(low), "high": self._shown(high)}
            answers.append(answer)
        return answers

    def truth(self, target: Float[np.ndarray, " targets"], classes: Sequence[str]) -> str:
        """The numbers, with their names where there are several."""
        return numbers(target.tolist(), classes)

    def asked(self, outputs: Outputs, classes: Sequence[str], label: str | None = None) -> list[Asked]:
        """The target of this name, or the first."""
        place = 0 if label is None else place_of(label, classes)
        return [Asked(place, classes[place], None)] * len(outputs)

    def explained(
        self, outputs: Float[Tensor, "batch outputs"], unchanged: Tensor, places: Int[Tensor, " batch"]
    ) -> Float[Tensor, " batch"]:
        """Each one's value, in the target's own unit."""
        mean, std = (outputs.new_tensor(one)[places] for one in (self.mean, self.std))
        return mean + std * outputs.gather(1, places[:, None])[:, 0]

    def words(self, answer: Mapping[str, Any]) -> str:
        """The value, and its interval.

        >>> Regress(mean=(0,), std=(1,)).words({"label": "2.5", "low": 2.25, "high": 2.75, "probability": 0.9})
        '2.5 (90.00 % between 2.25 and 2.75)'
        """
        if answer["low"] is None:
            return str(answer["label"])
        low, high = (np.atleast_1d(answer[end]).tolist() for end in ("low", "high"))
        return f"{answer['label']} ({percent(answer['probability'])} between {numbers(low)} and {numbers(high)})"

    def columns(self, outputs: Outputs, classes: Sequence[str]) -> dict[str, np.ndarray]:
        """Each target's value, and the ends of its interval."""
        values, widths = self.intervals(outputs) or self._learnt(outputs)._replace(widths=np.full((1, 1), np.nan))
        ends = {"value": values, "low": values - widths, "high": values + widths}
        return {f"{end}_{label}": own for end, all_ in ends.items() for label, own in zip(classes, all_.T, strict=True)}

    def verdict(self, scores: Mapping[str, Any]) -> str:
        """Errors, the share that is explained, and how honest the intervals are."""
        held = f", {percent(scores['coverage'])} in intervals {scores['width']:.4g} wide" if "width" in scores else ""
        return f"off by {scores['mae']:.4g} in the mean of {scores['count']:,}, R² {scores['r2']:.4f}{held}"

    def scores(
        self, outputs: Outputs, targets: Float[np.ndarray, "count targets"], classes: Sequence[str]
    ) -> dict[str, Any]:
        """Mean absolute error, root of the mean squared one, R², skill, loss, and the intervals' coverage and width.

        Each also a target; where there are several, above them is the mean. Errors and widths are in the targets' own
        units, an interval's width is from low to high. R² compares with the mean of these examples, the skill with
        that of the training's. Without calibration there is neither coverage nor width.

        Raises:
            ValueError: there is no example.
        """
        if len(targets) == 0:
            raise ValueError("no example to score")
        targets = targets.astype(np.float64)
        found = self.intervals(outputs)
        errors = self._learnt(outputs).values - targets
        figures = {
            "mae": np.abs(errors).mean(axis=0),
            "rmse": np.sqrt(np.square(errors).mean(axis=0)),
            "r2": r_squared(errors, targets),
            "skill": 1 - np.square(errors / np.array(self.std)).mean(axis=0),
        }
        if found is not None:
            figures |= {
                "coverage": (np.abs(errors) <= found.widths).mean(axis=0),
                "width": 2 * found.widths.mean(axis=0),
            }
        return {
            "count": len(targets),
            **{name: float(own.mean()) for name, own in figures.items()},
            "loss": self._loss(outputs, targets),
            "per_target": [
                {"label": label, **{name: float(own[place]) for name, own in figures.items()}}
                for place, label in enumerate(classes)
            ],
        }

    def _learnt(self, outputs: Outputs) -> Intervals:
        """Values and widths as the network learnt them, before any calibration."""
        values, widths = np.split(outputs.astype(np.float64), 2, axis=1)
        std = np.array(self.std)
        return Intervals(np.array(self.mean) + std * values, std * np.maximum(np.logaddexp(0, widths), LEAST_WIDTH))

    def _loss(self, outputs: Outputs, targets: Float[np.ndarray, "count targets"]) -> float:
        values, widths = np.split(outputs.astype(np.float64), 2, axis=1)
        off = np.abs(values - (targets - np.array(self.mean)) / np.array(self.std))
        beyond = off - np.logaddexp(0, widths)
        smooth = np.where(off < 1, np.square(off) / 2, off - 0.5)
        return float((smooth + np.maximum(self.coverage * beyond, (self.coverage - 1) * beyond)).mean())

    def _shown(self, row: Float[np.ndarray, " targets"]) -> float | list[float]:
        return float(row[0]) if len(row) == 1 else row.tolist()


def r_squared(
    errors: Float[np.ndarray, "count targets"], targets: Float[np.ndarray, "count targets"]
) -> Float[np.ndarray, " targets"]:
    """1 less the squared errors' share of the targets' own spread; of targets that are all alike 1 where nothing is
    wrong, else 0, as scikit-learn has it.

    >>> r_squared(np.array([[1.0], [0.0]]), np.array([[0.0], [2.0]])).tolist()
    [0.5]
    """
    wrong, spread = np.square(errors).sum(axis=0), np.square(targets - targets.mean(axis=0)).sum(axis=0)
    return np.where(spread > 0, 1 - wrong / np.where(spread > 0, spread, 1.0), np.where(wrong > 0, 0.0, 1.0))


def _inverse_softplus(widths: Float[np.ndarray, "count targets"]) -> Float[np.ndarray, "count targets"]:
    widths = np.maximum(widths, LEAST_WIDTH)
    return widths + np.log(-np.expm1(-widths))
