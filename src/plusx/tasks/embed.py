"""Examples as vectors: near one another where they are of one class, be it one that was never trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from jaxtyping import Float, Int
from pydantic import Field, PositiveFloat

from plusx.tasks.asked import Asked, no_choice
from plusx.tasks.base import AnswerType, TaskBase
from plusx.tasks.neighbours import retrieval
from plusx.words import numbers, percent

if TYPE_CHECKING:
    from torch import Tensor

SHOWN = 4


class Embed(TaskBase):
    """The task of placing examples on a sphere, each near those of its class.

    The network is trained as a classifier. With a margin it is one by cosines, a prototype on the sphere for each
    class, whose true class must win by so much (CosFace, arXiv 1801.09414, equation 4). All that comes after the mean
    over positions is left out of the stored network: its outputs are the embeddings, of length 1.

    >>> import numpy as np
    >>> Embed().words(Embed().answers(np.array([[0.6, 0.8]]), ["cat", "dog"])[0])
    '2 numbers: 0.6 0.8'
    """

    name: Literal["embed"] = "embed"
    scale: PositiveFloat = Field(default=16.0, description="what cosines are multiplied by, where there is a margin")
    margin: float = Field(default=0.0, ge=0, lt=2, description="by which the true class's cosine must win")

    ANSWER: ClassVar[Mapping[str, AnswerType]] = {"embedding": "numbers"}
    CLASSES: ClassVar[bool] = False
    BALANCES: ClassVar[tuple[str, ...]] = ("sampling", "weights")
    OPEN: ClassVar[bool] = True
    SETTABLE: ClassVar[tuple[str, ...]] = ("margin", "scale")

    def network_options(self, classes: Sequence[str]) -> dict[str, Any]:
        """A classifier's head; with a margin, one that ends with the cosines to the classes' prototypes."""
        return {"head": "cosine" if self.margin else "linear", "num_classes": len(classes)}

    def stored_options(self, classes: Sequence[str]) -> dict[str, Any]:
        """The mean over all positions, which such a head begins with, and its direction."""
        return {"head": "embed", "num_classes": len(classes)}

    def made_up(self, count: int, classes: Sequence[str]) -> Int[np.ndarray, " count"]:
        """Every class in turn."""
        return np.arange(count) % len(classes)

    def losses(
        self, outputs: Float[Tensor, "batch classes"], targets: Tensor, smoothing: float = 0.0
    ) -> Float[Tensor, " batch"]:
        """Each example's cross-entropy; with a margin, of its scaled cosines, the true class's less the margin.

        Targets are classes `(batch,)`, or shares of them `(batch, classes)`, which take as much of the margin.
        """
        from torch.nn.functional import cross_entropy, one_hot

        if self.margin:
            shares = one_hot(targets, outputs.shape[1]) if targets.ndim == 1 else targets
            outputs = self.scale * (outputs - self.margin * shares.to(outputs.dtype))
        return cross_entropy(outputs, targets, label_smoothing=smoothing, reduction="none")

    def hits(self, outputs: Float[Tensor, "batch classes"], targets: Tensor) -> Int[Tensor, ""]:
        """How many of a batch score highest for their class: what a training's accuracy is counted from."""
        classes = targets if targets.ndim == 1 else targets.argmax(1)
        return (outputs.argmax(1) == classes).sum()

    def readable(self, outputs: Float[Tensor, "batch width"]) -> dict[str, Tensor]:
        """`embedding` `(batch, width)`, of length 1."""
        return {"embedding": outputs}

    def averaged(self, outputs: Sequence[Float[np.ndarray, "batch width"]]) -> Float[np.ndarray, "batch width"]:
        """The direction of the embeddings' sum, in float64.

        >>> import numpy as np
        >>> Embed().averaged([np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])]).round(3).tolist()
        [[0.707, 0.707]]
        """
        total = np.stack(outputs).astype(np.float64).sum(axis=0)
        return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)

    def answers(
        self, outputs: Float[np.ndarray, "batch width"], classes: Sequence[str], top: int = 5
    ) -> list[dict[str, Any]]:
        """Each example's embedding."""
        return [{"embedding": own} for own in outputs.astype(np.float64).tolist()]

    def asked(
        self, outputs: Float[np.ndarray, "batch width"], classes: Sequence[str], label: str | None = None
    ) -> list[Asked]:
        """The vector.

        Raises:
            WrongUse: a label was named.
        """
        no_choice(label, "a vector")
        return [Asked(0, None, None)] * len(outputs)

    def explained(
        self, outputs: Float[Tensor, "batch width"], unchanged: Tensor, places: Int[Tensor, " batch"]
    ) -> Float[Tensor, " batch"]:
        """How far a vector goes in the direction of the unchanged example's.

        Of vectors of length 1 that has no gradient where it is largest, at the example itself: give those before
        they are brought to length 1.
        """
        from torch.nn.functional import normalize

        return (outputs * normalize(unchanged, dim=1).detach()).sum(1)

    def words(self, answer: Mapping[str, Any]) -> str:
        """How many numbers there are, and the first few."""
        own = answer["embedding"]
        more = " ..." if len(own) > SHOWN else ""
        return f"{len(own)} numbers: {numbers([round(one, 4) for one in own[:SHOWN]])}{more}"

    def verdict(self, scores: Mapping[str, Any]) -> str:
        """How often the nearest of the others is of the same class, and how well all are ranked."""
        precision = percent(scores["mean_average_precision"])
        return f"nearest other alike for {percent(scores['accuracy'])} of {scores['count']:,}, precision {precision}"

    def scores(
        self, outputs: Float[np.ndarray, "count width"], targets: Int[np.ndarray, " count"], classes: Sequence[str]
    ) -> dict[str, Any]:
        """What `plusx.tasks.neighbours.retrieval` measures, each example among all others of the set.

        `accuracy` is by the nearest other alone, which is the recall at 1.

        Raises:
            ValueError: there is no example.
        """
        if len(targets) == 0:
            raise ValueError("no example to score")
        return {"count": len(targets), **retrieval(outputs, targets, classes)}
