"""A class for each pixel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from jaxtyping import Float, Int, UInt8

from plusx.tasks.asked import Asked, place_of
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

    def readable(self, outputs: Float[Tensor, "batch classes height width"]) -> dict[str, Tensor]:
        """`probabilities` `(batch, classes, height, width)` of each pixel."""
        return {"probabilities": outputs.softmax(1)}

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

    def asked(
        self, outputs: Float[np.ndarray, "count classes height width"], classes: Sequence[str], label: str | None = None
    ) -> list[Asked]:
        """The label, or the largest class; the first, mostly the background, only where it is alone. The probability is
        the mean over the pixels that are answered so."""
        place = None if label is None else place_of(label, classes)
        masks, likely = outputs.argmax(1), softmax(outputs)
        return [_asked(mask, own, classes, place) for mask, own in zip(masks, likely, strict=True)]

    def explained(
        self, outputs: Float[Tensor, "batch classes height width"], unchanged: Tensor, places: Int[Tensor, " batch"]
    ) -> Float[Tensor, " batch"]:
        """The class's mean logit over the pixels that are answered so (Seg-Grad-CAM, arXiv 2002.11434, equation 2)."""
        here = (unchanged.argmax(1) == places[:, None, None]).to(outputs.dtype)
        own = outputs.gather(1, places[:, None, None, None].expand(-1, 1, *outputs.shape[2:]))[:, 0]
        return (own * here).sum((1, 2)) / here.sum((1, 2)).clamp(min=1)

    def words(self, answer: Mapping[str, Any]) -> str:
        """The largest classes with their shares.

        >>> Segment().words({"label": "sky|sea", "shares": [{"label": "sky", "share": 0.9}], "mask": None})
        'sky 90.00 %'
        """
        shown = ", ".join(f"{one['label']} {percent(one['share'])}" for one in answer["shares"][:SHOWN])
        return f"{shown} -> {answer['mask']}" if answer["mask"] else shown

    def verdict(self, scores: Mapping[str, Any]) -> str:
        """What the scores come to, in a few words for a person."""
        right = percent(scores["pixel_accuracy"])
        return f"mean IoU {percent(scores['mean_iou'])}, {right} of all pixels right on {scores['count']:,} pictures"

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


def _asked(mask: np.ndarray, likely: np.ndarray, classes: Sequence[str], place: int | None) -> Asked:
    counts = np.bincount(mask.ravel(), minlength=len(classes))
    if place is None:
        place = 1 + int(counts[1:].argmax()) if counts[1:].any() else 0
    if not counts[place]:
        return Asked(place, classes[place], None, f"no pixel is answered as {classes[place]}; ask for another label")
    return Asked(place, classes[place], float(likely[place][mask == place].mean()))
