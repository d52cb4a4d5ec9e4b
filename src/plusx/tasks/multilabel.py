"""Any number of labels an example."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from jaxtyping import Float, Int, UInt8
from pydantic import Field

from plusx.tasks.asked import Asked, class_asked
from plusx.tasks.base import AnswerType, TaskBase
from plusx.tasks.figures import precision_recall_f1
from plusx.words import percent

if TYPE_CHECKING:
    from torch import Tensor


class Multilabel(TaskBase):
    """The task of naming all the labels of an example, or none: a yes or no for each.

    The network's outputs are log odds; a label is named where its probability reaches the threshold, one half.

    >>> import numpy as np
    >>> answer = Multilabel().answers(np.array([[2.0, -1.0, 3.0]]), ["cat", "dog", "bird"], top=1)[0]
    >>> answer["label"], answer["labels"], round(answer["probability"], 2)
    ('cat|bird', ['cat', 'bird'], 0.95)
    """

    name: Literal["multilabel"] = "multilabel"
    threshold: float = Field(default=0.5, gt=0, lt=1, description="the probability from which on a label is named")

    ANSWER: ClassVar[Mapping[str, AnswerType]] = {
        "label": "text",
        "labels": "texts",
        "probability": "number",
        "top": "ranked",
    }

    def network_options(self, classes: Sequence[str]) -> dict[str, Any]:
        """What the task asks of a network: a linear head with an output a class."""
        return {"head": "linear", "num_classes": len(classes)}

    def made_up(self, count: int, classes: Sequence[str]) -> UInt8[np.ndarray, "count classes"]:
        """Every label in turn, one an example."""
        return np.eye(len(classes), dtype=np.uint8)[np.arange(count) % len(classes)]

    def losses(
        self, outputs: Float[Tensor, "batch classes"], targets: Float[Tensor, "batch classes"], smoothing: float = 0.0
    ) -> Float[Tensor, " batch"]:
        """Each example's binary cross-entropy, the mean over its classes.

        Targets are 1 for a label and 0 for none, or any share between. `smoothing` is the share of each target that is
        taken by one half (arXiv 1512.00567 for the two outcomes, label and none).
        """
        from torch.nn.functional import binary_cross_entropy_with_logits

        shares = targets.to(outputs.dtype) * (1 - smoothing) + smoothing / 2
        return binary_cross_entropy_with_logits(outputs, shares, reduction="none").mean(1)

    def hits(self, outputs: Float[Tensor, "batch classes"], targets: Float[Tensor, "batch classes"]) -> Int[Tensor, ""]:
        """How many of a batch have exactly the right labels: what a training's accuracy is counted from."""
        return ((outputs >= self._least) == (targets >= 0.5)).all(1).sum()

    @property
    def _least(self) -> float:
        """The log odds from which on a label is named."""
        return math.log(self.threshold / (1 - self.threshold))

    def probabilities(self, outputs: Float[np.ndarray, "count classes"]) -> Float[np.ndarray, "count classes"]:
        """Each label's own; rows do not sum to 1."""
        return sigmoid(outputs)

    def readable(self, outputs: Float[Tensor, "batch classes"]) -> dict[str, Tensor]:
        """`probabilities` `(batch, classes)`, each label's by itself."""
        return {"probabilities": outputs.sigmoid()}

    def columns(self, outputs: Float[np.ndarray, "count classes"], classes: Sequence[str]) -> dict[str, np.ndarray]:
        """Each class's probability."""
        return {f"probability_{label}": own for label, own in zip(classes, self.probabilities(outputs).T, strict=True)}

    def averaged(self, outputs: Sequence[Float[np.ndarray, "batch classes"]]) -> Float[np.ndarray, "batch classes"]:
        """The outputs whose probabilities are the mean of these outputs' probabilities, in float64.

        >>> import numpy as np
        >>> sigmoid(Multilabel().averaged([np.log([[0.2 / 0.8]]), np.log([[0.4 / 0.6]])])).round(6).tolist()
        [[0.3]]
        """
        every = np.stack(outputs).astype(np.float64)
        # Yes and no each from their logarithms: of a mean near 1, 1 less the mean would keep no digit.
        yes, no = (np.logaddexp.reduce(-np.logaddexp(0, odds)) for odds in (-every, every))
        return yes - no

    def answers(
        self, outputs: Float[np.ndarray, "batch classes"], classes: Sequence[str], top: int = 5
    ) -> list[dict[str, Any]]:
        """For each example its labels, in the order of the classes, and the `top` likeliest of all, best first.

        `labels` lists them, `label` joins them by `|` ("" where there is none), `probability` is the likeliest
        class's, named or not. Probabilities are each class's own: they do not sum to 1.
        """
        probabilities = sigmoid(outputs)
        best = np.argsort(-probabilities, axis=1, kind="stable")[:, : min(top, len(classes))]
        answers: list[dict[str, Any]] = []
        for named, row, order in zip(outputs >= self._least, probabilities, best, strict=True):
            labels = [label for label, yes in zip(classes, named, strict=True) if yes]
            ranked = [{"label": classes[index], "probability": float(row[index])} for index in order]
            answers.append(
                {"label": "|".join(labels), "labels": labels, "probability": ranked[0]["probability"], "top": ranked}
            )
        return answers

    def truth(self, target: UInt8[np.ndarray, " classes"], classes: Sequence[str]) -> str:
        """The labels, joined by `|`."""
        return "|".join(classes[place] for place in np.flatnonzero(target).tolist()) or "none"

    def asked(
        self, outputs: Float[np.ndarray, "batch classes"], classes: Sequence[str], label: str | None = None
    ) -> list[Asked]:
        """The label, or the likeliest one; what is explained is its logit."""
        return class_asked(self.probabilities(outputs), classes, label)

    def words(self, answer: Mapping[str, Any]) -> str:
        """The labels, and the three likeliest with how sure each is."""
        figures = ", ".join(f"{other['label']} {percent(other['probability'])}" for other in answer["top"][:3])
        return f"{answer['label'] or 'none'} ({figures})"

    def scores(
        self,
        outputs: Float[np.ndarray, "count classes"],
        targets: UInt8[np.ndarray, "count classes"],
        classes: Sequence[str],
    ) -> dict[str, Any]:
        """Accuracy, Hamming loss, F1, mean average precision, loss, and precision/recall/F1/average precision a class.

        Shares are of 1. Accuracy counts examples whose labels are exactly right, Hamming loss the wrong ones of all
        yeses and noes. F1 is over all of these together (micro) and as the mean over classes (macro), where a class
        that is neither there nor named has 0; the mean average precision is over the classes that occur.

        Raises:
            ValueError: there is no example.
        """
        if len(targets) == 0:
            raise ValueError("no example to score")
        named, there = outputs >= self._least, targets == 1
        counts = np.stack([(named & there).sum(0), named.sum(0), there.sum(0)])
        figures = np.stack([*precision_recall_f1(*counts), average_precisions(outputs, there)])
        occur = counts[2] > 0
        names = ("precision", "recall", "f1", "average_precision")
        return {
            "count": len(targets),
            "accuracy": float((named == there).all(axis=1).mean()),
            "hamming_loss": float((named != there).mean()),
            "f1_micro": float(precision_recall_f1(*counts.sum(axis=1, keepdims=True))[2, 0]),
            "f1_macro": float(figures[2].mean()),
            "mean_average_precision": float(figures[3][occur].mean()) if occur.any() else 0.0,
            "loss": float((np.logaddexp(0, outputs.astype(np.float64)) - outputs * there).mean()),
            "per_class": [
                {"label": label, "count": int(count), **dict(zip(names, own.tolist(), strict=True))}
                for label, count, own in zip(classes, counts[2], figures.T, strict=True)
            ],
        }


def sigmoid(outputs: Float[np.ndarray, "count classes"]) -> Float[np.ndarray, "count classes"]:
    """Each class's own probability, in float64, without overflow.

    >>> sigmoid(np.array([[-1000.0, 0.0, 1000.0]])).tolist()
    [[0.0, 0.5, 1.0]]
    """
    return np.exp(-np.logaddexp(0, -outputs.astype(np.float64)))


def average_precisions(outputs: Float[np.ndarray, "count classes"], there: np.ndarray) -> Float[np.ndarray, " classes"]:
    """The mean precision over each class's examples, ranked by its output; 0 for a class that never occurs.

    An example's precision is the share of the class's among all that rank as high as it or higher.

    >>> average_precisions(np.array([[0.9], [0.8], [0.1]]), np.array([[True], [False], [True]])).round(3).tolist()
    [0.833]
    """
    return np.array([_average_precision(-own, yes) for own, yes in zip(outputs.T, there.T, strict=True)])


def _average_precision(ranks: Float[np.ndarray, " count"], there: np.ndarray) -> float:
    if not there.any():
        return 0.0
    own = np.sort(ranks[there])
    # Equals rank together, so that their order in the file says nothing.
    found = np.searchsorted(own, own, side="right")
    return float((found / np.searchsorted(np.sort(ranks), own, side="right")).mean())
