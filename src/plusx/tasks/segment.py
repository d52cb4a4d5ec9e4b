"""A class for each pixel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from jaxtyping import Float, Int, UInt8

from plusx.tasks.base import AnswerType, TaskBase
from plusx.tasks.regions import MaskScores
from plusx.tasks.softmax import averaged, softmax
from plusx.words import percent

if TYPE_CHECKING:
    from torch import Tensor

IGNORED = 255
SHOWN = 3


class Segment(TaskBase):
    """The task of naming the class of every pixel; 255 in a mask is ignored, in losses and in scores.

    >>> outputs = np.zeros((1, 2, 1, 4))
    >>> outputs[0, 1, 0, :3] = 5
    >>> answer = Segment().answers(outputs, ["sky", "road"])[0]
    >>> answer["label"], answer["shares"][0]
    ('road|sky', {'label': 'road', 'share': 0.75})
    """

    name: Literal["segment"] = "segment"

    ANSWER: ClassVar[Mapping[str, AnswerType]] = {"label": "text", "shares": "shares", "mask": "text"}
    HEADS: ClassVar[tuple[str, ...]] = ("unet", "fcn", "deeplab")
    AT_ONCE: ClassVar[int] = 8
    CLASSES: ClassVar[bool] = False
    BULKY: ClassVar[bool] = True
    WHOLE: ClassVar[bool] = True
    VIEWS: ClassVar[tuple[str, ...]] = ("mirror",)

    def network_options(self, classes: Sequence[str]) -> dict[str, Any]:
        """What the task asks of a network, beside one of its heads: an output a class."""
        return {"num_classes": len(classes)}

    def made_up(self, count: int, classes: Sequence[str]) -> UInt8[np.ndarray, "count height=1 width=1"]:
        """Every class in turn, one an example."""
        return (np.arange(count) % len(classes)).astype(np.uint8).reshape(-1, 1, 1)

    def losses(
        self,
        outputs: Float[Tensor, "batch classes height width"],
        targets: Int[Tensor, "batch height width"],
        smoothing: float = 0.0,
    ) -> Float[Tensor, " batch"]:
        """Each example's cross-entropy, the mean over its pixels that are not ignored."""
        from torch.nn.functional import cross_entropy

        each = cross_entropy(outputs, targets, ignore_index=IGNORED, label_smoothing=smoothing, reduction="none")
        return each.sum((1, 2)) / (targets != IGNORED).sum((1, 2)).clamp(min=1)

    def losses_with_dice(
        self,
        outputs: Float[Tensor, "batch classes height width"],
        targets: Int[Tensor, "batch height width"],
        smoothing: float = 0.0,
    ) -> Float[Tensor, " batch"]:
        """`losses`, and 1 less the soft Dice (arXiv 1606.04797, section 3) that the example's classes have on average.

        Small classes count as much in it as large ones.
        """
        from torch.nn.functional import one_hot

        asked = targets != IGNORED
        there = one_hot(targets.where(asked, 0), outputs.shape[1]).movedim(-1, 1) * asked[:, None]
        likely = outputs.softmax(1) * asked[:, None]
        size = there.sum((2, 3))
        dice = (2 * (likely * there).sum((2, 3)) + 1) / (likely.sum((2, 3)) + size + 1)
        occurs = (size > 0).to(dice.dtype)
        mean = (dice * occurs).sum(1) / occurs.sum(1).clamp(min=1)
        return self.losses(outputs, targets, smoothing) + 1 - mean

    def hits(
        self, outputs: Float[Tensor, "batch classes height width"], targets: Int[Tensor, "batch height width"]
    ) -> Float[Tensor, ""]:
        """The share of each example's pixels that are right, summed over the batch."""
        asked = targets != IGNORED
        right = ((outputs.argmax(1) == targets) & asked).sum((1, 2))
        return (right.double() / asked.sum((1, 2)).clamp(min=1)).sum()

    def probabilities(
        self, outputs: Float[np.ndarray, "count classes height width"]
    ) -> Float[np.ndarray, "count classes height width"]:
        """Each class's at each pixel; over the classes they sum to 1."""
        return softmax(outputs)

    def averaged(
        self, outputs: Sequence[Float[np.ndarray, "batch classes height width"]]
    ) -> Float[np.ndarray, "batch classes height width"]:
        """The outputs whose probabilities are the mean of these outputs' probabilities, in float64."""
        return averaged(outputs)

    def answers(
        self, outputs: Float[np.ndarray, "batch classes height width"], classes: Sequence[str], top: int = 5
    ) -> list[dict[str, Any]]:
        """For each example what `answer` says of its mask."""
        return [self.answer(mask, classes, top) for mask in outputs.argmax(1).astype(np.uint8)]

    def answer(self, mask: UInt8[np.ndarray, "height width"], classes: Sequence[str], top: int = 5) -> dict[str, Any]:
        """The classes in a mask joined by `|`, the largest first, and the `top` largest's shares of its pixels.

        `mask` is where it was written, None where it was not.
        """
        counts = np.bincount(mask.ravel(), minlength=256)[: len(classes)]
        order = [int(place) for place in np.argsort(-counts, kind="stable") if counts[place]]
        total = max(int(counts.sum()), 1)
        shares = [{"label": classes[place], "share": float(counts[place] / total)} for place in order[:top]]
        return {"label": "|".join(classes[place] for place in order), "shares": shares, "mask": None}

    def truth(self, target: UInt8[np.ndarray, "height width"], classes: Sequence[str]) -> str:
        """The largest classes with their shares."""
        return self.words(self.answer(target, classes, SHOWN)) or "nothing asked"

    def words(self, answer: Mapping[str, Any]) -> str:
        """The largest classes with their shares.

        >>> Segment().words({"label": "sky|sea", "shares": [{"label": "sky", "share": 0.9}], "mask": None})
        'sky 90.00 %'
        """
        shown = ", ".join(f"{one['label']} {percent(one['share'])}" for one in answer["shares"][:SHOWN])
        return f"{shown} -> {answer['mask']}" if answer["mask"] else shown

    def scores(
        self,
        outputs: Float[np.ndarray, "count classes height width"],
        targets: UInt8[np.ndarray, "count height width"],
        classes: Sequence[str],
    ) -> dict[str, Any]:
        """As `scores_in_batches`, of one batch."""
        return self.scores_in_batches([(outputs, targets)], classes)

    def scores_in_batches(
        self, batches: Iterable[tuple[np.ndarray, np.ndarray]], classes: Sequence[str]
    ) -> dict[str, Any]:
        """What `plusx.tasks.regions.MaskScores` counts.

        Raises:
            ValueError: there is no example.
        """
        found = MaskScores(len(classes))
        for outputs, targets in batches:
            found.add(outputs, targets)
        return found.scores(classes)
