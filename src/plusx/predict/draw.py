"""Answers as pictures: boxes drawn over what they were found in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from plusx.archive import Archive
from plusx.engines import Engine
from plusx.errors import WrongUse
from plusx.predict.ahead import Input
from plusx.predict.boxes import Detected, detect_stream
from plusx.predict.dense import segment_stream
from plusx.predict.paint import Names, Painter, palette, write_picture

LARGEST_TEXT, SMALLEST_TEXT = 24, 8


def painted(
    archive: Archive, engine: Engine, inputs: Iterable[Input], top: int, masks: Path | None, overlays: Path | None
) -> Iterator[dict[str, Any]]:
    """The rows of `predict_stream`, their masks and overlays written on the way into the folders that are given.

    Raises:
        WrongUse: the model's task has no such pictures.
        PlusxError: one cannot be written.
    """
    task = archive.manifest.task["name"]
    if task == "segment":
        return Painter(masks, overlays)(segment_stream(archive, engine, inputs, top))
    if task == "detect" and masks is None and overlays is not None:
        answers = detect_stream(archive, engine, inputs, top, with_pixels=True)
        return Drawer(overlays, archive.manifest.classes)(answers)
    flag, which = ("--masks", "masks") if masks is not None else ("--overlays", "masks or boxes")
    raise WrongUse(f"{flag}: it is for models of pictures with {which}, this one's task is {task}; leave it out")


@dataclass
class Drawer:
    """Writes pictures with their boxes into a folder, and passes the rows on."""

    folder: Path
    classes: Sequence[str]
    _names: Names = field(default_factory=Names)

    def __call__(self, answers: Iterable[Detected]) -> Iterator[dict[str, Any]]:
        """Raises PlusxError where a file cannot be written."""
        for row, pixels in answers:
            if pixels is not None:
                write_picture(with_boxes(pixels, row["boxes"], self.classes), self.folder / self._names(row["path"]))
            yield row


def with_boxes(
    pixels: UInt8[np.ndarray, "height width channels"], boxes: Sequence[dict[str, Any]], classes: Sequence[str]
) -> Image.Image:
    """The picture with each box in its class's colour, its label and probability at its corner."""
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).convert("RGB")
    draw = ImageDraw.Draw(picture)
    short = min(picture.size)
    font = ImageFont.load_default(min(LARGEST_TEXT, max(SMALLEST_TEXT, short // 24)))
    # The likeliest is drawn last, over the others.
    for one in reversed(boxes):
        # The first class's is black.
        colour = tuple(palette()[1 + list(classes).index(one["label"]) % 255].tolist())
        left, top, right, bottom = one["box"]
        draw.rectangle((left, top, right, bottom), outline=colour, width=max(1, short // 200))
        text = f"{one['label']} {one['probability']:.0%}"
        around = draw.textbbox((left, top), text, font=font, anchor="lb")
        # Inside of the picture, where there is room.
        left += min(0.0, max(-left, picture.width - around[2]))
        top += max(0.0, -around[1])
        draw.rectangle(draw.textbbox((left, top), text, font=font, anchor="lb"), fill=colour)
        draw.text((left, top), text, fill="white", font=font, anchor="lb")
    return picture
