"""Distillation: a student learns a teacher's softened probabilities beside the labels (arXiv 1503.02531)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from pydantic import BaseModel, Field, PositiveFloat
from torch import Tensor
from torch.nn import functional


class Distill(BaseModel, frozen=True, extra="forbid"):
    """How much the teacher counts beside the labels, and at which temperature both are compared."""

    weight: float = Field(default=0.5, ge=0, le=1, description="the teacher's share; the labels have the rest")
    temperature: PositiveFloat = Field(default=2.0, description="outputs are divided by it")


def distilled(
    losses: Float[Tensor, " batch"],
    outputs: Float[Tensor, "batch classes"],
    taught: Float[Tensor, "batch classes"],
    distill: Distill,
    *,
    multilabel: bool = False,
) -> Float[Tensor, " batch"]:
    """Each example's loss together with its divergence from the teacher: (1 - w) loss + w T² KL(teacher, student).

    T² keeps the two gradients' proportion whatever the temperature is (section 2).

    Args:
        losses: of the labels.
        outputs: the student's, before softmax or sigmoid.
        taught: the teacher's.
        distill: weight w and temperature T.
        multilabel: each class is a yes or no of its own.

    >>> one = torch.tensor([[1.0, 2.0]])
    >>> distilled(torch.tensor([3.0]), one, one, Distill(weight=0.25)).item()
    2.25
    """
    divergence = binary_divergences if multilabel else divergences
    scaled = divergence(outputs / distill.temperature, taught / distill.temperature) * distill.temperature**2
    return (1 - distill.weight) * losses + distill.weight * scaled


def divergences(
    outputs: Float[Tensor, "batch classes"], taught: Float[Tensor, "batch classes"]
) -> Float[Tensor, " batch"]:
    """KL(teacher, student) of each example's softmax, in nats."""
    student, teacher = functional.log_softmax(outputs, 1), functional.log_softmax(taught, 1)
    return functional.kl_div(student, teacher, log_target=True, reduction="none").sum(1)


def binary_divergences(
    outputs: Float[Tensor, "batch classes"], taught: Float[Tensor, "batch classes"]
) -> Float[Tensor, " batch"]:
    """KL(teacher, student) of each class's own yes or no, in nats; its mean over classes, as the labels' loss is."""
    both = [
        torch.sigmoid(sign * taught) * (functional.logsigmoid(sign * taught) - functional.logsigmoid(sign * outputs))
        for sign in (1, -1)
    ]
    return torch.stack(both).sum(0).mean(1)
