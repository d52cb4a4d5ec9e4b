"""Examples as vectors: what any model knows of an example just before its answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from plusx.archive import Archive
from plusx.data.files import atomic_write
from plusx.data.modalities import spec_from_json
from plusx.engines import Engine
from plusx.errors import PlusxError, WrongUse, nearest
from plusx.predict.ahead import Input, prepared_batches

HEAD_WEIGHTS = {"linear": "head.linear.", "numbers": "head.numbers.", "pool": "head.pool."}
"""Heads that end a mean over all positions, and the names of their weights."""
ENDINGS = (".npy", ".parquet")


class Embedded(NamedTuple):
    """An input's vector, None where `error` says why there is none."""

    path: str | None
    embedding: Float32[np.ndarray, " width"] | None
    error: str | None


def without_answer(archive: Archive) -> Archive:
    """The archive whose network gives vectors: as it is where it was trained to, else without the last layer.

    Raises:
        PlusxError: the network has no vector for a whole example.

    >>> from plusx.archive import Golden, Manifest
    >>> manifest = Manifest.model_construct(network={"head": "linear", "num_classes": 2})
    >>> model = Archive(manifest, {"head.linear.bias": np.zeros(2)}, Golden(np.zeros(1), np.zeros(1)))
    >>> without_answer(model).manifest.network["head"], without_answer(model).weights
    ('pool', {})
    """
    head = str(archive.manifest.network.get("head"))
    if head == "embed":
        return archive
    if head not in HEAD_WEIGHTS:
        raise PlusxError(f"{archive.path}: a network that ends with {head} has no vector for a whole example")
    manifest = archive.manifest.model_copy(update={"network": {**archive.manifest.network, "head": "pool"}})
    weights = {name: array for name, array in archive.weights.items() if not name.startswith(HEAD_WEIGHTS[head])}
    return replace(archive, manifest=manifest, weights=weights)


def embed_stream(archive: Archive, engine: Engine, inputs: Iterable[Input]) -> Iterator[Embedded]:
    """One vector an input, in order.

    Args:
        archive: the model; its preprocessing is what counts here.
        engine: runs the network of `without_answer`.
        inputs: as `predict_stream` takes them.
    """
    for batch in prepared_batches(spec_from_json(archive.manifest.preprocessing), inputs):
        good = [example for _, example in batch if isinstance(example, np.ndarray)]
        vectors = iter(engine(np.moveaxis(np.stack(good), -1, 1)) if good else ())
        for source, example in batch:
            path = source if isinstance(source, str) else None
            bad = not isinstance(example, np.ndarray)
            yield Embedded(path, None, str(example)) if bad else Embedded(path, next(vectors), None)


def check_vectors_ending(path: Path) -> None:
    """Refuses a file whose ending names no format, before any work is done.

    Raises:
        WrongUse: another ending than .npy or .parquet.
    """
    if path.suffix.lower() not in ENDINGS:
        hint = nearest(path.suffix, ENDINGS)
        raise WrongUse(f"--out {path}: the ending must be one of {', '.join(ENDINGS)}{hint}")


def write_vectors(rows: Sequence[Embedded], path: Path) -> None:
    """Writes vectors, whole or not at all: `.npy` is float32 `(count, width)`, a row of NaN for an input without one;
    `.parquet` has the columns `path`, `embedding` and `error`.

    Raises:
        WrongUse: another ending.
        PlusxError: the file cannot be written, or not one input has a vector.
    """
    check_vectors_ending(path)
    width = next((len(row.embedding) for row in rows if row.embedding is not None), None)
    if width is None:
        raise PlusxError(f"--out {path}: not one input could be read; the first: {rows[0].error if rows else 'none'}")
    try:
        with atomic_write(path, "wb") as file:
            if path.suffix.lower() == ".npy":
                missing = np.full(width, np.nan, np.float32)
                np.save(file, np.stack([missing if row.embedding is None else row.embedding for row in rows]))
            else:
                _parquet(rows, file)
    except OSError as error:
        raise PlusxError(f"--out {path}: cannot be written: {error.strerror}") from error


def _parquet(rows: Sequence[Embedded], file: object) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = [("path", pa.string()), ("embedding", pa.list_(pa.float32())), ("error", pa.string())]
    pq.write_table(pa.table({name: [getattr(row, name) for row in rows] for name, _ in types}, pa.schema(types)), file)
