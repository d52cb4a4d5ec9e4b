"""One class an example."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from jaxtyping import Float, Int
from pydantic import Field

from plusx.tasks.asked import Asked, class_asked
from plusx.tasks.base import AnswerType, TaskBase
from plusx.tasks.figures import precision_recall_f1
from plusx.tasks.softmax import averaged, log_softmax, softmax
from plusx.tasks.temperature import best_temperature
from plusx.words import percent

if TYPE_CHECKING:
    from torch import Tensor

CALIBRATION_BINS = 15


class Classify(TaskBase):
    """The task of naming the one class of an example.

    >>> import numpy as np
    >>> Classify().answers(np.array([[0.0, np.log(3.0)]]), ["cat", "dog"], top=1)[0]["label"]
    'dog'
    """

    name: Literal["classify"] = "classify"
    temperature: float = Field(default=1.0, gt=0, description="what outputs are divided by before the softmax")

    ANSWER: ClassVar[Mapping[str, AnswerType]] = {"label": "text", "probability": "number", "top": "ranked"}
    BALANCES: ClassVar[tuple[str, ...]] = ("sampling", "weights", "logits")
    CALIBRATES: ClassVar[bool] = True

    def network_options(self, classes: Sequence[str]) -> dict[str, Any]:
        """What the task asks of a network: a linear head with an output a class."""
        return {"head": "linear", "num_classes": len(classes)}

    def made_up(self, count: int, classes: Sequence[str]) -> Int[np.ndarray, " count"]:
        """Every class in turn."""
        return np.arange(count) % len(classes)

    def losses(
        self, outputs: Float[Tensor, "batch classes"], targets: Tensor, smoothing: float = 0.0
    ) -> Float[Tensor, " batch"]:
        """Each example's cross-entropy; `smoothing` is the share of the target spread over all classes
        (arXiv 1512.00567). Targets are classes `(batch,)`, or shares of them `(batch, classes)` that sum to 1."""
        from torch.nn.functional import cross_entropy

        return cross_entropy(outputs, targets, label_smoothing=smoothing, reduction="none")

    def hits(self, outputs: Float[Tensor, "batch classes"], targets: Tensor) -> Int[Tensor, ""]:
        """How many of a batch are right: what a training's accuracy is counted from. Of shares the largest counts."""
        classes = targets if targets.ndim == 1 else targets.argmax(1)
        return (outputs.argmax(1) == classes).sum()

    def probabilities(self, outputs: Float[np.ndarray, "count classes"]) -> Float[np.ndarray, "count classes"]:
        """Each class's; a row sums to 1."""
        return softmax(outputs / self.temperature)

    def readable(self, outputs: Float[Tensor, "batch classes"]) -> dict[str, Tensor]:
        """`probabilities` `(batch, classes)`, those of `probabilities` here."""
        return {"probabilities": (outputs / self.temperature).softmax(1)}

    def columns(self, outputs: Float[np.ndarray, "count classes"], classes: Sequence[str]) -> dict[str, np.ndarray]:
        """Each class's probability."""
        return {f"probability_{label}": own for label, own in zip(classes, self.probabilities(outputs).T, strict=True)}

    def averaged(self, outputs: Sequence[Float[np.ndarray, "batch classes"]]) -> Float[np.ndarray, "batch classes"]:
        """The outputs whose probabilities are the mean of these outputs' probabilities, in float64.

        >>> import numpy as np
        >>> softmax(Classify().averaged([np.log([[0.2, 0.8]]), np.log([[0.4, 0.6]])])).round(6).tolist()
        [[0.3, 0.7]]
        """
        return self.temperature * averaged([one / self.temperature for one in outputs])

    def calibrated(self, batches: Iterable[tuple[np.ndarray, np.ndarray]]) -> Self:
        """The task with the temperature at which these examples are likeliest (arXiv 1706.04599, section 4.2)."""
        outputs, targets = (np.concatenate(parts) for parts in zip(*batches, strict=True))
        return self.model_copy(update={"temperature": best_temperature(outputs, targets)})

    def over(self, folds: Sequence[TaskBase]) -> Self:
        """Without a temperature: `restated` has taken each fold's own into its outputs."""
        return self.model_copy(update={"temperature": 1.0})

    def restated(self, outputs: Float[np.ndarray, "count classes"], by: TaskBase) -> Float[np.ndarray, "count classes"]:
        """The same probabilities at this task's temperature."""
        assert isinstance(by, Classify)
        return outputs * (self.temperature / by.temperature)

    def answers(
        self, outputs: Float[np.ndarray, "batch classes"], classes: Sequence[str], top: int = 5
    ) -> list[dict[str, Any]]:
        """For each example its label, the label's probability, and the `top` likeliest labels, best first."""
        probabilities = self.probabilities(outputs)
        best = np.argsort(-probabilities, axis=1, kind="stable")[:, : min(top, len(classes))]
        answers: list[dict[str, Any]] = []
        for row, order in zip(probabilities, best, strict=True):
            ranked = [{"label": classes[index], "probability": float(row[index])} for index in order]
            answers.append({**ranked[0], "top": ranked})
        return answers

    def asked(
        self, outputs: Float[np.ndarray, "batch classes"], classes: Sequence[str], label: str | None = None
    ) -> list[Asked]:
        """The label, or the likeliest one; what is explained is its logit."""
        return class_asked(self.probabilities(outputs), classes, label)

    def words(self, answer: Mapping[str, Any]) -> str:
        """The label, how sure it is, and the next two.

        >>> Classify().words({"label": "cat", "probability": 0.9, "top": [{}, {"label": "dog", "probability": 0.1}]})
        'cat 90.00 % (dog 10.00 %)'
        """
        others = ", ".join(f"{other['label']} {percent(other['probability'])}" for other in answer["top"][1:3])
        return f"{answer['label']} {percent(answer['probability'])}" + (f" ({others})" if others else "")

    def scores(
        self,
        outputs: Float[np.ndarray, "count classes"],
        targets: Int[np.ndarray, " count"],
        classes: Sequence[str],
    ) -> dict[str, Any]:
        """Accuracy, top-5, loss, calibration error, precision/recall/F1 a class, and the confusion matrix.

        Shares are of 1; a class that is never predicted has precision 0, one that never occurs recall 0. The
        calibration error is the expected one over 15 equal bins (arXiv 1706.04599). Rows of the confusion matrix are
        the true classes, columns the predicted.

        Raises:
            ValueError: there is no example.
        """
        if len(targets) == 0:
            raise ValueError("no example to score")
        probabilities = self.probabilities(outputs)
        predicted = outputs.argmax(1)
        confusion = np.zeros((len(classes), len(classes)), dtype=np.int64)
        np.add.at(confusion, (targets, predicted), 1)
        return {
            "count": len(targets),
            "accuracy": float((predicted == targets).mean()),
            "top5": top_k(outputs, targets, 5),
            "loss": float(-log_softmax(outputs / self.temperature)[np.arange(len(targets)), targets].mean()),
            "calibration_error": calibration_error(probabilities, targets),
            "per_class": _per_class(confusion, classes),
            "confusion": confusion.tolist(),
        }


def top_k(outputs: Float[np.ndarray, "count classes"], targets: Int[np.ndarray, " count"], k: int) -> float:
    """The share of examples whose class is among the `k` likeliest; between equals the earlier class counts first."""
    own = outputs[np.arange(len(targets)), targets][:, None]
    earlier = np.arange(outputs.shape[1])[None] < targets[:, None]
    ahead = (outputs > own) | ((outputs == own) & earlier)
    return float((ahead.sum(axis=1) < k).mean())


def calibration_error(probabilities: Float[np.ndarray, "count classes"], targets: Int[np.ndarray, " count"]) -> float:
    """The mean gap between how sure the answers are and how often they are right, over bins of equal width."""
    sure, right, count = reliability(probabilities, targets).T
    return float((np.abs(sure - right) * count).sum() / len(targets))


def reliability(
    probabilities: Float[np.ndarray, "count classes"], targets: Int[np.ndarray, " count"]
) -> Float[np.ndarray, "bins 3"]:
    """For each bin that has answers: the mean of how sure they are, the share that is right, how many there are.

    >>> reliability(np.array([[0.9, 0.1], [0.9, 0.1]]), np.array([0, 1])).round(2).tolist()
    [[0.9, 0.5, 2.0]]
    """
    sure, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == targets
    # Bins are open on the left: a confidence of exactly 1/15 belongs to the first.
    bins = np.clip(np.ceil(sure * CALIBRATION_BINS).astype(int) - 1, 0, CALIBRATION_BINS - 1)
    count = np.bincount(bins, minlength=CALIBRATION_BINS)
    sums = [np.bincount(bins, weights=one, minlength=CALIBRATION_BINS) for one in (sure, right)]
    there = count > 0
    return np.stack([sums[0][there] / count[there], sums[1][there] / count[there], count[there]], axis=1)


def _per_class(confusion: Int[np.ndarray, "classes classes"], classes: Sequence[str]) -> list[dict[str, Any]]:
    actual = confusion.sum(axis=1)
    figures = precision_recall_f1(np.diag(confusion), confusion.sum(axis=0), actual)
    return [
        {"label": label, "count": int(n), "precision": float(p), "recall": float(r), "f1": float(f)}
        for label, n, p, r, f in zip(classes, actual, *figures, strict=True)
    ]
