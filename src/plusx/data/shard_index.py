"""What lies beside tar shards for reading any example by its number: `index.json` and `index.arrow`.

`index.json` says what the set is and vouches for `index.arrow` by its SHA-256. `index.arrow` is an uncompressed Arrow
IPC file with a row an example, of which a read takes one small batch: ten million rows are never loaded.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
import pyarrow as pa
from jaxtyping import Int32, Int64, UInt8
from pydantic import BaseModel, Field, NonNegativeInt, PositiveInt, ValidationError, model_validator

from plusx.data.cache import default_cache_dir
from plusx.data.files import atomic_write
from plusx.data.places import Folder, Place
from plusx.data.sources import SPLITS
from plusx.errors import PlusxError, in_one_line

FORMAT = "plusx shards"
VERSION = 1
ABOUT = "index.json"
ROWS = "index.arrow"
BATCH_ROWS = 1 << 11
"""Every batch of `index.arrow` but the last: what is read for one example, about 100 kB."""
DOWNLOAD_BYTES = 16 << 20
MAX_ABOUT_BYTES = 64 << 20


class Shard(BaseModel, frozen=True, extra="forbid"):
    """A tar file of the set. Its name is no path: nothing outside the folder can be asked for."""

    name: Annotated[str, Field(pattern=r"^(train|val|test)-[0-9]{6,9}\.tar$")]
    size_bytes: NonNegativeInt


class IndexFile(BaseModel, frozen=True, extra="forbid"):
    """By what `index.arrow` is known to be whole."""

    rows: Annotated[int, Field(ge=1, lt=2**31)]
    size_bytes: PositiveInt
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class About(BaseModel, frozen=True, extra="forbid"):
    """What `index.json` says."""

    format: Literal["plusx shards"] = FORMAT
    version: Literal[1] = VERSION
    multilabel: bool
    """Whether an example has a list of classes, perhaps empty, rather than one."""
    classes: Annotated[tuple[str, ...], Field(min_length=1)]
    splits: dict[Literal["train", "val", "test"], tuple[NonNegativeInt, NonNegativeInt]]
    """Each split's rows: the first, and the one after the last."""
    shards: tuple[Shard, ...]
    index: IndexFile
    skipped: NonNegativeInt
    """How many examples could not be decoded and were left out when the set was packed."""

    @model_validator(mode="after")
    def _splits_part_the_rows(self) -> Self:
        ranges = [self.splits[split] for split in SPLITS if split in self.splits]
        ends = [0, *(end for _, end in ranges)]
        if [first for first, _ in ranges] != ends[:-1] or ends[-1] != self.index.rows:
            raise ValueError(f"splits {self.splits} do not part {self.index.rows} rows")
        if not all(first < end for first, end in pairwise(ends)):
            raise ValueError(f"splits {self.splits}: one is empty")
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("two classes have one name")
        return self


def schema(multilabel: bool) -> pa.Schema:
    """The columns of `index.arrow`; `offset` and `length` are those of the picture's own bytes inside the tar."""
    columns = {
        "shard": pa.int32(),
        "offset": pa.int64(),
        "length": pa.int32(),
        "target": pa.list_(pa.field("item", pa.int32(), nullable=False)) if multilabel else pa.int32(),
        "sha256": pa.binary(32),
        "name": pa.string(),
    }
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in columns.items()])


def is_shards(folder: Path) -> bool:
    """Whether a folder was packed by plusx; a set's own index.json is none of ours."""
    try:
        with open(folder / ABOUT, "rb") as file:
            return f'"{FORMAT}"'.encode() in file.read(200)
    except OSError:
        return False


def read_about(place: Place) -> tuple[About, str]:
    """(what `index.json` says, its SHA-256 in hex).

    Raises:
        PlusxError: it is missing, damaged, hostile, or of a newer plusx.
    """
    content = place.read(ABOUT, length=MAX_ABOUT_BYTES)
    try:
        said: Any = json.loads(content)
    except (ValueError, RecursionError):
        raise PlusxError(f"{place}/{ABOUT}: no JSON; copy it again") from None
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        raise PlusxError(f"{place}/{ABOUT}: not the index of plusx's shards")
    if isinstance(said.get("version"), int) and said["version"] > VERSION:
        raise PlusxError(f"{place}: packed by a newer plusx (format {said['version']}); update plusx")
    try:
        return About.model_validate(said), hashlib.sha256(content).hexdigest()
    except ValidationError as error:
        raise PlusxError(in_one_line(error, f"{place}/{ABOUT}")) from None


class Index:
    """The rows of `index.arrow`, of which only those asked for are read. Safe in threads, and after a fork.

    Raises:
        PlusxError: the file is missing, cut short, changed, or not made as it must be.
    """

    def __init__(self, place: Place, about: About) -> None:
        self._shown = f"{place}/{ROWS}"
        self._about = about
        path = _local_file(place, about.index)
        # Read and not mapped: pages of a map that were touched count as the process's memory for as long as it lives,
        # which after an epoch would be all of them.
        with self._understandable():
            self._places, self._targets, self._names = (
                self._columns(path, columns)
                for columns in (("shard", "offset", "length", "sha256"), ("target",), ("name",))
            )
            batches = self._places.num_record_batches
        if batches != -(-about.index.rows // BATCH_ROWS):
            raise self._damaged(f"other rows than {ABOUT} says")

    def where(self, row: int) -> tuple[Shard, int, int, bytes]:
        """(shard, offset, length, SHA-256) of an example's bytes.

        Raises:
            PlusxError: these lie outside the shard.
        """
        shard, offset, length, digest = self._values(self._places, row)
        inside = 0 <= shard < len(self._about.shards) and offset >= 0 and length >= 0
        if not inside or offset + length > self._about.shards[shard].size_bytes:
            raise self._damaged(f"row {row} lies outside its shard")
        return self._about.shards[shard], offset, length, digest

    def name(self, row: int) -> str:
        """The example's path inside the folder that was packed, or what else it was called.

        Raises:
            PlusxError: the file is not made as it must be.
        """
        return self._values(self._names, row)[0]

    def targets(self) -> Int64[np.ndarray, " count"] | UInt8[np.ndarray, "count classes"]:
        """Each example's class; for several labels 1 where it has the class, else 0.

        Raises:
            PlusxError: a class that there is not.
        """
        count, classes = self._about.index.rows, len(self._about.classes)
        multilabel = self._about.multilabel
        targets = np.zeros((count, classes), np.uint8) if multilabel else np.empty(count, np.int64)
        for first in range(0, count, BATCH_ROWS):
            self._fill(targets[first : first + BATCH_ROWS], self._batch(self._targets, first).column(0))
        return targets

    def _fill(self, targets: np.ndarray, part: Any) -> None:
        if len(part) != len(targets):
            raise self._damaged("a batch is too short")
        # By the buffers: pyarrow's to_numpy imports pandas, where there is one.
        values = _int32(part.flatten() if self._about.multilabel else part)
        if len(values) and not 0 <= values.min() <= values.max() < len(self._about.classes):
            raise self._damaged("a class that there is not")
        if self._about.multilabel:
            targets[np.repeat(np.arange(len(part)), _int32(part.value_lengths())), values] = 1
        else:
            targets[:] = values

    def _values(self, reader: Any, row: int) -> list[Any]:
        one = self._batch(reader, row).slice(row % BATCH_ROWS, 1)
        if len(one) != 1:
            raise self._damaged("a batch is too short")
        return [column[0].as_py() for column in one.columns]

    def _batch(self, reader: Any, row: int) -> Any:
        with self._understandable():
            batch = reader.get_batch(row // BATCH_ROWS)
            # Texts and lists could lead out of the file.
            batch.validate(full=True)
        if any(column.null_count for column in batch.columns):
            raise self._damaged("values are missing")
        return batch

    def _columns(self, path: Path, names: tuple[str, ...]) -> Any:
        whole = schema(self._about.multilabel)
        fields = [whole.get_field_index(name) for name in names]
        options = pa.ipc.IpcReadOptions(included_fields=fields, use_threads=False)
        reader = pa.ipc.open_file(pa.OSFile(str(path)), options=options)
        if reader.schema != pa.schema([whole.field(name) for name in names]):
            raise self._damaged(f"other columns than {ABOUT} says")
        return reader

    @contextmanager
    def _understandable(self) -> Iterator[None]:
        try:
            yield
        except (pa.ArrowException, OSError) as error:
            raise self._damaged(" ".join(str(error).split())[:120]) from None

    def _damaged(self, why: str) -> PlusxError:
        return PlusxError(f"{self._shown}: the index is damaged ({why}); copy it again, or pack the set again")


def _int32(values: Any) -> Int32[np.ndarray, " count"]:
    return np.frombuffer(values.buffers()[1] or b"", np.int32)[values.offset : values.offset + len(values)]


def _local_file(place: Place, index: IndexFile) -> Path:
    """The path of `index.arrow`, its SHA-256 checked; from afar it is fetched once into the cache's folder."""
    if isinstance(place, Folder):
        path = place.path / ROWS
        place.read(ROWS, length=1)  # says it where the file is missing or forbidden
    else:
        path = default_cache_dir() / "shards" / f"{index.sha256}.arrow"
        if _is_whole(path, index):
            return path
        _fetch(place, index, path)
    if not _is_whole(path, index):
        raise PlusxError(f"{place}/{ROWS}: the index is damaged (not as {ABOUT} says); copy it again")
    return path


def _fetch(place: Place, index: IndexFile, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path, "wb") as file:
            for start in range(0, index.size_bytes, DOWNLOAD_BYTES):
                file.write(place.read(ROWS, start, min(DOWNLOAD_BYTES, index.size_bytes - start)))
    except OSError as error:
        raise PlusxError(f"{path}: {place}'s index cannot be kept there ({error.strerror}); set PLUSX_CACHE") from None


def _is_whole(path: Path, index: IndexFile) -> bool:
    if not path.is_file() or path.stat().st_size != index.size_bytes:
        return False
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == index.sha256
