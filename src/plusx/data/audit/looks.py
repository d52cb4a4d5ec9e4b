"""How each modality's examples are looked at: a new one is a line in `LOOKS` (and perhaps one in `checks.CHECKS`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from plusx.data.audit.pictures import OWN, picture_figures, read_picture, thumbs
from plusx.data.signal import read_signal
from plusx.data.sound import SoundSpec, decode
from plusx.data.text import checked
from plusx.data.volume import VolumeSpec, read_voxels


class Seen(NamedTuple):
    """One example as it is looked at: what is the same in copies of it, and numbers of the file itself."""

    content: np.ndarray
    own: tuple[float, ...] = ()


@dataclass(frozen=True)
class Look:
    """How the examples of a modality are looked at.

    Args:
        read: an example from what its source gives; raises BadSample.
        own: the names of the numbers that `read` finds.
        figures: numbers of several contents of one shape, (examples, names).
        names: of these.
        small: small grey pictures (examples, side, side) of several contents of one shape, by which near copies are
            found; None: only copies are.
    """

    read: Callable[[Any], Seen]
    own: tuple[str, ...] = ()
    figures: Callable[[np.ndarray], Float[np.ndarray, "examples names"]] | None = None
    names: tuple[str, ...] = ()
    small: Callable[[np.ndarray, int], UInt8[np.ndarray, "examples side side"]] | None = None

    @property
    def all_names(self) -> tuple[str, ...]:
        return (*self.own, *self.names)


def _picture(source: Any) -> Seen:
    pixels, own = read_picture(source)
    return Seen(pixels, own)


def _sound(source: Any) -> Seen:
    wave = decode(source, SoundSpec.model_fields["rate"].default)
    mono = wave.values.mean(axis=1, dtype=np.float32)
    peak = float(np.abs(mono).max())
    return Seen(mono, (len(mono) / wave.rate, peak, _clipped(mono, peak)))


def _clipped(mono: Float[np.ndarray, " samples"], peak: float) -> float:
    """The share of samples that stay at the peak for three samples or more, which no wave does that was not cut off,
    whatever was done to it later."""
    top = (np.abs(mono) >= 0.999 * peak) & (peak > 0)
    same = mono[1:] == mono[:-1]
    return float((top[2:] & same[1:] & same[:-1]).sum() / len(mono))


def _text(source: Any) -> Seen:
    text = checked(source)
    # White space and case do not make another text.
    normal = " ".join(text.decode().split()).casefold().encode()
    return Seen(np.frombuffer(normal, np.uint8), (float(len(text)),))


def _values(read: Callable[[Any], np.ndarray]) -> Callable[[Any], Seen]:
    def look(source: Any) -> Seen:
        values = read(source)
        return Seen(values, (float(values.max() - values.min()),))

    return look


LOOKS: Mapping[str, Look] = {
    "image": Look(_picture, OWN, picture_figures, ("range", "darkest", "brightest", "sharpness"), thumbs),
    "sound": Look(_sound, ("duration_s", "peak", "clipped")),
    "text": Look(_text, ("length",)),
    "signal": Look(_values(lambda source: read_signal(source).values), ("range",)),
    "volume": Look(
        _values(lambda source: read_voxels(source, VolumeSpec.model_fields["max_voxels"].default).values), ("range",)
    ),
}
"""A modality that is not here is not looked into: only its classes are counted."""
