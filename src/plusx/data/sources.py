"""Where examples' bytes come from, and the table of them with their classes."""

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import pyarrow as pa
from jaxtyping import Float32, Int64, UInt8

from plusx.data.box_rows import Boxes, box_classes, renumbered
from plusx.data.content import file_bytes
from plusx.data.series import slices_in
from plusx.errors import WrongUse
from plusx.words import numbers

Indices = Int64[np.ndarray, " count"]
Targets = (
    Int64[np.ndarray, " count"] | UInt8[np.ndarray, "count classes"] | Float32[np.ndarray, "count targets"] | Boxes
)
SPLITS = ("train", "val", "test")


class Source(Protocol):
    """Examples by number, without their classes."""

    verified: bool
    """Whether every example was decoded once before, and none can have changed since."""
    remote: bool
    """Whether reading waits for a network, so that many should be read at once."""

    def __len__(self) -> int: ...

    def name(self, index: int) -> str:
        """What is shown to people: a path, or for example `mnist/train/17`."""
        ...

    def read(self, index: int) -> Any:
        """What a spec's `prepare` takes: bytes, an array, or these of a picture and its mask.

        Raises:
            BadSample: there is nothing to read.
        """
        ...

    def fingerprint(self) -> str:
        """SHA-256 in hex that changes whenever any example's content may have changed, or their order."""
        ...

    def take(self, indices: Indices) -> Self:
        """The examples at these places, in this order."""
        ...


class FileSource:
    """Files by path. A million paths take about their text's size in memory.

    >>> FileSource(["b.png", "a.png"]).take(np.array([1])).name(0)
    'a.png'
    """

    verified = False
    remote = False

    def __init__(self, paths: Iterable[str | Path] | pa.LargeBinaryArray) -> None:
        if isinstance(paths, pa.LargeBinaryArray):
            self._paths: Any = paths
        else:
            # As the system's bytes: a file's name need not be UTF-8.
            self._paths = pa.array([os.fsencode(path) for path in paths], pa.large_binary())

    def __len__(self) -> int:
        return len(self._paths)

    def name(self, index: int) -> str:
        return self._paths[int(index)].as_py().decode("utf-8", "backslashreplace")

    def _path(self, index: int) -> Path:
        return Path(os.fsdecode(self._paths[int(index)].as_py()))

    def read(self, index: int) -> bytes:
        """As `plusx.data.content.file_bytes`."""
        return file_bytes(self._path(index))

    def fingerprint(self) -> str:
        """Of each file's path, size and times of change; contents are not read."""
        digest = hashlib.sha256(b"files")
        for index in range(len(self)):
            path = self._path(index)
            digest.update(os.fsencode(path) + f"\0{_state(path)}\0".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()

    def take(self, indices: Indices) -> "FileSource":
        return FileSource(self._paths.take(pa.array(np.asarray(indices, np.int64))))


def _state(path: Path) -> str:
    """What changes whenever the file does, or a slice of the folder."""
    try:
        status = path.stat()
        slices = slices_in(path) if stat.S_ISDIR(status.st_mode) else []
    except (OSError, ValueError):
        return "missing"
    own = f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"
    return " ".join([own, *(f"{os.path.basename(each)} {_state(Path(each))}" for each in slices)])


class ArraySource:
    """Pixels already in memory, shape (count, height, width) or (count, height, width, channels), uint8.

    `take` shares them and keeps each example's first number in its name.

    >>> source = ArraySource(np.zeros((3, 2, 2), np.uint8), "made/train")
    >>> source.take(np.array([2, 0])).name(0)
    'made/train/2'
    """

    verified = False
    remote = False

    def __init__(self, pixels: np.ndarray, prefix: str, rows: Indices | None = None) -> None:
        self._pixels = pixels
        self._prefix = prefix
        self._rows = np.arange(len(pixels)) if rows is None else rows

    def __len__(self) -> int:
        return len(self._rows)

    def name(self, index: int) -> str:
        return f"{self._prefix}/{self._rows[index]}"

    def read(self, index: int) -> np.ndarray:
        return self._pixels[self._rows[index]]

    def fingerprint(self) -> str:
        """Of the pixels themselves."""
        digest = hashlib.sha256(f"array {self._pixels.dtype} {self._pixels.shape[1:]}".encode())
        for start in range(0, len(self), 1024):
            digest.update(np.ascontiguousarray(self._pixels[self._rows[start : start + 1024]]).data)
        return digest.hexdigest()

    def take(self, indices: Indices) -> "ArraySource":
        return ArraySource(self._pixels, self._prefix, self._rows[indices])


@dataclass(frozen=True)
class Samples:
    """Examples and their classes, in one order."""

    source: Source
    targets: Targets
    """Each example's class, as its place in `classes`; or, where it may have several labels, a 1 for each it has; or
    whatever else the task's targets are, a row an example."""
    classes: tuple[str, ...]
    modality: str = "image"
    """What kind of examples they are: a name in `plusx.data.modalities.MODALITIES`."""
    task: str = ""
    """What is asked of them: a name in `plusx.tasks.TASKS`. By default by the targets: one class each, or labels."""

    def __post_init__(self) -> None:
        if not self.task:
            object.__setattr__(self, "task", "multilabel" if self.targets.ndim == 2 else "classify")

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, indices: Indices) -> "Samples":
        """The examples at these places, in this order; the classes stay."""
        indices = np.asarray(indices, np.int64)
        return replace(self, source=self.source.take(indices), targets=self.targets[indices])

    def counts(self) -> Int64[np.ndarray, " classes"]:
        """How many examples each class has; one with several labels, or numbers, counts for each."""
        if self.measured:
            return np.full(len(self.classes), len(self))
        if self.multilabel:
            return self.targets.sum(axis=0, dtype=np.int64)
        if self.boxed:
            return np.bincount(box_classes(self.targets), minlength=len(self.classes))
        return np.bincount(self.targets, minlength=len(self.classes))

    @property
    def multilabel(self) -> bool:
        """Whether an example may have several labels, or none."""
        return self.task == "multilabel"

    @property
    def measured(self) -> bool:
        """Whether an example has numbers, one for each of `classes`, which then are the numbers' names."""
        return self.task == "regress"

    @property
    def boxed(self) -> bool:
        """Whether an example has boxes, rows of `plusx.data.box_rows`, in its own pixels."""
        return self.task == "detect"

    def label(self, index: int) -> str:
        """An example's class as text; several labels are joined by `|`, in the order of the classes. Or its numbers, or
        its transcript, or the classes of its boxes; of pictures with masks, which say it of each pixel, nothing."""
        if self.measured:
            return numbers(self.targets[index].tolist(), self.classes)
        if self.task == "transcribe":
            return "".join(self.classes[place] for place in self.targets[index] if place >= 0)
        if self.multilabel:
            return "|".join(self.classes[place] for place in np.flatnonzero(self.targets[index]))
        if self.boxed:
            return "|".join(self.classes[place] for place in np.unique(box_classes(self.targets[index])))
        return "" if self.task == "segment" else self.classes[self.targets[index]]


@dataclass(frozen=True)
class DataSet:
    """What was found at one place: up to three splits that share one list of classes."""

    train: Samples | None
    val: Samples | None
    test: Samples | None
    classes: tuple[str, ...]
    origin: str
    """The folder, file or known name, as shown to people."""
    notes: tuple[str, ...] = ()
    """What people should know of how it was read, a line each."""

    def split(self, name: str) -> Samples:
        """One split by name.

        Raises:
            WrongUse: there is no such split; the line names those there are.
        """
        there = {split: samples for split in SPLITS if (samples := getattr(self, split)) is not None}
        if name not in there:
            raise WrongUse(f"{self.origin}: no split {name!r}; it has {', '.join(there) or 'none'}")
        return there[name]

    def any_split(self) -> Samples:
        """One of its splits: classes, modality and task are the same in all."""
        return next(samples for split in SPLITS if (samples := getattr(self, split)) is not None)

    @property
    def multilabel(self) -> bool:
        """Whether an example may have several labels, or none."""
        return self.any_split().multilabel

    def as_multilabel(self) -> "DataSet":
        """The same examples for who asks for any number of labels: each has its one class."""

        def spread(samples: Samples) -> Samples:
            if samples.multilabel:
                return samples
            targets = np.zeros((len(samples), len(samples.classes)), np.uint8)
            targets[np.arange(len(samples)), samples.targets] = 1
            return replace(samples, targets=targets, task="multilabel")

        return self.with_each(spread)

    def with_classes(self, classes: tuple[str, ...]) -> "DataSet":
        """The same examples with targets that count in `classes`, matched by name; some may have no examples.

        Raises:
            WrongUse: the set has classes that are not in `classes`; the line names them.
        """
        if self.any_split().measured:
            return self._with_numbers(classes)
        unknown = [name for name in self.classes if name not in set(classes)]
        if unknown:
            kind = "characters" if self.any_split().task == "transcribe" else "classes"
            shown = ", ".join(unknown[:5]) + (f" and {len(unknown) - 5} more" if len(unknown) > 5 else "")
            raise WrongUse(f"{self.origin}: the model does not know the {kind} {shown}; leave them out")
        place = {name: index for index, name in enumerate(classes)}
        # The last is for the -1 that fills transcripts up.
        new_target = np.array([*(place[name] for name in self.classes), -1], np.int64)

        def in_theirs(samples: Samples) -> Samples:
            if samples.task == "segment":
                masked: Any = samples.source
                return replace(samples, source=masked.renumbered(new_target[:-1]), classes=classes)
            if samples.boxed:
                return replace(samples, targets=renumbered(samples.targets, new_target[:-1]), classes=classes)
            if not samples.multilabel:
                matched = new_target[samples.targets].astype(samples.targets.dtype)
                return replace(samples, targets=matched, classes=classes)
            targets = np.zeros((len(samples), len(classes)), np.uint8)
            targets[:, new_target[:-1]] = samples.targets
            return replace(samples, targets=targets, classes=classes)

        return replace(self.with_each(in_theirs), classes=classes)

    def _with_numbers(self, names: tuple[str, ...]) -> "DataSet":
        missing = [name for name in names if name not in self.classes]
        if missing:
            raise WrongUse(f"{self.origin}: the model says {missing[0]}, which these examples lack; add its column")
        places = [self.classes.index(name) for name in names]
        chosen = self.with_each(lambda one: replace(one, targets=one.targets[:, places], classes=names))
        return replace(chosen, classes=names)

    def with_each(self, change: Callable[[Samples], Samples]) -> "DataSet":
        """The set with every split changed."""
        there = {split: change(samples) for split in SPLITS if (samples := getattr(self, split)) is not None}
        return replace(self, **there)


def natural(text: str) -> tuple[tuple[str, int, str], ...]:
    """A key that sorts as people count: img2 before img10, and upper case beside lower.

    >>> sorted(["img10", "Img2", "img1"], key=natural)
    ['img1', 'Img2', 'img10']
    """
    # A number is compared by its length, then its digits: int() refuses very long ones.
    parts = re.split(r"([0-9]+)", text)
    words = parts[0::2]
    numbers = [digits.lstrip("0") for digits in parts[1::2]] + [""]
    return tuple((word.casefold(), len(digits), digits) for word, digits in zip(words, numbers, strict=True))
