"""What is where in a picture: boxes with their classes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from jaxtyping import Float, Float32, Int
from pydantic import Field

from plusx.data.box_rows import ABSENT, COLUMNS, Boxes
from plusx.data.sources import Samples
from plusx.errors import PlusxError
from plusx.tasks.anchors import decoded, retinanet_loss
from plusx.tasks.asked import Asked, place_of
from plusx.tasks.base import AnswerType, TaskBase
from plusx.tasks.found import Found, found_in, share_found
from plusx.tasks.precision import coco_scores
from plusx.tasks.threshold import best_threshold
from plusx.words import percent

if TYPE_CHECKING:
    from torch import Tensor

SHOWN = 3


class Detect(TaskBase):
    """The task of finding things: a box and a class for each.

    Outputs `(batch, classes + 8, anchors)` are class logits, offsets, and the anchors that these are of. All boxes are
    in shares of the picture's sides, but those of an answer that `plusx.predict` gives: they are in its pixels.

    >>> outputs = np.array([[[3.0], *np.zeros((4, 1)), [0.0], [0.0], [0.5], [1.0]]])
    >>> Detect().answers(outputs, ["cat"])[0]["boxes"]
    [{'label': 'cat', 'probability': 0.9525741268224334, 'box': [0.0, 0.0, 0.5, 1.0]}]
    """

    name: Literal["detect"] = "detect"
    threshold: float = Field(default=0.5, gt=0, lt=1, description="the probability from which on a box is answered")

    ANSWER: ClassVar[Mapping[str, AnswerType]] = {"label": "text", "boxes": "boxes"}
    CLASSES: ClassVar[bool] = False
    CALIBRATES: ClassVar[bool] = True
    BULKY: ClassVar[bool] = True
    WHOLE: ClassVar[bool] = True
    VIEWS: ClassVar[tuple[str, ...]] = ()
    MEASURE: ClassVar[str] = "found"
    JUDGED_BY: ClassVar[tuple[str, ...]] = ("map", "ap50", "ap75", "ar100", "found")
    AT_ONCE: ClassVar[int] = 16

    @classmethod
    def of(cls, samples: Samples) -> Self:
        """The task; nothing about the examples changes it.

        Raises:
            PlusxError: what counts the average precision is not installed.
        """
        if find_spec("pycocotools") is None:
            raise PlusxError("boxes are scored by pycocotools, which is not installed: pip install 'plusx[detect]'")
        return cls()

    def network_options(self, classes: Sequence[str]) -> dict[str, Any]:
        """A RetinaNet head that knows the classes."""
        return {"head": "retinanet", "num_classes": len(classes)}

    def made_up(self, count: int, classes: Sequence[str]) -> Boxes:
        """Up to four boxes an example, of every class in turn."""
        random = np.random.default_rng(0)
        boxes = np.full((count, 4, COLUMNS), ABSENT, np.float32)
        boxes[..., 0] = (np.arange(count)[:, None] + np.arange(4)) % len(classes)
        boxes[..., 1:3] = random.uniform(0, 0.6, (count, 4, 2))
        boxes[..., 3:] = boxes[..., 1:3] + random.uniform(0.1, 0.4, (count, 4, 2))
        boxes[random.random((count, 4)) < 0.5] = ABSENT
        return boxes

    def losses(
        self,
        outputs: Float[Tensor, "batch outputs anchors"],
        targets: Float32[Tensor, "batch longest 5"],
        smoothing: float = 0.0,
    ) -> Float[Tensor, " batch"]:
        """Each example's focal loss of its classes and generalised-IoU loss of its boxes. There is nothing to smooth:
        the focal loss lets easy anchors go already."""
        import torch

        return torch.stack([retinanet_loss(*one) for one in zip(outputs, targets, strict=True)])

    def hits(
        self, outputs: Float[Tensor, "batch outputs anchors"], targets: Float32[Tensor, "batch longest 5"]
    ) -> Float[Tensor, ""]:
        """The share of each example's boxes that are found: that a box of their class, answered or only hidden by a
        likelier one, overlaps by half or more; summed over the batch. Of no boxes all are found."""
        import torch

        return torch.tensor(self._found(outputs.detach().float().cpu().numpy(), targets.cpu().numpy()))

    def _found(self, outputs: Float[np.ndarray, "count outputs anchors"], targets: Boxes) -> float:
        return sum(share_found(*one, self.threshold) for one in zip(outputs, targets, strict=True))

    def calibrated(self, batches: Iterable[tuple[np.ndarray, np.ndarray]]) -> Self:
        """The task with the threshold whose answers have the highest F1 on these examples; as it is, where no box is
        found. Focal loss leaves probabilities low for long: what is half sure is late, and of no other meaning."""
        found: list[Found] = []
        truth: list[np.ndarray] = []
        for outputs, targets in batches:
            found += [found_in(one) for one in outputs]
            truth += list(targets)
        threshold = best_threshold(found, truth)
        return self if threshold is None else self.model_copy(update={"threshold": threshold})

    def readable(self, outputs: Float[Tensor, "batch outputs anchors"]) -> dict[str, Tensor]:
        """`probabilities` `(batch, classes, anchors)`, and `boxes` `(batch, anchors, 4)`: x0, y0, x1, y1 in shares of
        the picture's sides. Of boxes of a class that overlap by half the likelier is meant (`plusx.tasks.found`)."""
        offsets, anchors = (outputs[:, part].movedim(1, 2).flatten(0, 1) for part in (slice(-8, -4), slice(-4, None)))
        boxes = decoded(offsets, anchors).unflatten(0, (-1, outputs.shape[2])).clamp(0, 1)
        return {"probabilities": outputs[:, :-8].sigmoid(), "boxes": boxes}

    def averaged(self, outputs: Sequence[Float[np.ndarray, "batch outputs anchors"]]) -> np.ndarray:
        """The mean of logits and offsets of the same anchors, in float64."""
        return np.mean(np.stack(outputs).astype(np.float64), axis=0)

    def answers(
        self, outputs: Float[np.ndarray, "count outputs anchors"], classes: Sequence[str], top: int = 5
    ) -> list[dict[str, Any]]:
        """For each example what `answer` says of its boxes."""
        return [self.answer(found_in(one, self.threshold), classes) for one in outputs]

    def answer(self, found: Found, classes: Sequence[str]) -> dict[str, Any]:
        """All boxes, the likeliest first, and their classes joined by `|`."""
        boxes = [
            {"label": classes[place], "probability": float(probability), "box": box.tolist()}
            for place, probability, box in zip(*found, strict=True)
        ]
        return {"label": "|".join(dict.fromkeys(one["label"] for one in boxes)), "boxes": boxes}

    def truth(self, target: Float[np.ndarray, "longest 5"], classes: Sequence[str]) -> str:
        """How many boxes of which classes."""
        counts = np.bincount(target[target[:, 0] >= 0, 0].astype(int), minlength=len(classes))
        named = ", ".join(f"{counts[place]} {classes[place]}" for place in np.flatnonzero(counts).tolist())
        return named or "no boxes"

    def asked(
        self, outputs: Float[np.ndarray, "count outputs anchors"], classes: Sequence[str], label: str | None = None
    ) -> list[Asked]:
        """The label, or that of the likeliest box, and how probable its likeliest box is."""
        likeliest = outputs[:, :-8].max(2)
        places = likeliest.argmax(1) if label is None else np.full(len(outputs), place_of(label, classes))
        odds = np.take_along_axis(likeliest, places[:, None], axis=1)[:, 0].astype(np.float64)
        return [
            Asked(place, classes[place], float(probability))
            for place, probability in zip(map(int, places), 1 / (1 + np.exp(-odds)), strict=True)
        ]

    def explained(
        self, outputs: Float[Tensor, "batch outputs anchors"], unchanged: Tensor, places: Int[Tensor, " batch"]
    ) -> Float[Tensor, " batch"]:
        """The logit of the class's likeliest box."""
        which = places[:, None, None]
        boxes = unchanged.gather(1, which.expand(-1, 1, unchanged.shape[2])).argmax(2, keepdim=True)
        return outputs.gather(1, which.expand(-1, 1, outputs.shape[2])).gather(2, boxes)[:, 0, 0]

    def words(self, answer: Mapping[str, Any]) -> str:
        """How many boxes, and the likeliest of them.

        >>> Detect().words({"label": "cat", "boxes": [{"label": "cat", "probability": 0.9, "box": [1.2, 0, 7, 9.8]}]})
        '1 box: cat 90.00 % at 1,0 to 7,10'
        """
        shown = ", ".join(_words(one) for one in answer["boxes"][:SHOWN])
        more = len(answer["boxes"]) - SHOWN
        count = f"{len(answer['boxes'])} box{'' if len(answer['boxes']) == 1 else 'es'}"
        return f"{count}: {shown}" + (f" and {more} more" if more > 0 else "") if shown else "no boxes"

    def verdict(self, scores: Mapping[str, Any]) -> str:
        """What the scores come to, in a few words for a person."""
        return f"mAP {percent(scores['map'])}, AP50 {percent(scores['ap50'])} on {scores['count']:,} pictures"

    def scores(
        self, outputs: Float[np.ndarray, "count outputs anchors"], targets: Boxes, classes: Sequence[str]
    ) -> dict[str, Any]:
        """As `scores_in_batches`, of one batch."""
        return self.scores_in_batches([(outputs, targets)], classes)

    def scores_in_batches(
        self, batches: Iterable[tuple[np.ndarray, np.ndarray]], classes: Sequence[str]
    ) -> dict[str, Any]:
        """What `plusx.tasks.precision.coco_scores` counts, the measure `found`, and the loss.

        Raises:
            ValueError: there is no example.
        """
        import torch

        found: list[Found] = []
        truth: list[np.ndarray] = []
        hits = loss = 0.0
        for outputs, targets in batches:
            found += [found_in(one) for one in outputs]
            truth += list(targets)
            hits += self._found(outputs, targets)
            loss += float(self.losses(torch.from_numpy(outputs), torch.from_numpy(targets)).sum())
        if not truth:
            raise ValueError("no example to score")
        precise = coco_scores(found, truth, classes)
        return {"count": len(truth), "found": hits / len(truth), **precise, "loss": loss / len(truth)}


def _words(one: Mapping[str, Any]) -> str:
    x0, y0, x1, y1 = (f"{value:.0f}" for value in one["box"])
    return f"{one['label']} {percent(one['probability'])} at {x0},{y0} to {x1},{y1}"
