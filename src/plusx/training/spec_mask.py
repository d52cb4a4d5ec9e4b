"""SpecAugment: bands and stretches of time hidden from the network while it trains (arXiv 1904.08779, section 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float
from pydantic import BaseModel, Field, PositiveInt
from torch import Tensor, nn

from plusx.data.sound import SoundSpec
from plusx.errors import WrongUse

if TYPE_CHECKING:
    from plusx.data.modalities import Spec


class SpecMask(BaseModel, frozen=True, extra="forbid"):
    """Of each example up to `bands` neighbouring bands, `band_masks` times, and up to `frames`, `frame_masks` times.

    Hidden values are 0, the mean of all spectrograms.
    """

    bands: int = Field(default=8, ge=0)
    frames: int = Field(default=20, ge=0)
    band_masks: PositiveInt = 1
    frame_masks: PositiveInt = 1


class Masked(nn.Module):
    """Between front and network: hides parts of `(batch, ..., bands, frames)` in training, and nothing in evaluation.

    Its random numbers are torch's, which are seeded by the step.

    >>> Masked(SpecMask()).eval()(torch.ones(1, 1, 40, 101)).all().item()
    True
    """

    def __init__(self, mask: SpecMask):
        super().__init__()
        self.mask = mask

    def forward(
        self, x: Float[Tensor, "batch *channels bands frames"]
    ) -> Float[Tensor, "batch *channels bands frames"]:
        if not self.training:
            return x
        bands = _hidden(x, x.shape[-2], self.mask.bands, self.mask.band_masks)
        frames = _hidden(x, x.shape[-1], self.mask.frames, self.mask.frame_masks)
        hidden = bands[:, :, None] | frames[:, None, :]
        return x.masked_fill(hidden if x.ndim == 3 else hidden[:, None], 0)


def refuse_unless_spectrograms(preprocessing: Spec) -> None:
    """Only spectrograms have bands and frames.

    Raises:
        WrongUse: the examples are no sounds, or the network sees their samples.
    """
    if not isinstance(preprocessing, SoundSpec) or preprocessing.front != "logmel":
        raise WrongUse("--set spec_mask: only the log-mel spectrograms of sounds can be masked; leave it out")


def _hidden(x: Tensor, length: int, widest: int, masks: int) -> Bool[Tensor, "batch {length}"]:
    """Which of `length` places are hidden: each mask's width is drawn evenly from 0 to `widest`, then its start."""
    drawn = torch.rand(2, len(x), masks, 1, device=x.device)
    width = (drawn[0] * (min(widest, length) + 1)).long()
    start = (drawn[1] * (length - width + 1)).long()
    place = torch.arange(length, device=x.device)
    return ((place >= start) & (place < start + width)).any(dim=1)
