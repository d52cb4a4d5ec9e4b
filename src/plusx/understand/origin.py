"""From places in what a network takes back to places in the input itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from plusx.data.array import ArraySpec
from plusx.data.boxes import to_own
from plusx.data.image import ImageSpec, peek_size
from plusx.data.modalities import Spec
from plusx.data.signal import SignalSpec, read_signal
from plusx.data.sound import SoundSpec, decode
from plusx.data.text import TextSpec, checked, head_of
from plusx.data.volume import VolumeSpec, read_voxels
from plusx.mel import hz, mel

Source = bytes | np.ndarray
Index = Sequence[int]
"""A place's numbers along each axis of the features."""


class Seen(NamedTuple):
    """An input as its modality prepares it, `(*space, channels)`, and what is known of it as it was."""

    prepared: np.ndarray
    own: Any


@dataclass(frozen=True)
class WithOrigin:
    """Prepares inputs, and keeps what their own coordinates need."""

    spec: Spec

    def prepare(self, source: Source) -> Seen:
        """Raises BadSample as the spec's own `prepare`."""
        return Seen(self.spec.prepare(source), ORIGINS[self.spec.modality].known(self.spec, source))

    def place(self, seen: Seen, index: Index) -> dict[str, Any]:
        """A place in the input's own coordinates: `x` and `y` in pixels; `time_s` and `hz`; `character` and `word`;
        `slice`, `row` and `column` in voxels; `sample`, and `time_s` where the rate is known; an array's `index`."""
        return ORIGINS[self.spec.modality].place(self.spec, seen.own, index)


def place_words(place: Mapping[str, Any] | None) -> str:
    """A place as people say it.

    >>> place_words({"time_s": 0.25, "hz": 1200.4}), place_words({"x": 3.5, "y": 8.0}), place_words(None)
    ('most for it at 0.25 s, 1,200 Hz', 'most for it at x 3.5, y 8', 'nothing spoke for it')
    """
    if place is None:
        return "nothing spoke for it"
    if "word" in place:
        return f"most for it at character {place['character']}: {place['word'] or 'a space'}"
    said = [_said(name, value) for name, value in place.items()]
    return f"most for it at {', '.join(said)}"


def _said(name: str, value: Any) -> str:
    if name == "time_s":
        return f"{value:g} s"
    if name == "hz":
        return f"{value:,.0f} Hz"
    return f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"


class Origin(NamedTuple):
    """A modality's own coordinates.

    Args:
        known: what of an input must be kept.
        place: a place in its own coordinates.
    """

    known: Callable[[Any, Source], Any]
    place: Callable[[Any, Any, Index], dict[str, Any]]


def _picture(spec: ImageSpec, size: tuple[int, int], index: Index) -> dict[str, Any]:
    row, column = index
    share = [(column + 0.5) / spec.width, (row + 0.5) / spec.height]
    x, y = to_own(np.array([share * 2]), size, spec)[0, :2].tolist()
    return {"x": round(x, 2), "y": round(y, 2)}


def _sound(spec: SoundSpec, duration_s: float, index: Index) -> dict[str, Any]:
    step = 1 if spec.front == "waveform" else spec.mel.hop
    # What stands in the middle of zeros, or is itself a middle.
    time_s = index[-1] * step / spec.rate + (duration_s - spec.duration_s) / 2
    if spec.shorter == "repeat":
        time_s %= duration_s
    place: dict[str, Any] = {"time_s": round(min(max(time_s, 0.0), duration_s), 4)}
    if len(index) == 2:
        edges = hz(np.linspace(mel(spec.low_hz), mel(spec.high_hz), spec.mels + 2))
        place["hz"] = round(float(edges[index[0] + 1]), 1)
    return place


def _duration_s(spec: SoundSpec, source: Source) -> float:
    wave = decode(source, spec.rate)
    return len(wave.values) / wave.rate


def _text(spec: TextSpec, text: bytes, index: Index) -> dict[str, Any]:
    read = len(spec.prepare(text).tobytes().rstrip(b"\0"))
    place = min(index[0], read - 1)
    if len(text) > read and spec.cut == "head+tail" and place >= len(head_of(text, spec.length // 4)):
        place += len(text) - read
    while text[place] & 0xC0 == 0x80:
        # Inside of a character that an earlier byte began.
        place -= 1
    character, words = len(text[:place].decode()), text.decode()
    start = next((at for at in range(character, 0, -1) if words[at - 1].isspace()), 0)
    return {"character": character, "word": "" if words[character].isspace() else words[start:].split(maxsplit=1)[0]}


def _volume(spec: VolumeSpec, known: tuple[Sequence[int], Sequence[int]], index: Index) -> dict[str, Any]:
    own, resampled = known
    wanted = spec.shape[1:]
    place: list[int] = []
    for at, count, size, shown in zip(index, own, resampled, wanted, strict=True):
        start = (size - shown) // 2 if size > shown else -((shown - size) // 2)
        place.append(min(max(int((at + start + 0.5) * count / size), 0), count - 1))
    return dict(zip(("slice", "row", "column"), place, strict=True))


def _voxels(spec: VolumeSpec, source: Source) -> tuple[Sequence[int], Sequence[int]]:
    values, spacing = read_voxels(source, spec.max_voxels)
    return values.shape[:3], spec.resampled_size(values.shape, spacing)


def _signal(spec: SignalSpec, known: tuple[int, float | None], index: Index) -> dict[str, Any]:
    count, rate_hz = known
    # One rate is used for all of whatever says none.
    ratio = 1.0 if spec.rate_hz is None or rate_hz is None else rate_hz / spec.rate_hz
    resampled = round(count / ratio)
    spare = resampled - spec.length
    start = spare // 2 if spare >= 0 else -(-spare // 2)
    sample = min(max(round((index[0] + start) * ratio), 0), count - 1)
    return {"sample": sample, **({} if rate_hz is None else {"time_s": round(sample / rate_hz, 6)})}


def _rate(spec: SignalSpec, source: Source) -> tuple[int, float | None]:
    values, rate_hz = read_signal(source)
    return len(values), rate_hz or spec.file_rate_hz or spec.rate_hz


def _array(spec: ArraySpec, known: None, index: Index) -> dict[str, Any]:
    return {"index": list(index)}


ORIGINS: dict[str, Origin] = {
    "image": Origin(lambda spec, source: peek_size(source)[:2], _picture),
    "sound": Origin(_duration_s, _sound),
    "text": Origin(lambda spec, source: checked(source), _text),
    "volume": Origin(_voxels, _volume),
    "signal": Origin(_rate, _signal),
    "array": Origin(lambda spec, source: None, _array),
}
