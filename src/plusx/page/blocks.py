"""What a page is made of. A block is words and numbers; how it looks is the template's."""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

Tone = Literal["plain", "good", "warn", "bad"]
Cell = str | int | float | None
SMALL = 96
"""Pictures of at most this side are drawn with square pixels."""
SIGNATURES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg"}


@dataclass(frozen=True)
class Paragraph:
    """Plain words."""

    kind: ClassVar[str] = "paragraph"
    text: str


@dataclass(frozen=True)
class Note:
    """A line that stands out."""

    kind: ClassVar[str] = "note"
    text: str
    tone: Tone = "plain"


@dataclass(frozen=True)
class Code:
    """Words as they are typed."""

    kind: ClassVar[str] = "code"
    text: str


@dataclass(frozen=True)
class Figure:
    """A drawing.

    Args:
        svg: what `plusx.page.figures.drawn` gives.
        caption: what it shows, in words: also for those who cannot see it.
    """

    kind: ClassVar[str] = "figure"
    svg: str
    caption: str


@dataclass(frozen=True)
class Table:
    """Rows under named columns.

    Args:
        columns: their names.
        rows: a cell a column; None is shown as a dash, floats to four digits.
        caption: what it lists.
        numeric: the columns whose cells stand to the right.
    """

    kind: ClassVar[str] = "table"
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    numeric: Sequence[str] = ()


@dataclass(frozen=True)
class Card:
    """An example: what it is and says, and one or several of a picture, a drawing, a sound, a marked text.

    Args:
        title: its name, or what was answered.
        lines: further short lines.
        image: a PNG's or JPEG's bytes.
        svg: a drawing.
        audio: a WAV's bytes.
        marked: pieces of a text, each with a weight from -1 (against) to 1 (for).
    """

    title: str
    lines: Sequence[str] = ()
    image: bytes | None = None
    svg: str | None = None
    audio: bytes | None = None
    marked: Sequence[tuple[str, float]] | None = None

    @property
    def image_uri(self) -> str | None:
        """The picture as an address that holds it.

        Raises:
            ValueError: the bytes are neither a PNG's nor a JPEG's.
        """
        if self.image is None:
            return None
        for signature, media in SIGNATURES.items():
            if self.image.startswith(signature):
                return _data_uri(media, self.image)
        raise ValueError("a page shows PNG and JPEG, these bytes are neither")

    @property
    def pixelated(self) -> bool:
        """Whether it is a PNG so small that its pixels are to be seen as they are, and not blurred."""
        image = self.image or b""
        return image.startswith(b"\x89PNG") and max(struct.unpack(">II", image[16:24])) <= SMALL

    @property
    def audio_uri(self) -> str | None:
        """The sound as an address that holds it."""
        return None if self.audio is None else _data_uri("audio/wav", self.audio)


@dataclass(frozen=True)
class Gallery:
    """Cards side by side."""

    kind: ClassVar[str] = "gallery"
    cards: Sequence[Card]


Block = Paragraph | Note | Code | Figure | Table | Gallery


@dataclass(frozen=True)
class Section:
    """A part of a page, with a title of its own."""

    title: str
    blocks: Sequence[Block]


def _data_uri(media: str, content: bytes) -> str:
    return f"data:{media};base64,{base64.b64encode(content).decode('ascii')}"
