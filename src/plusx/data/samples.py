"""From what a person calls their data to one table of examples."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from plusx.data.box_layouts import BOX_LAYOUTS
from plusx.data.folders import read_folder
from plusx.data.known import KNOWN
from plusx.data.listing import read_listing
from plusx.data.mask_layouts import LAYOUTS, Layout
from plusx.data.modalities import MODALITIES
from plusx.data.places import is_address
from plusx.data.rows import ENDINGS
from plusx.data.shard_index import is_shards
from plusx.data.shards import read_shards
from plusx.data.sources import ArraySource, DataSet, FileSource, Samples, Source
from plusx.data.splits import folds, hold_out, hold_out_rows, write_splits
from plusx.errors import WrongUse, nearest

__all__ = [
    "ArraySource",
    "DataSet",
    "FileSource",
    "Samples",
    "Source",
    "folds",
    "hold_out",
    "hold_out_rows",
    "read_dataset",
    "write_splits",
]


ONE_IS_ENOUGH = ("regress", "detect")
"""The tasks for which one number, or one class of things beside nothing, is something to learn."""


def read_dataset(
    data: str | Path | DataSet,
    *,
    data_dir: Path | None = None,
    classes: Sequence[str] | None = None,
    task: str | None = None,
    modality: str = "auto",
) -> DataSet:
    """The examples at `data`: a folder, a CSV or Parquet file, or a known name (./mnist is a folder mnist).

    A folder that `plusx pack` made is read as shards, and so is any address (`s3://bucket/shards`).

    `data_dir` holds a known set's files. `classes` are a trained model's: targets then count in them, matched
    by name, in whatever order the set has them and even if it lacks some. The order of examples depends only
    on the files' names, so that a folder and a listing of it give the same table. `task` is what is asked of the
    examples: where it is several labels each, one class an example is read as its only label. `modality` is
    which of several kinds of files to read; auto: the one that most files have.

    Raises:
        WrongUse: nothing is there, it cannot be read as examples, it has but one class, or it has classes
            that the model does not know, or does not say what the task asks for.

    >>> read_dataset("digits").split("test").classes
    ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9')
    """
    if modality not in ("auto", *MODALITIES):
        raise WrongUse(f"--modality {modality}: it must be auto or one of {', '.join(MODALITIES)}")
    dataset = data if isinstance(data, DataSet) else _read(data, data_dir, task == "multilabel", modality)
    if task is not None:
        dataset = asked_for(dataset, task)
    if classes is not None:
        return dataset.with_classes(tuple(classes))
    if len(dataset.classes) < 2 and dataset.any_split().task not in ONE_IS_ENOUGH:
        raise WrongUse(f"{dataset.origin}: only one class, {''.join(dataset.classes)!r}; there must be two or more")
    return dataset


def asked_for(dataset: DataSet, task: str) -> DataSet:
    """The same examples for another task, where each says enough for it.

    Raises:
        WrongUse: it does not; the line says what they are for.
    """
    found = dataset.any_split().task
    if task == found:
        return dataset
    if (found, task) == ("classify", "multilabel"):
        return dataset.as_multilabel()
    if (found, task) == ("classify", "embed"):
        return dataset.with_each(lambda samples: replace(samples, task=task))
    if (found, task) == ("multilabel", "classify"):
        raise WrongUse(f"{dataset.origin}: several labels an example, but the model names one; leave one in each row")
    raise WrongUse(f"{dataset.origin}: its examples are for the task {found}, not for {task}; give another set")


def _read(data: str | Path, data_dir: Path | None, multilabel: bool, modality: str) -> DataSet:
    if isinstance(data, str) and data in KNOWN:
        return KNOWN[data](data_dir)
    if data_dir is not None:
        raise WrongUse(f"--data-dir goes with a known name ({', '.join(KNOWN)}), not with {data}")
    if is_address(data):
        return read_shards(data)
    path = Path(data)
    if is_shards(path):
        return read_shards(path)
    if path.is_dir() and (layout := _find_layout(path)) is not None:
        return layout.read(path)
    if path.is_dir():
        return read_folder(path, modality)
    if path.is_file() and path.suffix.lower() in ENDINGS:
        return read_listing(path, multilabel, modality)
    if path.exists():
        raise WrongUse(f"{data}: not a folder, CSV or Parquet file, nor JSON lines; list its examples in one of these")
    hint = nearest(str(data), list(KNOWN))
    raise WrongUse(f"{data}: no such folder or file, nor a known set ({', '.join(KNOWN)}){hint}")


def _find_layout(root: Path) -> Layout | None:
    """The layout of a folder of pictures with masks or boxes; None where it is none."""
    return next((one for one in (*LAYOUTS.values(), *BOX_LAYOUTS.values()) if one.fits(root)), None)
