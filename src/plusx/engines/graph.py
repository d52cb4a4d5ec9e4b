"""The ONNX graph that engines run: the archive's own, or one made of its weights and kept in the cache.

Without torch, but for the one time that a graph is made.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from plusx.archive import Archive, weights_sha256
from plusx.data.cache import default_cache_dir
from plusx.data.files import atomic_write
from plusx.engines.installed import needed
from plusx.errors import PlusxError

MEMBER = "onnx/model.onnx"
"""Where an archive carries its graph."""
STANDARD = ("", "ai.onnx")


def graph_of(archive: Archive, *, maps: bool = False) -> bytes:
    """The archive's network as a checked ONNX model.

    Args:
        archive: the model.
        maps: whether it is to give class-activation maps, too, which no archive's own graph does.

    Raises:
        PlusxError: ONNX is not installed, or the archive's graph is not one that plusx would write.
        WrongUse: maps are asked of a network that has none.
    """
    carried = None if maps else archive.engines.get(MEMBER)
    if carried is not None:
        return checked(carried, f"{archive.path or 'the model'}: its engines/{MEMBER}")
    graph = kept_graph(archive, maps=maps)
    if graph is not None:
        return graph

    from plusx.engines.convert import onnx_graph

    graph, kept = onnx_graph(archive, maps=maps), kept_at(archive, maps=maps)
    # A cache that cannot be written only costs time.
    with suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(kept, "wb") as file:
            file.write(graph)
    return graph


def kept_graph(archive: Archive, *, maps: bool = False) -> bytes | None:
    """The graph that was made of an archive before, checked; None where none is kept, or none that can be read."""
    kept = kept_at(archive, maps=maps)
    with suppress(OSError, PlusxError):
        return checked(kept.read_bytes(), str(kept))
    return None


def kept_at(archive: Archive, *, maps: bool = False) -> Path:
    """Where the graph of an archive that carries none is kept: a name of all that decides what it computes."""
    return default_cache_dir() / "graphs" / f"{key_of(archive)}{'-maps' if maps else ''}.onnx"


def key_of(archive: Archive) -> str:
    """A name of all that decides what an archive's network computes, and what it says of itself."""
    manifest = archive.manifest
    about = manifest.model_dump(mode="json", include={"network", "preprocessing", "task", "classes", "card"})
    digest = hashlib.sha256(json.dumps([version("plusx"), about], sort_keys=True).encode())
    digest.update(weights_sha256(archive.weights).encode())
    for name in sorted(archive.engines):
        digest.update(name.encode() + archive.engines[name])
    return digest.hexdigest()


def metadata(archive: Archive, outputs: Sequence[str] = ()) -> dict[str, str]:
    """What an exported file says of itself, each value as JSON; with the names of its outputs where it has none."""
    manifest = archive.manifest
    values = {
        "task": manifest.task,
        "labels": manifest.classes,
        "preprocessing": manifest.preprocessing,
        "precision": manifest.precision,
        "created_with": manifest.created_with,
        "card": None if manifest.card is None else manifest.card.model_dump(),
        **({"outputs": list(outputs)} if outputs else {}),
    }
    return {key: json.dumps(value, ensure_ascii=False, sort_keys=True) for key, value in values.items()}


def read_graph(path: Path) -> bytes:
    """The ONNX model in a file, checked.

    Raises:
        PlusxError: no regular file is there, or a link that may lead anywhere, or no right model is in it.
    """
    if path.is_symlink():
        raise PlusxError(f"{path} is a link, which is not followed; give the file itself")
    try:
        return checked(path.read_bytes(), str(path))
    except OSError as error:
        raise PlusxError(f"{path} cannot be read ({error.strerror}); check the path") from None


def checked(graph: bytes, where: str) -> bytes:
    """The graph itself, if it reads no other file and runs nothing but ONNX's own operations.

    A model file comes from anywhere, and a runtime would open whatever path a graph names.

    Raises:
        PlusxError: it is no ONNX model, it has data outside, or operations of some other library.
    """
    onnx = needed("onnx", "ONNX")
    try:
        model = onnx.load_model_from_string(graph)
    except Exception as error:  # whatever protobuf finds wrong
        raise PlusxError(f"{where} is no ONNX model; export it again") from error
    if not model.graph.node:
        raise PlusxError(f"{where} is no ONNX model; export it again")
    for tensor in _tensors(model):
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise PlusxError(f"{where} has data in other files, which are not read; export it as one file")
    foreign = {one.domain for one in model.opset_import} | {node.domain for node in _nodes(model)}
    if foreign := sorted(foreign - {*STANDARD}):
        raise PlusxError(f"{where} has operations of {foreign[0]!r}, which are not run; export it again")
    return graph


def _nodes(part: Any) -> list[Any]:
    """All nodes of a model, also those inside others and in functions."""
    graph = getattr(part, "graph", part)
    nodes = [*graph.node, *(node for function in getattr(part, "functions", ()) for node in function.node)]
    inside = [one for node in nodes for each in node.attribute for one in (each.g, *each.graphs) if one.node]
    return nodes + [node for one in inside for node in _nodes(one)]


def _tensors(model: Any) -> list[Any]:
    """Every tensor that a model holds."""
    nodes = _nodes(model)
    graphs = [model.graph, *(one for node in nodes for each in node.attribute for one in (each.g, *each.graphs))]
    sparse = [one for graph in graphs for one in graph.sparse_initializer]
    for node in nodes:
        for each in node.attribute:
            sparse += [each.sparse_tensor, *each.sparse_tensors]
    held = [one for graph in graphs for one in graph.initializer]
    held += [one for node in nodes for each in node.attribute for one in (each.t, *each.tensors)]
    return held + [part for one in sparse for part in (one.values, one.indices)]
