"""What an example looks like on a page, by its modality. A new modality is a line here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped, UInt8
from PIL import Image

from plusx.data.modalities import Spec
from plusx.data.sound import SoundSpec
from plusx.page.blocks import SMALL, Card
from plusx.page.figures import COLOURS, themed
from plusx.page.pictures import jpeg, png
from plusx.page.sound import wav

SIDE = 240
"""Larger pictures are shown at this side: a page of many must not grow beyond what a phone loads."""
CHARACTERS = 400
LONGEST_SOUND_S = 6.0

Values = Shaped[np.ndarray, "*space channels"]


def example_card(spec: Spec, values: Values, title: str, lines: Sequence[str] = ()) -> Card:
    """An example as the network gets it.

    Args:
        spec: the model's preprocessing.
        values: what its `prepare` gave.
        title, lines: what is said of it.

    >>> from plusx.data.text import TextSpec
    >>> spec = TextSpec(length=8)
    >>> example_card(spec, spec.prepare(b"Hello"), "greeting").marked
    [('Hello', 0.0)]
    """
    return replace(LOOKS[spec.modality](spec, values), title=title, lines=tuple(lines))


def image_card(spec: Spec, values: UInt8[np.ndarray, "height width channels"]) -> Card:
    """A picture; of other channels than 1 and 3 the first."""
    pixels = values if values.shape[2] in (1, 3) else values[..., :1]
    height, width = pixels.shape[:2]
    if max(height, width) <= SMALL:
        return Card("", image=png(pixels))
    by = min(1.0, SIDE / max(height, width))
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    return Card("", image=jpeg(np.array(picture.resize((max(1, round(by * width)), max(1, round(by * height)))))))


def sound_card(spec: SoundSpec, values: Values) -> Card:
    """A spectrogram, low tones at its foot, and the first seconds to be heard."""
    heard = values[: round(LONGEST_SOUND_S * spec.rate), 0]
    bands = spec.mel.log_mel(values[:, 0])
    return Card("", image=png(heat(bands[::-1])), audio=wav(heard, spec.rate))


def text_card(spec: Spec, values: Values) -> Card:
    """Its first words."""
    words = values.tobytes().rstrip(b"\0").decode("utf-8", "replace")
    return Card("", marked=[(words[:CHARACTERS] + (" …" if len(words) > CHARACTERS else ""), 0.0)])


def signal_card(spec: Spec, values: Float[np.ndarray, "time channels"]) -> Card:
    """A line a channel, of eight at most."""
    return Card("", svg=lines_svg(values[:, : len(COLOURS)].T.astype(np.float64)))


def volume_card(spec: Spec, values: Float[np.ndarray, "depth height width channels"]) -> Card:
    """The middle slices of the first channel, across each axis."""
    first = values[..., 0].astype(np.float32)
    return Card("", image=png(side_by_side([np.take(first, size // 2, axis) for axis, size in enumerate(first.shape)])))


def array_card(spec: Spec, values: Values) -> Card:
    """Numbers of two axes and more as grey levels, of one as a line."""
    first = values[..., 0].astype(np.float64)
    if first.ndim < 2:
        return Card("", svg=lines_svg(first.reshape(1, -1)))
    while first.ndim > 2:
        first = first[len(first) // 2]
    return Card("", image=png(grey(first)))


LOOKS: dict[str, Callable[[Any, np.ndarray], Card]] = {
    "image": image_card,
    "sound": sound_card,
    "text": text_card,
    "signal": signal_card,
    "volume": volume_card,
    "array": array_card,
}


def grey(values: Float[np.ndarray, "height width"]) -> UInt8[np.ndarray, "height width"]:
    """From the least value, black, to the largest."""
    low, high = float(values.min()), float(values.max())
    return (255 * (values - low) / max(high - low, 1e-12)).round().astype(np.uint8)


def heat(values: Float[np.ndarray, "height width"], name: str = "magma") -> UInt8[np.ndarray, "height width 3"]:
    """From the least to the largest value in one of matplotlib's even colour maps."""
    from matplotlib import colormaps

    return (colormaps[name](grey(values))[..., :3] * 255).round().astype(np.uint8)


def side_by_side(pictures: Sequence[Float[np.ndarray, "height width"]]) -> UInt8[np.ndarray, "tallest all"]:
    """Grey pictures in a row, of one scale of grey, each in the middle of the tallest one's height."""
    low, high = min(one.min() for one in pictures), max(one.max() for one in pictures)
    tallest = max(one.shape[0] for one in pictures)
    columns = []
    for one in pictures:
        levels = (255 * (one - low) / max(high - low, 1e-12)).round().astype(np.uint8)
        above = (tallest - len(levels)) // 2
        columns += [np.pad(levels, ((above, tallest - len(levels) - above), (0, 1)))]
    return np.concatenate(columns, axis=1)[:, :-1]


def lines_svg(lines: Float[np.ndarray, "lines points"], points: int = 400) -> str:
    """Lines over one another, each from its own least to its own largest value."""
    drawn = []
    for line, colour in zip(lines, COLOURS, strict=False):
        kept = line[:: max(1, len(line) // points)]
        span = max(float(kept.max() - kept.min()), 1e-12)
        across = np.linspace(0, 400, len(kept))
        down = 95 - 90 * (kept - kept.min()) / span
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, down, strict=True))
        drawn.append(f'<polyline points="{path}" fill="none" style="stroke: {colour}" stroke-width="1.2"/>')
    return themed(f'<svg viewBox="0 0 400 100" xmlns="http://www.w3.org/2000/svg">{"".join(drawn)}</svg>')
