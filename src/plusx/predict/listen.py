"""A long recording or an endless stream -> what is heard when: windows that overlap, in memory that does not grow."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, BinaryIO

import numpy as np
from jaxtyping import Float, Float32

from plusx.archive import Archive
from plusx.data.decode import BadSample
from plusx.data.modalities import spec_from_json
from plusx.data.sound import SoundSpec, prepare_wave
from plusx.data.wav import Wave, open_wav
from plusx.engines import Engine
from plusx.errors import PlusxError, WrongUse
from plusx.tasks import task_from_json
from plusx.tasks.classify import Classify

Values = Float32[np.ndarray, "samples channels"]


@dataclass(frozen=True)
class Event:
    """A label that was heard without a break: from the first window's beginning to the last one's end, and the
    largest probability in between."""

    start_s: float
    end_s: float
    label: str
    probability: float

    def as_json(self) -> dict[str, Any]:
        """Its parts, times to a millisecond."""
        return {**asdict(self), "start_s": round(self.start_s, 3), "end_s": round(self.end_s, 3)}


@dataclass
class Latency:
    """How long windows took from their last sample to their answer."""

    windows: int = 0
    total_ms: float = 0.0
    max_ms: float = 0.0

    def add(self, milliseconds: float) -> None:
        """Counts a window."""
        self.windows += 1
        self.total_ms += milliseconds
        self.max_ms = max(self.max_ms, milliseconds)

    def as_json(self) -> dict[str, Any]:
        """`windows`, `latency_ms` (the mean) and `max_latency_ms`."""
        mean = self.total_ms / max(1, self.windows)
        return {"windows": self.windows, "latency_ms": round(mean, 3), "max_latency_ms": round(self.max_ms, 3)}


@dataclass(frozen=True)
class Stream:
    """Sound as it comes: samples a second, and blocks of values from -1 to 1."""

    rate: int
    blocks: Iterable[Values]


@dataclass
class Listener:
    """Hears a stream window by window.

    Args:
        archive: a model of sounds that names one class each.
        engine: runs its network.
        hop_s: from one window's beginning to the next one's.
        threshold: events have this probability or more.
        smooth: windows, the last one included, whose mean probabilities count.
        ignored: labels that make no events, such as silence.

    Raises:
        WrongUse: the model is of another kind, or ignores what it does not know.
    """

    archive: Archive
    engine: Engine
    hop_s: float = 0.25
    threshold: float = 0.5
    smooth: int = 3
    ignored: tuple[str, ...] = ()
    latency: Latency = field(default_factory=Latency)

    def __post_init__(self) -> None:
        manifest = self.archive.manifest
        spec, task = spec_from_json(manifest.preprocessing), task_from_json(manifest.task)
        if not isinstance(spec, SoundSpec) or not isinstance(task, Classify):
            raise WrongUse(f"{self.archive.path}: listen needs a model that names sounds; this one does not")
        for label in self.ignored:
            if label not in manifest.classes:
                raise WrongUse(f"--ignore {label}: the model has no such label; it has {', '.join(manifest.classes)}")
        self._spec, self._task, self._classes = spec, task, manifest.classes

    @property
    def rate(self) -> int:
        """Samples a second of what the network hears."""
        return self._spec.rate

    def hear(self, stream: Stream) -> Iterator[Event]:
        """Each event as soon as it is over."""
        recent: deque[Float[np.ndarray, " classes"]] = deque(maxlen=self.smooth)
        going: Event | None = None
        for start_s, values in windows(stream, self._spec.duration_s, self.hop_s):
            recent.append(self._probabilities(Wave(values, stream.rate)))
            found = self._found(start_s, np.mean(recent, axis=0))
            if going is not None and (found is None or found.label != going.label):
                yield going
                going = None
            if found is not None:
                going = _joined(going, found)
        if going is not None:
            yield going

    def _probabilities(self, wave: Wave) -> Float[np.ndarray, " classes"]:
        began = time.perf_counter()
        outputs = self.engine(prepare_wave(wave, self._spec).T[None])
        probabilities = self._task.probabilities(outputs)[0]
        self.latency.add(1000 * (time.perf_counter() - began))
        return probabilities

    def _found(self, start_s: float, probabilities: Float[np.ndarray, " classes"]) -> Event | None:
        best = int(probabilities.argmax())
        label, probability = self._classes[best], float(probabilities[best])
        if probability < self.threshold or label in self.ignored:
            return None
        return Event(start_s, start_s + self._spec.duration_s, label, probability)


def _joined(going: Event | None, found: Event) -> Event:
    if going is None:
        return found
    return Event(going.start_s, found.end_s, found.label, max(going.probability, found.probability))


def windows(stream: Stream, duration_s: float, hop_s: float) -> Iterator[tuple[float, Values]]:
    """(where it begins, its values) of each window; the last one of a stream may be shorter, and none is empty.

    >>> stream = Stream(4, [np.zeros((3, 1), np.float32)] * 3)
    >>> [(start_s, len(values)) for start_s, values in windows(stream, duration_s=1, hop_s=0.5)]
    [(0.0, 4), (0.5, 4), (1.0, 4), (1.5, 3)]
    """
    length = round(duration_s * stream.rate)
    held = np.empty((0, 1), np.float32)
    begins, number = 0, 0
    for block in stream.blocks:
        held = np.concatenate([held.reshape(-1, block.shape[1]), block])
        while begins + len(held) >= (start := round(number * hop_s * stream.rate)) + length:
            held, begins = held[max(0, start - begins) :], max(start, begins)
            yield start / stream.rate, held[:length]
            number += 1
    start = round(number * hop_s * stream.rate)
    ended = begins + len(held)
    # What no window has reached yet; of a short stream, all of it.
    if ended > max(start, start + length - round(hop_s * stream.rate) if number else 0):
        yield start / stream.rate, held[max(0, start - begins) :]


def wav_stream(file: BinaryIO, name: str, block_s: float = 0.25) -> Stream:
    """A WAV file read as it is needed.

    Raises:
        PlusxError: it is damaged, or of another kind.
    """
    try:
        format, size = open_wav(file)
    except BadSample as error:
        raise PlusxError(f"{name}: {error.reason}") from None
    wanted = max(1, round(block_s * format.rate)) * format.frame_bytes

    def blocks() -> Iterator[Values]:
        left = size
        while sound := file.read(wanted if left is None else min(wanted, left)):
            left = None if left is None else left - len(sound)
            yield _finite(format.values(sound), name)

    return Stream(format.rate, blocks())


def raw_stream(file: BinaryIO, rate: int, block_s: float = 0.25) -> Stream:
    """Signed 16-bit little-endian samples of one channel, as microphones' programs write them to a pipe."""
    wanted = 2 * max(1, round(block_s * rate))

    def blocks() -> Iterator[Values]:
        while sound := file.read(wanted):
            yield np.frombuffer(sound, "<i2", len(sound) // 2).astype(np.float32)[:, None] / 32_768

    return Stream(rate, blocks())


def _finite(values: Values, name: str) -> Values:
    if not np.isfinite(values).all():
        raise PlusxError(f"{name}: a sample is infinite or no number; save it anew")
    return values
