"""Lists of examples: CSV, Parquet and JSON-lines files, whose columns say what is asked of the examples."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from plusx.data.assemble import Measured, Row, assemble, assemble_numbers, classes_of, split_named, targets_of
from plusx.data.mask_layouts import Paired, classes_beside, masked_samples
from plusx.data.masks import Codes
from plusx.data.modalities import commonest, modality_of
from plusx.data.numbers import TARGET, numbers_in, target_columns, target_names
from plusx.data.rows import Table, read_table
from plusx.data.series import FOLDER
from plusx.data.sources import SPLITS, DataSet, Samples
from plusx.data.text_source import TextSource
from plusx.data.transcripts import transcribed_files
from plusx.errors import WrongUse

COLUMNS = ("path", "text", "label", "mask", "split")


def read_listing(path: Path, multilabel: bool = False, modality: str = "auto") -> DataSet:
    """A CSV (UTF-8), Parquet or JSON-lines file with a column for the example, one for what is asked of it (`KINDS`),
    and optionally `split`.

    Relative paths count from the file's folder. Without `split` all is train. Other columns are not read. A `|` in
    any label makes the file one of several labels an example, separated by `|`; an empty label then means none of
    them. `multilabel` reads a file so that has no `|`. A column `target`, or several `target_NAME`, hold numbers. The
    modality is that of most files, by their endings.

    Raises:
        WrongUse: a column is missing, or a row has no path, no label, a label twice, no finite number, or an unknown
            split.
    """
    table = read_table(path, lambda name: name in COLUMNS or bool(target_columns([name])))
    named = {*table.columns, *([TARGET] if target_columns(table.columns) else [])}
    for needed, read in KINDS.items():
        if set(needed) <= named:
            return read(path, table, multilabel, modality)
    if not table.columns:
        raise WrongUse(f"{path}: the file is empty; list examples in it, under the columns' names")
    raise WrongUse(f"{path}: no column {_missing(table.columns)} among {', '.join(table.columns)}; add it")


def labelled_files(path: Path, table: Table, multilabel: bool, modality: str) -> DataSet:
    """Files with their labels: `path,label[,split]`."""
    lines = list(table.rows)
    multilabel = multilabel or any("|" in values["label"] for _, values in lines)
    base = os.path.abspath(path.parent)
    rows: list[Row] = []
    for place, values in lines:
        where = f"{path}: {place}"
        file = full_path(values["path"], base, where)
        labels = labels_in(values["label"], where, multilabel)
        rows.append(Row(split_named(values.get("split", "train"), where), file, labels))
    check_files(path, [row.path for row in rows])
    chosen = commonest(row.path for row in rows) if modality == "auto" else modality
    return assemble(rows, str(path), modality=chosen, multilabel=multilabel)


def measured_files(path: Path, table: Table, multilabel: bool, modality: str) -> DataSet:
    """Files with their numbers: `path,target[,split]`, or a column `target_NAME` for each of several numbers."""
    columns = target_columns(table.columns)
    base = os.path.abspath(path.parent)
    rows: list[Measured] = []
    for place, values in table.rows:
        where = f"{path}: {place}"
        file = full_path(values["path"], base, where)
        numbers = numbers_in(values, columns, where)
        rows.append(Measured(split_named(values.get("split", "train"), where), file, numbers))
    check_files(path, [row.path for row in rows])
    chosen = commonest(row.path for row in rows) if modality == "auto" else modality
    return assemble_numbers(rows, target_names(columns), str(path), modality=chosen)


def masked_pictures(path: Path, table: Table, multilabel: bool, modality: str) -> DataSet:
    """Pictures with their masks: `path,mask[,split]`, and the classes' names in classes.txt beside the file."""
    base = os.path.abspath(path.parent)
    pairs: list[Paired] = []
    for place, values in table.rows:
        where = f"{path}: {place}"
        for column in ("path", "mask"):
            if not values[column].strip():
                raise WrongUse(f"{where}: no {column}; fill it in or remove it")
        picture, mask = (os.path.normpath(os.path.join(base, values[column])) for column in ("path", "mask"))
        pairs.append(Paired(split_named(values.get("split", "train"), where), picture, mask))
    check_files(path, [pair.picture for pair in pairs])
    check_files(path, masks := [pair.mask for pair in pairs])
    notes: list[str] = []
    classes = classes_beside(path.parent, masks, notes)
    return masked_samples(pairs, str(path), classes, Codes.plain(len(classes)), notes)


def labelled_texts(path: Path, table: Table, multilabel: bool, modality: str) -> DataSet:
    """Texts that stand in the list, with their labels: `text,label[,split]`. They stay in the list's order.

    An empty text is an example that cannot be used, no error: `skipped.csv` will list it.
    """
    if modality not in ("auto", "text"):
        raise WrongUse(f"--modality {modality}: {path} has a column of texts; give a list with the column path")
    lines = list(table.rows)
    if not lines:
        raise WrongUse(f"{path}: the file lists no examples; write a row for each")
    multilabel = multilabel or any("|" in values["label"] for _, values in lines)
    labels = [labels_in(values["label"], f"{path}: {place}", multilabel) for place, values in lines]
    splits = np.array([split_named(values.get("split", "train"), f"{path}: {place}") for place, values in lines])
    texts = [values["text"].encode("utf-8", "surrogatepass") for _, values in lines]
    classes = classes_of(labels)
    source = TextSource(path, texts, [place for place, _ in lines])
    every = Samples(source, targets_of(labels, classes, multilabel), classes, "text")
    rows = {split: np.flatnonzero(splits == split) for split in SPLITS}
    parts = {split: every.take(those) if len(those) else None for split, those in rows.items()}
    return DataSet(parts["train"], parts["val"], parts["test"], classes, str(path))


def _missing(columns: Sequence[str]) -> str:
    """What a list lacks to be of any kind.

    >>> _missing(["text", "split"]), _missing(["file"])
    ("'label'", "'path' or 'text'")
    """
    if "path" in columns:
        return "'label', 'target', 'mask' or 'text'"
    return "'label'" if "text" in columns else "'path' or 'text'"


def full_path(file: str, base: str, where: str) -> str:
    """A listed file's path, from the folder `base` where it is relative; one of a folder ends in a slash.

    Raises:
        WrongUse: there is none.
    """
    if not file.strip():
        raise WrongUse(f"{where}: no path; fill it in or remove it")
    path = os.path.normpath(os.path.join(base, file))
    return path + FOLDER if modality_of(path) is None and os.path.isdir(path) else path


def labels_in(text: str, where: str, multilabel: bool) -> tuple[str, ...]:
    """The labels of a row, separated by `|`.

    Raises:
        WrongUse: there is none, though each example must have one, or one is there twice.

    >>> labels_in("sea | sky", "list.csv: line 2", multilabel=True)
    ('sea', 'sky')
    """
    labels = tuple(part.strip() for part in text.split("|")) if text.strip() else ()
    if "" in labels or not (labels or multilabel):
        raise WrongUse(f"{where}: no label; fill it in or remove it")
    if len(set(labels)) < len(labels):
        raise WrongUse(f"{where}: a label is there twice ({text.strip()}); keep one")
    return labels


def check_files(path: Path, files: list[str]) -> None:
    """Nothing, if some of the listed files are there.

    Raises:
        WrongUse: none is listed, or none exists.
    """
    if not files:
        raise WrongUse(f"{path}: the file lists no examples; write a row for each")
    if not any(os.path.exists(file) for file in files):
        raise WrongUse(f"{path}: none of its files exists, for example {files[0]}; mend its paths")


KINDS: dict[tuple[str, ...], Callable[[Path, Table, bool, str], DataSet]] = {
    ("path", "mask"): masked_pictures,
    ("path", "label"): labelled_files,
    ("text", "label"): labelled_texts,
    ("path", TARGET): measured_files,
    ("path", "text"): transcribed_files,
}
"""Which columns make which kind of list: the first whose columns are all there; `target_NAME` is a `target`, too."""
