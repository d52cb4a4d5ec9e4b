"""Rows of paths and labels -> splits of examples in one canonical order."""

import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from plusx.data.sources import SPLITS, DataSet, FileSource, Samples, Targets, natural
from plusx.errors import WrongUse

SPLIT_NAMES = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


class Row(NamedTuple):
    """One example: its split, its file, and its labels."""

    split: str
    path: str
    labels: tuple[str, ...]


class Measured(NamedTuple):
    """One example: its split, its file, and its numbers."""

    split: str
    path: str
    labels: tuple[float, ...]


Listed = TypeVar("Listed", Row, Measured)


def assemble_numbers(rows: Sequence[Measured], names: tuple[str, ...], origin: str, *, modality: str) -> DataSet:
    """Rows of numbers in their canonical order, as `assemble` has it; `names` are the numbers'.

    Raises:
        WrongUse: two numbers have one name.
    """
    if len(set(names)) < len(names):
        raise WrongUse(f"{origin}: two targets are called {max(names, key=names.count)}; rename one")
    rows = in_order(rows)

    def samples(split: str) -> Samples | None:
        those = [row for row in rows if row.split == split]
        if not those:
            return None
        targets = np.array([row.labels for row in those], np.float32)
        return Samples(FileSource(row.path for row in those), targets, names, modality, "regress")

    train, val, test = (samples(split) for split in SPLITS)
    return DataSet(train, val, test, names, origin)


def assemble(
    rows: Sequence[Row], origin: str, notes: Sequence[str] = (), *, modality: str, multilabel: bool = False
) -> DataSet:
    """Rows in their canonical order: by file name, then whole path, however they were listed."""
    classes = classes_of(row.labels for row in rows)
    rows = in_order(rows)

    def samples(split: str) -> Samples | None:
        those = [row for row in rows if row.split == split]
        if not those:
            return None
        targets = targets_of([row.labels for row in those], classes, multilabel)
        return Samples(FileSource(row.path for row in those), targets, classes, modality)

    train, val, test = (samples(split) for split in SPLITS)
    return DataSet(train, val, test, classes, origin, tuple(notes))


def classes_of(labels: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """All labels, in natural order."""
    return tuple(sorted({label for own in labels for label in own}, key=lambda name: (natural(name), name)))


def in_order(rows: Sequence[Listed]) -> list[Listed]:
    """Rows by their files' names, then their folders: a folder and a listing of it are the same table."""
    folder_keys: dict[str, tuple] = {}

    def key(row: Listed) -> tuple:
        folder, name = os.path.split(row.path)
        if folder not in folder_keys:
            folder_keys[folder] = natural(folder)
        return natural(name), folder_keys[folder], row.path, row.labels

    return sorted(rows, key=key)


def split_named(text: str, where: str) -> str:
    """The split that a person's word means.

    Raises:
        WrongUse: it is none; `where` says in which file and line.

    >>> split_named(" Valid", "list.csv: line 2")
    'val'
    """
    known = SPLIT_NAMES.get(text.strip().lower())
    if known is None:
        raise WrongUse(f"{where}: split {text!r} is not one of train, val, test")
    return known


def targets_of(labels: Sequence[tuple[str, ...]], classes: tuple[str, ...], multilabel: bool) -> Targets:
    """Each example's class, as its place in `classes`; of several labels, a row of 0 and 1.

    >>> targets_of([("b",), ("a",)], ("a", "b"), multilabel=False).tolist()
    [1, 0]
    """
    place = {name: index for index, name in enumerate(classes)}
    if not multilabel:
        return np.array([place[own[0]] for own in labels], np.int64)
    targets = np.zeros((len(labels), len(classes)), np.uint8)
    for row, own in zip(targets, labels, strict=True):
        row[[place[label] for label in own]] = 1
    return targets
