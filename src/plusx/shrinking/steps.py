"""The steps that make a point, each a pure function of the archive before it; their JSON makes the point again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, TypeAdapter
from torch import Tensor

from plusx.archive import Archive
from plusx.shrinking.drop_blocks import without
from plusx.shrinking.importance import Loss, by_scale, by_taylor
from plusx.shrinking.narrow import narrowed
from plusx.shrinking.opened import network_of, with_network
from plusx.shrinking.quantize import CALIBRATED_ON, quantized, quantized_in_part
from plusx.shrinking.widths import narrower


@dataclass(frozen=True)
class Means:
    """What steps need beside an archive.

    Args:
        features: what the network reads, `(channels, *space)`.
        batches: so many training examples as the network reads them, each batch with its loss; None: the stored network
            is not the one that a loss is of.
        examples: so many training inputs as the engines take them.
        repair: trains an archive, with the big model as its teacher.
        score: the main score on the validation examples, the higher the better.
    """

    features: Sequence[int]
    batches: Callable[[int], Iterable[tuple[Tensor, Loss]]] | None
    examples: Callable[[int], np.ndarray]
    repair: Callable[[Archive, Repair], Archive]
    score: Callable[[Archive], float]


class _Step(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Drop(_Step):
    """Leaves blocks out."""

    step: Literal["drop"] = "drop"
    blocks: tuple[str, ...]

    def __str__(self) -> str:
        return f"without {', '.join(self.blocks)}"

    def of(self, archive: Archive, means: Means) -> Archive:
        return with_network(archive, without(network_of(archive), self.blocks))


class Narrow(_Step):
    """Keeps the channels that matter most, for about this share of the multiply-accumulates."""

    step: Literal["narrow"] = "narrow"
    share: float = Field(gt=0, lt=1)
    by: Literal["taylor", "scale"] = "taylor"
    examples: PositiveInt = 1024

    def __str__(self) -> str:
        return f"narrowed to {100 * self.share:.3g} % by {self.by}"

    def of(self, archive: Archive, means: Means) -> Archive:
        net = network_of(archive)
        if self.by == "taylor" and means.batches is not None:
            scores = by_taylor(net, means.batches(self.examples))
        else:
            scores = by_scale(net)
        return with_network(archive, narrowed(net, narrower(net, scores, self.share, means.features), scores))


class Repair(_Step):
    """Trains on, by `plusx train --from` the smaller network.

    Args:
        taught: with the big network as its teacher.
        aware: computing as int8 would, so that the weights learn to be rounded (quantisation-aware training).
        rate: the highest learning rate, as a share of the fine-tuning's own.
    """

    step: Literal["repair"] = "repair"
    epochs: float = Field(gt=0)
    precision: Literal["float32", "bfloat16"] = "float32"
    taught: bool = True
    seed: int = 0
    aware: bool = False
    rate: float = Field(default=1.0, gt=0, le=1)

    def __str__(self) -> str:
        how = (" as int8" if self.aware else "") + (" with a teacher" if self.taught else "")
        return f"repaired for {self.epochs:.3g} epochs{how}"

    def of(self, archive: Archive, means: Means) -> Archive:
        return means.repair(archive, self)


class Quantize(_Step):
    """int8, of all layers, or of all but those that cost more than `max_drop` of the score together.

    Args:
        examples: training inputs by which scales are found.
        max_drop: absolute; None: all layers.
        corrected: with NNCF's correction of biases, or with the biases as they are.
    """

    step: Literal["quantize"] = "quantize"
    examples: PositiveInt = CALIBRATED_ON
    max_drop: float | None = None
    corrected: bool = True

    def __str__(self) -> str:
        what = "" if self.max_drop is None else f" but for what costs more than {self.max_drop:.2g}"
        return f"int8{what}" + ("" if self.corrected else " with its own biases")

    def of(self, archive: Archive, means: Means) -> Archive:
        examples = means.examples(self.examples)
        if self.max_drop is None:
            return quantized(archive, examples, corrected=self.corrected)
        return quantized_in_part(archive, examples, means.score, self.max_drop, corrected=self.corrected)


Step = Drop | Narrow | Repair | Quantize
Steps = tuple[Step, ...]
_STEPS: TypeAdapter[Steps] = TypeAdapter(tuple[Annotated[Step, Field(discriminator="step")], ...])


def made(archive: Archive, steps: Steps, means: Means) -> Archive:
    """The archive after these steps."""
    for step in steps:
        archive = step.of(archive, means)
    return archive


def steps_from_json(value: object) -> Steps:
    """Steps as they are stored with a point.

    Raises:
        pydantic.ValidationError: they are none.

    >>> steps_from_json([{"step": "narrow", "share": 0.25}, {"step": "quantize"}])[0].share
    0.25
    """
    return _STEPS.validate_python(value)


def in_words(steps: Steps) -> str:
    """What was done.

    >>> in_words((Narrow(share=0.125), Repair(epochs=2.0), Quantize()))
    'narrowed to 12.5 % by taylor, repaired for 2 epochs with a teacher, int8'
    """
    return ", ".join(map(str, steps)) or "as it was given"
