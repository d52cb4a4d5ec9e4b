"""Decode once: prepared examples in a memory-mapped file; or decode for every batch, where that is asked for.

A cache entry is a folder named by what decides its content: the spec, the examples' fingerprint and this
format's version. It holds `examples.npy` (every example's place, zeros for bad ones) and `about.json` (which
are bad, and why); targets are never in it. Entries appear whole, by a rename: two runs may build one at once.
"""

import csv
import errno
import hashlib
import json
import os
import shutil
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from jaxtyping import Int32, Int64, UInt8

from plusx.data.boxes import BoxedSource, BoxedSpec
from plusx.data.files import atomic_folder, atomic_write, remove_abandoned
from plusx.data.image import BadSample, ImageSpec
from plusx.data.masked import MaskedSpec, Stored, stored_spec
from plusx.data.modalities import Spec
from plusx.data.sources import Samples, Targets
from plusx.errors import PlusxError

FORMAT = 1
CHUNK_BYTES = 8 << 20
MAX_VERIFIED_BYTES = 4_000_000_000
"""Verified examples that take more than this when they are decoded, or half of the free disk, get no cache."""
REMOTE_THREADS = 32
"""They mostly wait: at 50 ms a read, two threads would give 40 pictures a second."""
SPARE_BYTES = 64 << 20
"""What is left free on the disk."""

Progress = Callable[[int, int], None]


class Skipped(NamedTuple):
    """An example that could not be used, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Prepared:
    """Examples ready for batches: numbered 0, 1, 2, ... without those that were skipped."""

    spec: Stored
    samples: Samples
    kept: Int32[np.ndarray, " count"] | Int64[np.ndarray, " count"]
    """Each example's place in `samples`."""
    skipped: list[Skipped]
    note: str | None = None
    """What people should know of how they were prepared, in one line."""
    _stored: np.ndarray | None = field(default=None, repr=False)
    _threads: int = 1
    _all: bool = False

    @classmethod
    def of(cls, samples: Samples, spec: Stored, values: np.ndarray) -> "Prepared":
        """Examples that are prepared already: `values` as `gather` gives them, in the samples' order."""
        return cls(spec, samples, np.arange(len(samples)), [], _stored=values)

    def __len__(self) -> int:
        return len(self.kept)

    @property
    def targets(self) -> Targets:
        """Each example's class, as its place in `classes`; or a 1 for each of its labels; or its boxes, in shares of
        the prepared picture's sides."""
        # All of them in their own order, as large sets mostly are, need no copy.
        targets = self.samples.targets if self._all else self.samples.targets[self.kept]
        source = self.samples.source
        if isinstance(self.spec, BoxedSpec) and isinstance(source, BoxedSource):
            return self.spec.placed(targets, source.sizes[self.kept])
        return targets

    @property
    def classes(self) -> tuple[str, ...]:
        return self.samples.classes

    def name(self, index: int) -> str:
        """The example's path, or what else it is called."""
        return self.samples.source.name(int(self.kept[index]))

    def take(self, indices: Int64[np.ndarray, " some"]) -> "Prepared":
        """The examples at these places, in this order; what is stored is shared."""
        return replace(self, kept=self.kept[indices], _all=False)

    def among(self, rows: Int64[np.ndarray, " some"]) -> "Prepared":
        """Those of the examples, used and skipped, that are at these places in `samples`, in the samples' order."""
        wanted = np.zeros(len(self.samples), bool)
        wanted[rows] = True
        kept = self.kept[wanted[self.kept]]
        wanted[kept] = False
        lost = {self.samples.source.name(int(row)) for row in np.flatnonzero(wanted)}
        skipped = [one for one in self.skipped if one.name in lost]
        return replace(self, kept=kept, skipped=skipped, _all=False)

    def gather(self, indices: Int64[np.ndarray, " batch"]) -> np.ndarray:
        """The examples' values, channels last: for pictures uint8 of shape (batch, height, width, channels).

        Raises:
            PlusxError: without a cache, an example can no longer be read.
        """
        values = self._gather(indices)
        return self.spec.split(values)[0] if isinstance(self.spec, MaskedSpec) else values

    def pairs(self, indices: Int64[np.ndarray, " batch"]) -> tuple[np.ndarray, np.ndarray]:
        """(values, targets) of the examples; of pictures with masks the targets are `(batch, height, width)`.

        Raises:
            PlusxError: without a cache, an example can no longer be read.
        """
        values = self._gather(indices)
        if isinstance(self.spec, MaskedSpec):
            return self.spec.split(values)
        return values, self._targets[indices]

    def glimpses(self, most_bytes: int, at_once: int) -> Iterator[UInt8[np.ndarray, "some bytes"]]:
        """The middle bytes of every example as it is stored, in order, `at_once` together.

        Nothing is decoded: without a cache there are none.
        """
        if self._stored is None:
            return
        stored = self._stored.reshape(len(self._stored), -1).view(np.uint8)
        start = max(0, stored.shape[1] - most_bytes) // 2
        for first in range(0, len(self), at_once):
            rows = self.kept[first : first + at_once]
            yield stored[rows, start : start + most_bytes]

    @cached_property
    def _targets(self) -> np.ndarray:
        # Read for every batch: of examples in another order, `targets` is a copy.
        return self.targets

    def _gather(self, indices: Int64[np.ndarray, " batch"]) -> np.ndarray:
        rows = self.kept[indices]
        if self._stored is not None:
            return self._stored[rows]
        batch = np.empty((len(rows), *stored_shape(self.spec)), self.spec.dtype)
        bad = _fill(batch, self.samples, self.spec, rows, self._threads)
        if bad:
            row, reason = bad[0]
            raise PlusxError(f"{self.samples.source.name(row)}: {reason}; it was readable before: restart the run")
        return batch


def prepare_samples(
    samples: Samples,
    spec: Spec,
    *,
    cache: Path | None,
    threads: int | None = None,
    on_progress: Progress | None = None,
) -> Prepared:
    """Decodes every example once: into a cache folder, or with `cache=None` only to find the bad ones.

    Bad examples are left out and listed. Both ways keep the same examples, and give the same values. Where the
    folder cannot be written or the disk is too small, it goes on without a cache and `note` says so. Examples that
    were verified when they were packed are looked for bad ones no more: without a cache, and where they are too many
    for one, nothing is decoded before the first batch.
    `on_progress` gets (done, count) from time to time, from the calling thread.

    Raises:
        PlusxError: not one example can be used.
    """
    stored = stored_spec(samples, spec)
    threads = threads or (REMOTE_THREADS if samples.source.remote else available_cores())
    note = None
    if len(samples) and _is_verified(samples, stored):
        note = None if cache is None else _too_large(samples, stored, Path(cache))
        if cache is None or note:
            every = np.arange(len(samples), dtype=np.int32)
            return Prepared(stored, samples, every, [], note, None, threads, _all=True)
    prepared = None
    if cache is not None:
        try:
            prepared = _cached(samples, stored, Path(cache), threads, on_progress)
        except OSError as error:
            if error.errno not in _NO_CACHE:
                raise
            note = f"{cache}: no cache ({error.strerror}); decoding again for every epoch, which is slower"
    if prepared is None:
        bad = [one for _, those in _decoded(samples, stored, threads, on_progress) for one in those]
        prepared = _prepared(samples, stored, bad, None, threads)
    if not len(prepared):
        name, reason = prepared.skipped[0] if prepared.skipped else ("the set", "it is empty")
        raise PlusxError(f"{name}: {reason}; none of {len(samples)} examples can be used")
    return replace(prepared, note=note)


def default_cache_dir() -> Path:
    """$PLUSX_CACHE, else plusx in $XDG_CACHE_HOME, else ~/.cache/plusx."""
    if chosen := os.environ.get("PLUSX_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "plusx"


def write_skipped(skipped: list[Skipped], path: Path) -> None:
    """A CSV `path,reason`, written whole or not at all."""
    with atomic_write(path) as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("path", "reason"))
        rows.writerows(skipped)


def available_cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def stored_shape(spec: Stored) -> tuple[int, ...]:
    """One example's shape as `prepare` gives it and caches hold it: the network's, channels last."""
    return (*spec.shape[1:], spec.shape[0])


_NO_CACHE = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR)
Bad = tuple[int, str]


def _is_verified(samples: Samples, spec: Stored) -> bool:
    # Packing decodes pictures of up to the usual limit: a lower one may refuse some.
    usual = ImageSpec.model_fields["max_pixels"].default
    return samples.source.verified and isinstance(spec, ImageSpec) and spec.max_pixels >= usual


def _too_large(samples: Samples, spec: Stored, cache: Path) -> str | None:
    """Why these get no cache; None where they may have one."""
    size = _decoded_bytes(len(samples), spec)
    there = next(folder for folder in (cache, *cache.absolute().parents) if folder.exists())
    if size <= min(MAX_VERIFIED_BYTES, shutil.disk_usage(there).free // 2):
        return None
    return f"no cache: it would take {size / 1e9:,.1f} GB; each batch is decoded when its turn comes"


def _decoded_bytes(count: int, spec: Stored) -> int:
    return int(np.prod((count, *stored_shape(spec)), dtype=object)) * spec.dtype.itemsize


def _cached(samples: Samples, spec: Stored, cache: Path, threads: int, on_progress: Progress | None) -> Prepared:
    described = f"{FORMAT}\n{spec.storage_key}\n{samples.source.fingerprint()}"
    entry = cache / hashlib.sha256(described.encode()).hexdigest()
    cache.mkdir(parents=True, exist_ok=True)
    remove_abandoned(cache)
    found = _read_entry(entry, samples, spec)
    if found is None:
        shutil.rmtree(entry, ignore_errors=True)
        try:
            with atomic_folder(entry) as folder:
                _build_entry(folder, samples, spec, threads, on_progress)
        except FileExistsError:
            pass  # another run built the same one meanwhile
        found = _read_entry(entry, samples, spec)
    if found is None:
        raise PlusxError(f"{entry}: the cache was damaged while it was built; remove it, or use --no-cache")
    stored, bad = found
    return _prepared(samples, spec, bad, stored, threads)


def _build_entry(folder: Path, samples: Samples, spec: Stored, threads: int, on_progress: Progress | None) -> None:
    shape = (len(samples), *stored_shape(spec))
    needed = _decoded_bytes(len(samples), spec) + SPARE_BYTES
    if shutil.disk_usage(folder).free < needed:
        raise OSError(errno.ENOSPC, f"it needs {needed / 1e9:.1f} GB of disk")
    bad: list[Bad] = []
    with open(folder / "examples.npy", "wb") as file:
        _write_npy_header(file, shape, spec.dtype)
        for values, those in _decoded(samples, spec, threads, on_progress):
            file.write(values.data)
            bad += those
    about = {"format": FORMAT, "spec": spec.storage_key, "shape": shape, "bad": bad}
    (folder / "about.json").write_text(json.dumps(about))


def _write_npy_header(file: IO[bytes], shape: tuple[int, ...], dtype: np.dtype) -> None:
    description = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, description)


def _read_entry(entry: Path, samples: Samples, spec: Stored) -> tuple[np.ndarray, list[Bad]] | None:
    """What the entry holds; None where there is none, or it is not as it was built."""
    try:
        about: Any = json.loads((entry / "about.json").read_text())
        bad = [(int(row), str(reason)) for row, reason in about["bad"]]
        stored = np.load(entry / "examples.npy", mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    right = stored.shape == (len(samples), *stored_shape(spec)) and stored.dtype == spec.dtype
    in_range = all(0 <= row < len(samples) for row, _ in bad)
    return (stored, bad) if right and in_range and about.get("format") == FORMAT else None


def _prepared(samples: Samples, spec: Stored, bad: list[Bad], stored: np.ndarray | None, threads: int) -> Prepared:
    good = np.ones(len(samples), bool)
    good[[row for row, _ in bad]] = False
    skipped = [Skipped(samples.source.name(row), reason) for row, reason in bad]
    return Prepared(spec, samples, np.flatnonzero(good), skipped, None, stored, threads)


def _decoded(
    samples: Samples, spec: Stored, threads: int, on_progress: Progress | None
) -> Iterator[tuple[np.ndarray, list[Bad]]]:
    """All examples in order, chunk by chunk, decoded in threads a few chunks ahead: memory stays flat."""
    shape = stored_shape(spec)
    size = max(1, min(256, CHUNK_BYTES // (int(np.prod(shape)) * spec.dtype.itemsize)))
    count = len(samples)

    def chunk(start: int) -> tuple[np.ndarray, list[Bad]]:
        rows = np.arange(start, min(start + size, count))
        values = np.zeros((len(rows), *shape), spec.dtype)
        return values, _fill(values, samples, spec, rows, 1)

    starts = iter(range(0, count, size))
    done = 0
    with ThreadPoolExecutor(threads) as pool:
        ahead = deque(pool.submit(chunk, start) for start in islice(starts, 2 * threads))
        while ahead:
            values, bad = ahead.popleft().result()
            done += len(values)
            if on_progress:
                on_progress(done, count)
            yield values, bad
            ahead.extend(pool.submit(chunk, start) for start in islice(starts, 1))


def _fill(values: np.ndarray, samples: Samples, spec: Stored, rows: np.ndarray, threads: int) -> list[Bad]:
    """Prepares these examples into `values`, whose rows of bad ones are left as they were."""

    def one(place: int) -> Bad | None:
        row = int(rows[place])
        try:
            values[place] = spec.prepare(samples.source.read(row))
        except BadSample as error:
            return row, error.reason
        return None

    places = range(len(rows))
    if threads == 1:
        outcomes = map(one, places)
        return [bad for bad in outcomes if bad]
    with ThreadPoolExecutor(threads) as pool:
        return [bad for bad in pool.map(one, places) if bad]
