"""Pixels as the bytes of files."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from jaxtyping import UInt8
from PIL import Image

Pixels = UInt8[np.ndarray, "height width"] | UInt8[np.ndarray, "height width channels"]


def png(pixels: Pixels) -> bytes:
    """Without loss: of drawings, small pictures and maps.

    >>> png(np.zeros((2, 2), np.uint8))[:4]
    b'\\x89PNG'
    """
    file = BytesIO()
    _picture(pixels).save(file, "PNG", optimize=True)
    return file.getvalue()


def jpeg(pixels: Pixels, quality: int = 80) -> bytes:
    """Much smaller: of photographs.

    >>> jpeg(np.zeros((2, 2, 3), np.uint8))[:3]
    b'\\xff\\xd8\\xff'
    """
    file = BytesIO()
    _picture(pixels).convert("RGB").save(file, "JPEG", quality=quality)
    return file.getvalue()


def _picture(pixels: Pixels) -> Image.Image:
    return Image.fromarray(pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels)
