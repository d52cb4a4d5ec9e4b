"""A set of examples -> tar shards with an index, every example decoded once on the way."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from plusx.data.cache import Skipped, available_cores, write_skipped
from plusx.data.decode import BadSample, flat, from_array, opened, quiet_if_needed, understandable
from plusx.data.files import atomic_folder
from plusx.data.image import ImageSpec
from plusx.data.places import is_address
from plusx.data.shard_index import ABOUT, BATCH_ROWS, ROWS, About, IndexFile, Shard, schema
from plusx.data.shards import key
from plusx.data.sources import SPLITS, DataSet, Samples
from plusx.errors import PlusxError, WrongUse

SHARD_BYTES = 256_000_000
AHEAD = 8
SHOWN_EVERY = 64
MAX_PIXELS: int = ImageSpec.model_fields["max_pixels"].default
ENDINGS = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp", "BMP": "bmp", "GIF": "gif", "TIFF": "tif"}

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Packed:
    """What was packed: the folder, how many examples each split has, the shards, and what was left out."""

    path: Path
    counts: dict[str, int]
    shards: int
    size_bytes: int
    """Of all shards together."""
    skipped: list[Skipped]


def write_shards(
    dataset: DataSet,
    out: str | Path,
    *,
    shard_bytes: int = SHARD_BYTES,
    threads: int | None = None,
    on_progress: Progress | None = None,
) -> Packed:
    """Packs a set into a new folder, which appears whole or not at all; the same set gives the same bytes.

    A shard takes no example more once that would make it larger than `shard_bytes`. Arrays become PNGs. Unreadable
    examples are left out and listed in the folder's `skipped.csv`. `on_progress` gets (split, done, count).

    Raises:
        WrongUse: there is something at `out`, or it is an address; or the examples have no labels.
        PlusxError: the folder cannot be written, or no example of a split can be used.
    """
    task = dataset.any_split().task
    if task not in ("classify", "multilabel"):
        raise WrongUse(f"{dataset.origin}: shards hold labels, not what the task {task} asks for; train on it as it is")
    if is_address(out):
        raise WrongUse(f"--out {out}: shards are packed into a local folder; copy it there afterwards")
    out = Path(out)
    if os.path.lexists(out):
        raise WrongUse(f"--out {out}: something is there already; give a new folder")
    try:
        with atomic_folder(out) as folder:
            packed = _Packing(dataset, folder, shard_bytes, threads or available_cores(), on_progress).run()
    except OSError as error:
        if os.path.lexists(out):
            raise WrongUse(f"--out {out}: something is there by now; give a new folder") from None
        raise PlusxError(f"--out {out}: cannot be written ({error.strerror})") from error
    return Packed(out, **packed)


class _Picture(NamedTuple):
    content: bytes
    ending: str
    sha256: bytes


class _Packing:
    """One set on its way into one folder."""

    def __init__(
        self, dataset: DataSet, folder: Path, shard_bytes: int, threads: int, on_progress: Progress | None
    ) -> None:
        self._dataset = dataset
        self._folder = folder
        self._threads = threads
        self._on_progress = on_progress
        self._skipped: list[Skipped] = []
        self._shard_bytes = shard_bytes
        self._root = _root(dataset.origin)
        self._multilabel = any(samples.multilabel for _, samples in self._splits())

    def _splits(self) -> list[tuple[str, Samples]]:
        named = [(split, getattr(self._dataset, split)) for split in SPLITS]
        return [(split, samples) for split, samples in named if samples is not None]

    def run(self) -> dict:
        ends: dict[str, tuple[int, int]] = {}
        columns = schema(self._multilabel)
        with _Tars(self._folder, self._shard_bytes) as tars, _Rows(self._folder / ROWS, columns) as rows:
            for split, samples in self._splits():
                first = rows.count
                self._pack(split, samples, tars, rows)
                if rows.count == first:
                    why = self._skipped[-1] if self._skipped else Skipped(split, "it is empty")
                    raise PlusxError(
                        f"{self._dataset.origin}: {why.name}: {why.reason}; none of {len(samples)} {split} pictures "
                        "can be used"
                    )
                ends[split] = (first, rows.count)
        write_skipped(self._skipped, self._folder / "skipped.csv")
        self._write_about(ends, rows.count, tars.shards)
        return {
            "counts": {split: end - first for split, (first, end) in ends.items()},
            "shards": len(tars.shards),
            "size_bytes": sum(shard.size_bytes for shard in tars.shards),
            "skipped": self._skipped,
        }

    def _pack(self, split: str, samples: Samples, tars: _Tars, rows: _Rows) -> None:
        tars.begin(split)
        for index, picture in enumerate(_in_order(samples, self._threads)):
            name = samples.source.name(index).removeprefix(self._root)
            if isinstance(picture, _Picture):
                target = samples.targets[index]
                labels = np.flatnonzero(target).tolist() if self._multilabel else int(target)
                row = key(rows.count)
                place = tars.add({f"{row}.{picture.ending}": picture.content, **_label_file(row, labels)})
                rows.add(*place, len(picture.content), labels, picture.sha256, name)
            else:
                self._skipped.append(Skipped(name, picture.reason))
            if self._on_progress and ((index + 1) % SHOWN_EVERY == 0 or index + 1 == len(samples)):
                self._on_progress(split, index + 1, len(samples))

    def _write_about(self, ends: dict, count: int, shards: list[Shard]) -> None:
        path = self._folder / ROWS
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        about = About(
            multilabel=self._multilabel,
            classes=self._dataset.classes,
            splits=ends,
            shards=tuple(shards),
            index=IndexFile(rows=count, size_bytes=path.stat().st_size, sha256=digest),
            skipped=len(self._skipped),
        )
        (self._folder / ABOUT).write_text(about.model_dump_json(indent=2) + "\n", encoding="utf-8")


class _Tars:
    """The shards of one folder, one after the other."""

    def __init__(self, folder: Path, shard_bytes: int) -> None:
        self._folder = folder
        self._limit = shard_bytes
        self._split, self._number = "", 0
        self._tar: tarfile.TarFile | None = None
        self.shards: list[Shard] = []

    def __enter__(self) -> _Tars:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def begin(self, split: str) -> None:
        """What is added from now on belongs to this split."""
        self.close()
        self._split, self._number = split, 0

    def add(self, members: dict[str, bytes]) -> tuple[int, int]:
        """(the shard's number, the offset of the first member's content inside it)."""
        # A member is a header of one block and its content, filled up to whole blocks.
        needed = sum(tarfile.BLOCKSIZE * (1 - (-len(content) // tarfile.BLOCKSIZE)) for content in members.values())
        if self._tar is not None and _tar_bytes(self._tar.offset + needed) > self._limit:
            self.close()
        if self._tar is None:
            path = self._folder / f"{self._split}-{self._number:06d}.tar"
            self._tar = tarfile.TarFile(path, "w", format=tarfile.USTAR_FORMAT)
            self._number += 1
        start = self._tar.offset + tarfile.BLOCKSIZE
        for name, content in members.items():
            # TarInfo's own defaults are no time, no owner: the same set gives the same bytes.
            member = tarfile.TarInfo(name)
            member.size = len(content)
            self._tar.addfile(member, io.BytesIO(content))
        return len(self.shards), start

    def close(self) -> None:
        """Ends the shard under way."""
        if self._tar is None:
            return
        path = Path(os.fsdecode(self._tar.name or ""))
        self._tar.close()
        self.shards.append(Shard(name=path.name, size_bytes=path.stat().st_size))
        self._tar = None


class _Rows:
    """`index.arrow`, written batch by batch."""

    def __init__(self, path: Path, columns: pa.Schema) -> None:
        self._schema = columns
        self._file = pa.OSFile(str(path), "wb")
        self._writer = pa.ipc.new_file(self._file, columns)
        self._waiting: list[tuple] = []
        self.count = 0

    def __enter__(self) -> _Rows:
        return self

    def __exit__(self, *error: object) -> None:
        self._write()
        self._writer.close()
        self._file.close()

    def add(self, *values: object) -> None:
        """A row, in the schema's order."""
        self._waiting.append(values)
        self.count += 1
        if len(self._waiting) == BATCH_ROWS:
            self._write()

    def _write(self) -> None:
        if not self._waiting:
            return
        columns = zip(*self._waiting, strict=True)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)]
        self._writer.write_batch(pa.record_batch(arrays, schema=self._schema))
        self._waiting.clear()


def _in_order(samples: Samples, threads: int) -> Iterator[_Picture | BadSample]:
    """Every example as a file that was decoded once, in order; a few are decoded ahead, so that memory stays flat."""

    def checked(index: int) -> _Picture | BadSample:
        try:
            source = samples.source.read(index)
            content = _png(source) if isinstance(source, np.ndarray) else source
            return _Picture(content, _ending(content), hashlib.sha256(content).digest())
        except BadSample as error:
            return error

    places = iter(range(len(samples)))
    with ThreadPoolExecutor(threads) as pool:
        ahead = deque(pool.submit(checked, index) for index in islice(places, AHEAD * threads))
        while ahead:
            yield ahead.popleft().result()
            ahead.extend(pool.submit(checked, index) for index in islice(places, 1))


def _tar_bytes(members_bytes: int) -> int:
    """A tar's whole size: it ends with two empty blocks and is filled up to a record."""
    return -(-(members_bytes + 2 * tarfile.BLOCKSIZE) // tarfile.RECORDSIZE) * tarfile.RECORDSIZE


def _png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    from_array(pixels, MAX_PIXELS).save(file, "PNG")
    return file.getvalue()


def _ending(content: bytes) -> str:
    """What kind of picture it is, after all of it was decoded.

    Raises:
        BadSample: as `plusx.data.image.prepare`, which the picture will go through in a training.
    """
    with understandable(), quiet_if_needed(content):
        picture = opened(content, MAX_PIXELS)
        picture.load()
        flat(picture, 255)
    return ENDINGS[str(picture.format)]


def _label_file(row: str, labels: int | list[int]) -> dict[str, bytes]:
    if isinstance(labels, int):
        return {f"{row}.cls": str(labels).encode()}
    return {f"{row}.json": json.dumps({"labels": labels}).encode()}


def _root(origin: str) -> str:
    """What names of examples begin with and is said of no use elsewhere: the set's folder on this machine."""
    path = os.path.abspath(origin)
    return os.path.join(path if os.path.isdir(path) else os.path.dirname(path), "")
