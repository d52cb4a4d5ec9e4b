"""Folders, CSV and Parquet files of examples: what is where, without opening any example."""

import csv
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from plusx.data.image import EXTENSIONS
from plusx.data.sources import SPLITS, DataSet, FileSource, Samples, Targets, natural
from plusx.errors import WrongUse

SPLIT_NAMES = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


class Row(NamedTuple):
    split: str
    path: str
    labels: tuple[str, ...]


def read_folder(root: Path) -> DataSet:
    """Class subfolders, or train/, val/ (valid/, validation/) and test/ above them.

    Files nested deeper in a class folder count for that class. A folder that several links lead to is read
    once a split, under its own name where it has one there. Hidden files and files of other kinds are passed
    over. A class folder without any pictures is no class, which a note says.

    Raises:
        WrongUse: there are no pictures, no class folders, or fewer than two classes; or the layout is mixed.
    """
    rows: list[Row] = []
    notes: list[str] = []
    for split, folder in _split_folders(root).items():
        rows += _class_rows(folder, split, notes)
    return _table(rows, str(root), tuple(notes))


def read_listing(path: Path, multilabel: bool = False) -> DataSet:
    """A CSV (UTF-8) or Parquet file with the columns `path`, `label` and optionally `split`.

    Relative paths count from the file's folder. Without `split` all is train. Other columns are not read. A `|` in
    any label makes the file one of several labels an example, separated by `|`; an empty label then means none of
    them. `multilabel` reads a file so that has no `|`.

    Raises:
        WrongUse: a column is missing, or a row has no path, no label, a label twice, or an unknown split.
    """
    lines = list(_csv_lines(path) if path.suffix.lower() == ".csv" else _parquet_lines(path))
    multilabel = multilabel or any("|" in label for _, _, label, _ in lines)
    base = os.path.abspath(path.parent)
    rows: list[Row] = []
    for place, file, label, split in lines:
        labels = tuple(part.strip() for part in label.split("|")) if label.strip() else ()
        if not file.strip() or "" in labels or not (labels or multilabel):
            raise WrongUse(f"{path}: {place}: no {'label' if file.strip() else 'path'}; fill it in or remove it")
        if len(set(labels)) < len(labels):
            raise WrongUse(f"{path}: {place}: a label is there twice ({label.strip()}); keep one")
        known = SPLIT_NAMES.get(split.strip().lower())
        if known is None:
            raise WrongUse(f"{path}: {place}: split {split!r} is not one of train, val, test")
        rows.append(Row(known, os.path.normpath(os.path.join(base, file)), labels))
    if not rows:
        raise WrongUse(f"{path}: the file lists no examples")
    if not any(os.path.exists(row.path) for row in rows):
        raise WrongUse(f"{path}: none of its files exists, for example {rows[0].path}; mend its paths")
    return _table(rows, str(path), (), multilabel)


def _table(rows: list[Row], origin: str, notes: tuple[str, ...], multilabel: bool = False) -> DataSet:
    """Rows in their canonical order: by file name, then whole path, however the listing had them."""
    classes = tuple(sorted({label for row in rows for label in row.labels}, key=lambda name: (natural(name), name)))
    folder_keys: dict[str, tuple] = {}

    def key(row: Row) -> tuple:
        folder, name = os.path.split(row.path)
        if folder not in folder_keys:
            folder_keys[folder] = natural(folder)
        return natural(name), folder_keys[folder], row.path, row.labels

    rows = sorted(rows, key=key)

    def samples(split: str) -> Samples | None:
        those = [row for row in rows if row.split == split]
        targets = _targets(those, classes, multilabel)
        return Samples(FileSource(row.path for row in those), targets, classes) if those else None

    train, val, test = (samples(split) for split in SPLITS)
    return DataSet(train, val, test, classes, origin, notes)


def _targets(rows: list[Row], classes: tuple[str, ...], multilabel: bool) -> Targets:
    place = {name: index for index, name in enumerate(classes)}
    if not multilabel:
        return np.array([place[row.labels[0]] for row in rows], np.int64)
    targets = np.zeros((len(rows), len(classes)), np.uint8)
    for own, row in zip(targets, rows, strict=True):
        own[[place[label] for label in row.labels]] = 1
    return targets


def _split_folders(root: Path) -> dict[str, Path]:
    """Each split's folder; the root itself where there are none."""
    folders = {path.name: path for path in _visible_folders(root)}
    named = {name: path for name, path in folders.items() if name.lower() in SPLIT_NAMES}
    if not named:
        return {"train": root}
    others = [name for name in folders if name not in named]
    if others and not any(_visible_folders(path) for path in named.values()) and len(named) == 1:
        return {"train": root}  # a class may be called test or train
    if others:
        raise WrongUse(
            f"{root}: {', '.join(named)} beside {', '.join(others[:3])}: are these splits or classes? "
            "move the others into train/, or elsewhere"
        )
    splits: dict[str, Path] = {}
    for name, path in named.items():
        split = SPLIT_NAMES[name.lower()]
        if split in splits:
            raise WrongUse(f"{root}: {splits[split].name} and {name} are the same split; keep one")
        splits[split] = path
    return splits


def _class_rows(folder: Path, split: str, notes: list[str]) -> list[Row]:
    loose = sum(1 for entry in os.scandir(folder) if _is_picture(entry))
    seen = {_identity(folder)}
    rows: list[Row] = []
    for class_folder in _visible_folders(folder):
        files = list(_pictures(class_folder, seen))
        if not files:
            notes.append(f"{class_folder}: no pictures in it; left out")
        rows += [Row(split, file, (class_folder.name,)) for file in files]
    if not rows:
        found = f"{loose} pictures but no class folders" if loose else "no pictures"
        raise WrongUse(f"{folder}: {found}; put the pictures of each class into a folder with its name")
    if loose:
        notes.append(f"{folder}: {loose} pictures outside the class folders; left out")
    return rows


def _pictures(folder: Path, seen: set[tuple[int, int]]) -> Iterator[str]:
    identity = _identity(folder)
    if identity in seen:
        return
    seen.add(identity)
    with os.scandir(folder) as entries:
        yield from (os.path.abspath(entry.path) for entry in entries if _is_picture(entry))
    for inner in _visible_folders(folder):
        yield from _pictures(inner, seen)


def _visible_folders(folder: Path) -> list[Path]:
    """Real folders before links, so that a folder is met under its own name first."""
    with os.scandir(folder) as entries:
        found = [entry for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
    found.sort(key=lambda entry: (entry.is_symlink(), natural(entry.name), entry.name))
    return [Path(entry.path) for entry in found]


def _is_picture(entry: os.DirEntry[str]) -> bool:
    hidden = entry.name.startswith(".")
    return not hidden and entry.name.lower().endswith(EXTENSIONS) and entry.is_file()


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _csv_lines(path: Path) -> Iterator[tuple[str, str, str, str]]:
    """(where, path, label, split) of each row."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = [name.strip() for name in next(reader, [])]
            _check_columns(path, header)
            for values in reader:
                if not values:
                    continue
                place = f"line {reader.line_num}"
                if len(values) != len(header):
                    raise WrongUse(f"{path}: {place}: {len(values)} values under {len(header)} column names")
                row = dict(zip(header, values, strict=True))
                yield place, row["path"], row["label"], row.get("split", "train")
    except (UnicodeDecodeError, csv.Error) as error:
        raise WrongUse(f"{path}: not a CSV file in UTF-8 ({error})") from error


def _parquet_lines(path: Path) -> Iterator[tuple[str, str, str, str]]:
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            _check_columns(path, names)
            columns = [name for name in ("path", "label", "split") if name in names]
            batches: Iterable[pa.RecordBatch] = file.iter_batches(columns=columns)
            row = 0
            for batch in batches:
                for values in batch.to_pylist():
                    row += 1
                    texts = ["" if values[name] is None else str(values[name]) for name in columns]
                    yield f"row {row}", texts[0], texts[1], texts[2] if len(texts) > 2 else "train"
    except pa.ArrowInvalid as error:
        raise WrongUse(f"{path}: not a Parquet file ({' '.join(str(error).split())[:120]})") from error


def _check_columns(path: Path, names: list[str]) -> None:
    for column in ("path", "label"):
        if column not in names:
            raise WrongUse(f"{path}: no column {column!r} among {', '.join(names) or 'none'}; add it")
