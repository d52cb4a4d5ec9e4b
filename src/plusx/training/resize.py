"""Progressive resizing: small pictures at first, which cost less, and full ones at the end.

fast.ai's practice for ImageNet in 2018 (https://www.fast.ai/posts/2018-08-10-fastai-diu-imagenet.html), growing in
small steps as in EfficientNetV2 (arXiv 2104.00298, section 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, UInt8
from pydantic import BaseModel, Field
from torch import Tensor
from torch.nn import functional

from plusx.data.augment.pixels import to_levels
from plusx.errors import WrongUse

if TYPE_CHECKING:
    from plusx.data.modalities import Spec

# So that the sizes are few: kernels are chosen anew for each.
MULTIPLE = 4


class Resize(BaseModel, frozen=True, extra="forbid"):
    """Sides grow in a straight line from `start` of their length to all of it at `until`, a share of the training.

    >>> growing = Resize(start=0.5, until=0.8)
    >>> [growing.size((28, 30), progress) for progress in (0.0, 0.4, 0.79, 0.8)]
    [(16, 16), (20, 24), (28, 28), (28, 30)]
    """

    start: float = Field(default=0.5, gt=0, le=1)
    until: float = Field(default=0.8, gt=0, le=1)

    def size(self, full: Sequence[int], progress: float) -> tuple[int, ...]:
        """Height and width at `progress`, from 0 to 1, of pictures that are `full` at the end.

        Multiples of four pixels, but for the full size itself, which is also the largest.
        """
        if progress >= self.until:
            return tuple(full)
        share = self.start + (1 - self.start) * progress / self.until
        return tuple(min(side, max(MULTIPLE, MULTIPLE * round(share * side / MULTIPLE))) for side in full)


def resized(
    inputs: UInt8[Tensor, "batch channels height width"] | Float[Tensor, "batch channels height width"],
    size: tuple[int, ...],
) -> Tensor:
    """The pictures at this height and width, bilinearly and with antialiasing; uint8 stay so, rounded.

    >>> resized(torch.full((1, 1, 8, 8), 7, dtype=torch.uint8), (4, 4)).unique().tolist()
    [7]
    """
    if inputs.shape[2:] == size:
        return inputs
    # Only on processors has torch a kernel for uint8, several times as fast there as the one for floats.
    if inputs.dtype != torch.uint8 or inputs.device.type == "cpu":
        return functional.interpolate(inputs, size=size, mode="bilinear", antialias=True)
    values = functional.interpolate(inputs.float(), size=size, mode="bilinear", antialias=True)
    return to_levels(values, inputs)


def refuse_unless_pictures(preprocessing: Spec) -> None:
    """Only what has a height and a width can be resized.

    Raises:
        WrongUse: the examples have another number of dimensions.
    """
    _, *space = preprocessing.shape
    if len(space) != 2:
        raise WrongUse(f"--set resize: only what has a height and a width can be resized, not {space}; leave it out")
