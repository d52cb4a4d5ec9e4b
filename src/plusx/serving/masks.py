"""A mask as a picture in an answer, with what its colours mean."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from plusx.predict.paint import palette

UNPAINTED = (0, 255)
"""The first class, mostly the background, and what was not asked about: nothing is painted over the picture there."""


def painted(mask: UInt8[np.ndarray, "height width"], classes: Sequence[str]) -> dict[str, Any]:
    """`mask`: a PNG as a `data:` address, whose values are the classes' places; `legend`: the colours of the classes
    that are in it, the largest first.

    >>> shown = painted(np.array([[1, 1, 0]], np.uint8), ("sky", "cat"))
    >>> shown["mask"][:22], shown["legend"]
    ('data:image/png;base64,', {'cat': '#800000', 'sky': '#000000'})
    """
    counts = np.bincount(mask.ravel(), minlength=256)[: len(classes)]
    order = [int(place) for place in np.argsort(-counts, kind="stable") if counts[place]]
    colours = palette()
    legend = {classes[place]: "#" + bytes(colours[place].tolist()).hex() for place in order}
    return {"mask": f"data:image/png;base64,{base64.b64encode(_png(mask)).decode()}", "legend": legend}


def _png(mask: UInt8[np.ndarray, "height width"]) -> bytes:
    picture = Image.fromarray(mask)
    picture.putpalette(palette().tobytes())
    opaque = bytes(0 if place in UNPAINTED else 255 for place in range(256))
    content = BytesIO()
    picture.save(content, "png", transparency=opaque)
    return content.getvalue()
