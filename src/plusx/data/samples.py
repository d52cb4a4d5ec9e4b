"""From what a person calls their data to one table of examples."""

from collections.abc import Sequence
from pathlib import Path

from plusx.data.known import KNOWN
from plusx.data.listing import read_folder, read_listing
from plusx.data.places import is_address
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


def read_dataset(
    data: str | Path | DataSet,
    *,
    data_dir: Path | None = None,
    classes: Sequence[str] | None = None,
    multilabel: bool | None = None,
) -> DataSet:
    """The examples at `data`: a folder, a CSV or Parquet file, or a known name (./mnist is a folder mnist).

    A folder that `plusx pack` made is read as shards, and so is any address (`s3://bucket/shards`).

    `data_dir` holds a known set's files. `classes` are a trained model's: targets then count in them, matched
    by name, in whatever order the set has them and even if it lacks some. The order of examples depends only
    on the files' names, so that a folder and a listing of it give the same table. `multilabel` is whether the
    model names several labels an example: if so, one class an example is read as its only label.

    Raises:
        WrongUse: nothing is there, it cannot be read as examples, it has but one class, or it has classes
            that the model does not know, or several labels an example for a model of one.

    >>> read_dataset("digits").split("test").classes
    ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9')
    """
    dataset = data if isinstance(data, DataSet) else _read(data, data_dir, bool(multilabel))
    if multilabel:
        dataset = dataset.as_multilabel()
    if multilabel is False and dataset.multilabel:
        raise WrongUse(f"{dataset.origin}: several labels an example, but the model names one; leave one in each row")
    if classes is not None:
        return dataset.with_classes(tuple(classes))
    if len(dataset.classes) < 2:
        raise WrongUse(f"{dataset.origin}: only one class, {''.join(dataset.classes)!r}; there must be two or more")
    return dataset


def _read(data: str | Path, data_dir: Path | None, multilabel: bool) -> DataSet:
    if isinstance(data, str) and data in KNOWN:
        return KNOWN[data](data_dir)
    if data_dir is not None:
        raise WrongUse(f"--data-dir goes with a known name ({', '.join(KNOWN)}), not with {data}")
    if is_address(data):
        return read_shards(data)
    path = Path(data)
    if is_shards(path):
        return read_shards(path)
    if path.is_dir():
        return read_folder(path)
    if path.is_file() and path.suffix.lower() in (".csv", ".parquet", ".pq"):
        return read_listing(path, multilabel)
    if path.exists():
        raise WrongUse(f"{data}: not a folder, CSV or Parquet file; list its examples in one of these")
    hint = nearest(str(data), list(KNOWN))
    raise WrongUse(f"{data}: no such folder or file, nor a known set ({', '.join(KNOWN)}){hint}")
