"""Examples as vectors: what any model knows of an example just before its answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from plusx.archive import Archive
from plusx.data.modalities import spec_from_json
from plusx.engines import Engine
from plusx.engines.features import without_last_layer
from plusx.engines.graph import MEMBER
from plusx.errors import PlusxError
from plusx.predict.ahead import Input, answered_batches, shown

HEAD_WEIGHTS = {"linear": "head.linear.", "numbers": "head.numbers.", "pool": "head.pool."}
"""Heads that end a mean over all positions, and the names of their weights."""


class Embedded(NamedTuple):
    """An input's vector, None where `error` says why there is none."""

    path: str | None
    embedding: Float32[np.ndarray, " width"] | None
    error: str | None


def without_answer(archive: Archive) -> Archive:
    """The archive whose network gives vectors: as it is where it was trained to, else without the last layer.

    Raises:
        PlusxError: the network has no vector for a whole example, or a graph in its place has none.

    >>> from plusx.archive import Golden, Manifest
    >>> manifest = Manifest.model_construct(network={"head": "linear", "num_classes": 2}, precision="float32")
    >>> model = Archive(manifest, {"head.linear.bias": np.zeros(2)}, Golden(np.zeros(1), np.zeros(1)))
    >>> without_answer(model).manifest.network["head"], without_answer(model).weights
    ('pool', {})
    """
    head = str(archive.manifest.network.get("head"))
    if head == "embed":
        return archive
    if head not in HEAD_WEIGHTS:
        raise PlusxError(f"{archive.path}: a network that ends with {head} has no vector for a whole example")
    if archive.manifest.precision != "float32":
        return _graph_without_answer(archive, head)
    manifest = archive.manifest.model_copy(update={"network": {**archive.manifest.network, "head": "pool"}})
    weights = {name: array for name, array in archive.weights.items() if not name.startswith(HEAD_WEIGHTS[head])}
    # A graph that the archive carries ends with the layer that is left out.
    return replace(archive, manifest=manifest, weights=weights, engines={})


def _graph_without_answer(archive: Archive, head: str) -> Archive:
    """The same of an archive that has a graph alone, such as one in int8."""
    if head == "pool" or MEMBER not in archive.engines:
        return archive
    graph = without_last_layer(archive.engines[MEMBER], str(archive.path or "the model"))
    return replace(archive, engines={**archive.engines, MEMBER: graph})


def embed_stream(archive: Archive, engine: Engine, inputs: Iterable[Input]) -> Iterator[Embedded]:
    """One vector an input, in order.

    Args:
        archive: the model; its preprocessing is what counts here.
        engine: runs the network of `without_answer`.
        inputs: as `predict_stream` takes them.
    """
    for batch, outputs in answered_batches(spec_from_json(archive.manifest.preprocessing), engine, inputs):
        vectors = iter(() if outputs is None else outputs)
        for source, example in batch:
            bad = isinstance(example, str)
            yield Embedded(shown(source), None, example) if bad else Embedded(shown(source), next(vectors), None)
