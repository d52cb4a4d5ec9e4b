"""Masks as pictures: index PNGs with a palette, and overlays of a picture with its classes' colours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from plusx.data.files import atomic_write
from plusx.errors import PlusxError
from plusx.predict.dense import Segmented

SOFTWARE = "plusx"
"""What our pictures say of themselves, so that no other file is ever written over."""
OVERLAY = 0.5
"""The share of the class's colour in an overlay."""


def palette() -> UInt8[np.ndarray, "256 3"]:
    """A colour for each class, as Pascal VOC's masks have them: 0 is black, and neighbours are told apart.

    >>> palette()[:3].tolist()
    [[0, 0, 0], [128, 0, 0], [0, 128, 0]]
    """
    classes = np.arange(256)
    colours = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            # The class's bits in turn go to red, green and blue, the lowest to each one's highest bit.
            colours[:, channel] |= (((classes >> (3 * bit + channel)) & 1) << (7 - bit)).astype(np.uint8)
    return colours


def overlay(
    pixels: UInt8[np.ndarray, "height width channels"], mask: UInt8[np.ndarray, "height width"]
) -> UInt8[np.ndarray, "height width 3"]:
    """The picture with each pixel half its class's colour; class 0, mostly the background, is left as it is."""
    painted = np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels.copy()
    shown = mask != 0
    painted[shown] = (painted[shown] * (1 - OVERLAY) + palette()[mask[shown]] * OVERLAY).astype(np.uint8)
    return painted


class Names:
    """Names of pictures with the ending .png; a second one of the same name gets a number.

    >>> names = Names()
    >>> names("here/cat.jpg"), names("there/cat.jpg")
    ('cat.png', 'cat-2.png')
    """

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def __call__(self, path: str | None) -> str:
        stem = Path(path or "picture").stem
        name, number = stem, 1
        while name in self._taken:
            number += 1
            name = f"{stem}-{number}"
        self._taken.add(name)
        return f"{name}.png"


@dataclass
class Painter:
    """Writes masks and overlays into folders, and passes the rows on with the masks' paths as `mask`.

    Args:
        masks: the folder for masks: PNGs whose values are the classes' places, with a palette. None: no masks.
        overlays: the folder for overlays. None: none.
    """

    masks: Path | None = None
    overlays: Path | None = None
    _names: Names = field(default_factory=Names)

    def __call__(self, answers: Iterable[Segmented]) -> Iterator[dict[str, Any]]:
        """Raises PlusxError where a file cannot be written."""
        for row, pixels, mask in answers:
            if pixels is None or mask is None:
                yield row
                continue
            name = self._names(row["path"])
            if self.overlays is not None:
                write_picture(Image.fromarray(overlay(pixels, mask)), self.overlays / name)
            if self.masks is not None:
                picture = Image.fromarray(mask)
                picture.putpalette(palette().tobytes())
                row["mask"] = str(write_picture(picture, self.masks / name))
            yield row


def write_picture(picture: Image.Image, path: Path) -> Path:
    """Writes a PNG, whole or not at all, in a folder that is made where there is none.

    Raises:
        PlusxError: it cannot be written, or another program's file has its name, such as the picture that was asked
            about.
    """
    if path.exists() and not _ours(path):
        raise PlusxError(f"{path}: this file is not plusx's and stays as it is; give another folder")
    said = PngInfo()
    said.add_text("Software", SOFTWARE)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path, "wb") as file:
            picture.save(file, "png", pnginfo=said)
    except OSError as error:
        raise PlusxError(f"{path}: cannot be written: {error.strerror}") from error
    return path


def _ours(path: Path) -> bool:
    try:
        with Image.open(path) as picture:
            return picture.info.get("Software") == SOFTWARE
    except (OSError, ValueError, Image.DecompressionBombError):
        return False
