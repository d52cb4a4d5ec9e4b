"""What an explanation looks like, by the modality of what is explained. A new modality is a line here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from plusx.data.sound import SoundSpec
from plusx.page import Card
from plusx.page.examples import grey
from plusx.page.pictures import png
from plusx.page.sound import wav
from plusx.understand.explained import Explained, Explainer, Marked
from plusx.understand.lines import line_picture, line_svg
from plusx.understand.overlay import boxed, enlarged, outlined, over
from plusx.understand.words import pieces, word_picture

LONGEST_SOUND_S = 30.0
GAP = 4


class Drawn(NamedTuple):
    """A picture of an explanation for a file, and a card for the page, without a title yet."""

    picture: UInt8[np.ndarray, "height width 3"]
    card: Card


def draw(explainer: Explainer, one: Explained) -> Drawn:
    """An explanation of an input that could be read."""
    assert one.seen is not None
    assert one.heat is not None
    assert one.marked is not None
    look = LOOKS[explainer.spec.modality]
    return look(explainer.spec, one.seen.prepared, one.heat, explainer.method.signed, one.marked)


def _image(spec: Any, values: np.ndarray, heat: np.ndarray, signed: bool, marked: Marked) -> Drawn:
    plain = values[..., :1].repeat(3, axis=2) if values.shape[2] != 3 else values
    hot = over(values.mean(axis=2).round().astype(np.uint8), heat, signed=signed)
    before, after = (_marked(enlarged(one), marked) for one in (plain, hot))
    return Drawn(after, Card("", image=png(_beneath([before, after]))))


def _marked(picture: np.ndarray, marked: Marked) -> np.ndarray:
    if marked.region is not None:
        return outlined(picture, enlarged(marked.region))
    return picture if marked.box is None else boxed(picture, marked.box)


def _sound(spec: SoundSpec, values: np.ndarray, heat: np.ndarray, signed: bool, marked: Marked) -> Drawn:
    heard = wav(values[: round(LONGEST_SOUND_S * spec.rate), 0], spec.rate)
    if spec.front == "waveform":
        return Drawn(*_line(values, heat, signed=signed, audio=heard))
    # High tones above low ones, as notes are written.
    bands = grey(spec.mel.log_mel(values[:, 0])[::-1])
    hot = over(bands, np.broadcast_to(heat, bands.shape)[::-1], signed=signed)
    picture = enlarged(hot)
    before = enlarged(bands[..., None].repeat(3, axis=2))
    return Drawn(picture, Card("", image=png(_beneath([before, picture])), audio=heard))


def _text(spec: Any, values: np.ndarray, heat: np.ndarray, signed: bool, marked: Marked) -> Drawn:
    found = pieces(values.tobytes().rstrip(b"\0"), heat)
    return Drawn(word_picture(found), Card("", marked=found))


def _signal(spec: Any, values: np.ndarray, heat: np.ndarray, signed: bool, marked: Marked) -> Drawn:
    return Drawn(*_line(values, heat, signed=signed))


def _line(values: np.ndarray, heat: np.ndarray, *, signed: bool, audio: bytes | None = None) -> tuple[np.ndarray, Card]:
    lines = values.astype(np.float64)
    card = Card("", svg=line_svg(lines, heat, signed=signed), audio=audio)
    return line_picture(lines, heat, signed=signed), card


def _volume(spec: Any, values: np.ndarray, heat: np.ndarray, signed: bool, marked: Marked) -> Drawn:
    levels = grey(values[..., 0].astype(np.float64))
    slices = [enlarged(over(levels[at], heat[at], signed=signed)) for at in shown_slices(heat)]
    plain = [enlarged(levels[at][..., None].repeat(3, axis=2)) for at in shown_slices(heat)]
    picture = _beneath([_beside(pair) for pair in zip(plain, slices, strict=True)])
    return Drawn(picture, Card("", image=png(picture)))


def _array(spec: Any, values: np.ndarray, heat: np.ndarray, signed: bool, marked: Marked) -> Drawn:
    if heat.ndim == 1:
        return _signal(spec, values, heat, signed, marked)
    if heat.ndim == 3:
        return _volume(spec, values, heat, signed, marked)
    return _image(spec, grey(values[..., :1].astype(np.float64)), heat, signed, marked)


LOOKS: dict[str, Callable[[Any, np.ndarray, np.ndarray, bool, Marked], Drawn]] = {
    "image": _image,
    "sound": _sound,
    "text": _text,
    "signal": _signal,
    "volume": _volume,
    "array": _array,
}


def shown_slices(heat: Float[np.ndarray, "depth height width"]) -> list[int]:
    """The slice with the most heat, and one on each side, an eighth of the depth away; fewer where there are not three.

    >>> heat = np.zeros((16, 1, 1))
    >>> heat[5] = 1
    >>> shown_slices(heat)
    [3, 5, 7]
    """
    depth = len(heat)
    hottest = int(np.abs(heat).sum(axis=(1, 2)).argmax())
    step = max(1, depth // 8)
    middle = min(max(hottest, step), max(depth - 1 - step, 0)) if depth > 2 * step else hottest
    return sorted({at for at in (middle - step, middle, middle + step, hottest) if 0 <= at < depth})[:4]


def _beneath(pictures: Sequence[np.ndarray]) -> np.ndarray:
    line = np.full((GAP, pictures[0].shape[1], 3), 255, np.uint8)
    return np.concatenate([part for one in pictures for part in (one, line)][:-1])


def _beside(pictures: Sequence[np.ndarray]) -> np.ndarray:
    line = np.full((pictures[0].shape[0], GAP, 3), 255, np.uint8)
    return np.concatenate([part for one in pictures for part in (one, line)][:-1], axis=1)
