"""Texts in the CSV files of Zhang, Zhao and LeCun (arXiv 1509.01626): class number, title, description; no header.

Fields are quoted where they need it, quotes inside are doubled, and a new line is written as a backslash and an n.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from plusx.data.rows import csv_lines
from plusx.data.sources import DataSet, Samples
from plusx.data.text_source import TextSource
from plusx.errors import PlusxError, WrongUse

AG_NEWS = ("World", "Sports", "Business", "Sci/Tech")
DBPEDIA = (
    "Company",
    "EducationalInstitution",
    "Artist",
    "Athlete",
    "OfficeHolder",
    "MeanOfTransportation",
    "Building",
    "NaturalPlace",
    "Village",
    "Animal",
    "Plant",
    "Album",
    "Film",
    "WrittenWork",
)
COLUMNS = 3


def read_titled(name: str, root: Path, folder: str, classes: Sequence[str]) -> DataSet:
    """`train.csv` and `test.csv` in `root` or its `folder`; `classes.txt` beside them, where it is, names the classes.

    A text is title and description, a line each.

    Raises:
        WrongUse: a file is missing, or is no such CSV.
        PlusxError: a row has other columns, or a class that there is not.
    """
    place = next((each for each in (root / folder, root) if (each / "train.csv").is_file()), None)
    if place is None:
        raise WrongUse(f"--data-dir {root}: no train.csv in it; unpack {folder}.tar.gz there")
    names = _class_names(place / "classes.txt", classes)
    train, test = (_samples(place / f"{split}.csv", names) for split in ("train", "test"))
    return DataSet(train, None, test, names, name)


def _class_names(path: Path, classes: Sequence[str]) -> tuple[str, ...]:
    if not path.is_file():
        return tuple(classes)
    names = tuple(line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    if len(set(names)) != len(classes):
        raise PlusxError(f"{path}: {len(set(names))} classes, not {len(classes)}; fetch it again")
    return names


def _samples(path: Path, classes: tuple[str, ...]) -> Samples:
    if not path.is_file():
        raise WrongUse(f"--data-dir {path.parent}: no {path.name} in it; unpack all of the archive there")
    targets: list[int] = []
    texts: list[bytes] = []
    places: list[str] = []
    for place, values in csv_lines(path):
        if not values:
            continue
        targets.append(_class(path, place, values, len(classes)))
        texts.append("\n".join(part.replace("\\n", "\n").strip() for part in values[1:]).encode())
        places.append(place)
    if not targets:
        raise PlusxError(f"{path}: it lists no examples; fetch it again")
    return Samples(TextSource(path, texts, places), np.array(targets, np.int64), classes, "text")


def _class(path: Path, place: str, values: Sequence[str], count: int) -> int:
    if len(values) != COLUMNS:
        raise PlusxError(f"{path}: {place}: {len(values)} values, not class, title and description; fetch it again")
    number = values[0].strip()
    if not (number.isdecimal() and 1 <= int(number) <= count):
        raise PlusxError(f"{path}: {place}: the class is {number[:20]!r}, not 1 to {count}; fetch it again")
    return int(number) - 1
