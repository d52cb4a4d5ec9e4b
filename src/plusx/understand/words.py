"""Texts as words, each with what it weighed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont

WIDTH, MARGIN, TEXT, LINE = 640, 12, 17, 28
FOR, AGAINST = np.array([47, 111, 222]), np.array([200, 80, 20])
"""The page's colours of words for and against the answer."""
DENSE = 0.75

Pieces = Sequence[tuple[str, float]]


def pieces(text: bytes, heat: Float[np.ndarray, " length"]) -> list[tuple[str, float]]:
    """A text's words with the mean heat of their bytes, in proportion to the largest, and what is between words, which
    weighs nothing.

    >>> pieces(b"so good", np.array([0, 0, 0, 1.0, 0, 0, 0, 9, 9]))
    [('so', 0.0), (' ', 0.0), ('good', 1.0)]
    """
    found: list[tuple[str, float]] = []
    place = 0
    for piece in re.findall(r"\s+|\S+", text.decode("utf-8", "replace")):
        length = len(piece.encode())
        found.append((piece, 0.0 if piece.isspace() else float(heat[place : place + length].mean())))
        place += length
    largest = max((abs(weight) for _, weight in found), default=0.0) or 1.0
    return [(piece, weight / largest) for piece, weight in found]


def word_picture(words: Pieces) -> UInt8[np.ndarray, "height width 3"]:
    """Words on white, each on its colour: blue for the answer, orange against it.

    >>> word_picture([("good", 1.0), (" ", 0.0), ("or", 0.0)]).shape
    (52, 640, 3)
    """
    font = _font()
    placed: list[tuple[float, int, str, float]] = []
    x, line = float(MARGIN), 0
    for piece, weight in words:
        width = font.getlength(piece.replace("\n", " "))
        if "\n" in piece or (x + width > WIDTH - MARGIN and x > MARGIN):
            x, line = float(MARGIN), line + 1
            if piece.isspace():
                continue
        placed.append((x, MARGIN + line * LINE, piece, weight))
        x += width
    picture = Image.new("RGB", (WIDTH, 2 * MARGIN + (line + 1) * LINE), "white")
    drawing = ImageDraw.Draw(picture)
    for x, y, piece, weight in placed:
        if piece.isspace():
            continue
        colour = 255 + DENSE * abs(weight) * ((FOR if weight >= 0 else AGAINST) - 255)
        fill = tuple(colour.round().astype(int).tolist())
        drawing.rectangle((x - 1, y, x + font.getlength(piece), y + LINE - 5), fill=fill)
        drawing.text((x, y + 1), piece, fill="#14171a", font=font)
    return np.array(picture)


def _font() -> ImageFont.FreeTypeFont:
    # Matplotlib brings one that knows Latin, Greek, Cyrillic and more.
    from matplotlib import get_data_path

    return ImageFont.truetype(str(Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), TEXT)
