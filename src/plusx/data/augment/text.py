"""Texts' bytes changed: whole characters of UTF-8 are moved or left out, only ASCII is rewritten.

What was a text in UTF-8 stays one, but for zeros where `byte_drop` leaves characters out: the network knows zero as
no text. Bytes are `(batch, 1, length)`, followed by zeros.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from jaxtyping import Bool, Float32, UInt8
from pydantic import BaseModel
from torch import Tensor

from plusx.data.augment.pixels import Share, each_place

Text = UInt8[Tensor, "batch 1 length"]
CASE = 0x20
"""The bit by which an ASCII letter's cases differ."""


def text_start(text: Text, u: Float32[Tensor, "batch 1"], reach: float) -> Text:
    """Leaves out the text's beginning, evenly from nothing to a share `reach` of it, up to a character's first byte.

    >>> text_start(_text("abcd"), torch.tensor([[0.99]]), 0.5).flatten().tolist()
    [99, 100, 0, 0]
    """
    length = text.shape[2]
    places = torch.arange(length, device=text.device)
    own = ((text[:, 0] != 0) * (places + 1)).amax(1)
    asked = (u[:, 0] * (own * reach + 1)).long().clamp(max=length - 1)
    # The next place where a character begins, from the end on.
    begins = torch.where(_inside(text[:, 0]), length, places).flip(1).cummin(1).values.flip(1)
    start = begins.gather(1, asked[:, None])
    start = torch.where(start < own[:, None], start, 0)
    taken = start + places
    moved = text[:, 0].gather(1, taken.clamp(max=length - 1))
    return moved.masked_fill(taken >= length, 0)[:, None]


def byte_drop(text: Text, u: Float32[Tensor, "batch 1"], share: float) -> Text:
    """Leaves zeros in the place of each character with probability `share`: what is learned must not hang on one word.

    >>> byte_drop(_text("né"), torch.tensor([[0.3]]), 1.0).flatten().tolist()
    [0, 0, 0]
    """
    places = torch.arange(text.shape[2], device=text.device)
    # A character's bytes share its first one's number.
    first = torch.where(_inside(text[:, 0]), 0, places).cummax(1).values
    numbers = each_place(u[:, 0], text.shape[2]).gather(1, first)
    return text.masked_fill((numbers < share)[:, None], 0)


def byte_swap(text: Text, u: Float32[Tensor, "batch 2"], share: float) -> Text:
    """Swaps neighbours with probability `share` a pair, as in typing errors; only where both are ASCII.

    >>> byte_swap(_text("abcd"), torch.tensor([[0.3, 0.0]]), 1.0).flatten().tolist()
    [98, 97, 100, 99]
    """
    length = text.shape[2]
    places = torch.arange(length, device=text.device)
    # Pairs begin at even places or at odd ones.
    odd = (u[:, 1] >= 0.5).long()[:, None]
    left = places - (places + odd) % 2
    partner = 2 * left + 1 - places
    there = (partner >= 0) & (partner < length)
    partner = partner.clamp(0, length - 1)
    bytes_ = text[:, 0]
    neighbours = bytes_.gather(1, partner)
    numbers = each_place(u[:, 0], length).gather(1, left.clamp(min=0))
    both = there & _ascii(bytes_) & _ascii(neighbours)
    return torch.where(both & (numbers < share), neighbours, bytes_)[:, None]


def letter_case(text: Text, u: Float32[Tensor, "batch 2"], probability: float) -> Text:
    """With a probability makes all ASCII letters small, or with half of it large.

    >>> letter_case(_text("aB!"), torch.tensor([[0.0, 0.9]]), 0.5).flatten().tolist()
    [65, 66, 33]
    """
    small = text | CASE
    letters = (small >= ord("a")) & (small <= ord("z"))
    recased = torch.where((u[:, 1] < 0.5)[:, None, None], small, small ^ CASE)
    return torch.where(letters & (u[:, 0] < probability)[:, None, None], recased, text)


class TextStart(BaseModel, frozen=True, extra="forbid"):
    """Leaves out up to a share `reach` of the text's beginning."""

    draws: ClassVar[int] = 1
    name: Literal["text_start"] = "text_start"
    reach: Share = 0.3

    def __call__(self, text: Text, u: Float32[Tensor, "batch 1"]) -> Text:
        return text_start(text, u, self.reach)


class ByteDrop(BaseModel, frozen=True, extra="forbid"):
    """Leaves zeros in the place of a `share` of the characters."""

    draws: ClassVar[int] = 1
    name: Literal["byte_drop"] = "byte_drop"
    share: Share = 0.05

    def __call__(self, text: Text, u: Float32[Tensor, "batch 1"]) -> Text:
        return byte_drop(text, u, self.share)


class ByteSwap(BaseModel, frozen=True, extra="forbid"):
    """Swaps a `share` of the pairs of ASCII neighbours."""

    draws: ClassVar[int] = 2
    name: Literal["byte_swap"] = "byte_swap"
    share: Share = 0.02

    def __call__(self, text: Text, u: Float32[Tensor, "batch 2"]) -> Text:
        return byte_swap(text, u, self.share)


class LetterCase(BaseModel, frozen=True, extra="forbid"):
    """Makes all ASCII letters of an example small or large."""

    draws: ClassVar[int] = 2
    name: Literal["letter_case"] = "letter_case"
    probability: Share = 0.2

    def __call__(self, text: Text, u: Float32[Tensor, "batch 2"]) -> Text:
        return letter_case(text, u, self.probability)


def _text(words: str) -> Text:
    return torch.frombuffer(bytearray(words.encode()), dtype=torch.uint8)[None, None]


def _inside(bytes_: UInt8[Tensor, "batch length"]) -> Bool[Tensor, "batch length"]:
    """Whether a byte continues a character that an earlier one began."""
    return (bytes_ & 0xC0) == 0x80


def _ascii(bytes_: UInt8[Tensor, "batch length"]) -> Bool[Tensor, "batch length"]:
    return (bytes_ > 0) & (bytes_ < 0x80)
