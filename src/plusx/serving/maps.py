"""What gives a network's class-activation maps while torch is not loaded: its graph with maps, and an engine for it."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE

from plusx.archive import Archive, Manifest
from plusx.data.modalities import MODALITIES
from plusx.engines import Engine
from plusx.engines.graph import checked, kept_graph, key_of
from plusx.engines.installed import installed
from plusx.errors import PlusxError

TASKS = ("classify", "multilabel")
MAKER = "plusx.serving.make_maps"
OUTPUT = "maps"


def why_none(manifest: Manifest) -> str | None:
    """Why a model can have no maps over its inputs, as far as its description says; None where it may."""
    modality, task = str(manifest.preprocessing["modality"]), manifest.task["name"]
    if modality != "image":
        return f"where a model looked is shown in pictures, and this one is asked about {MODALITIES[modality].many}"
    if task not in TASKS:
        return f"the task {task} has no map for each class; `plusx explain` finds by gradients where it looked"
    if manifest.precision != "float32":
        what = f"an {manifest.precision} model has no weights to make maps of"
        return f"{what}; serve the model that it was made of"
    return None


async def maps_of(archive: Archive) -> Engine:
    """An engine that gives a map of each class, `(batch, classes, *reduced)`.

    Raises:
        PlusxError: the network has no maps, or its graph cannot be made or run here.
    """
    why = why_none(archive.manifest)
    if why is not None:
        raise PlusxError(why)
    graph = await asyncio.to_thread(kept_graph, archive, maps=True) or await _made(archive)
    return await asyncio.to_thread(_running, archive, graph)


def _running(archive: Archive, graph: bytes) -> Engine:
    there = installed()
    if "onnx" in there:
        from plusx.engines.onnx import OnnxEngine

        return OnnxEngine(archive, graph, OUTPUT)
    if "openvino" in there:
        from plusx.engines.openvino import OpenVinoEngine

        return OpenVinoEngine(archive, graph, OUTPUT)
    raise PlusxError("maps are found by ONNX Runtime or OpenVINO, and neither is here: pip install 'plusx[deploy]'")


async def _made(archive: Archive) -> bytes:
    """The graph, by a process of its own: here, torch would take its memory for good, and all others would wait for
    seconds while it traces."""
    asked = (str(archive.path), key_of(archive))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", MAKER, *asked, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
    )
    try:
        graph, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        lines = said.decode(errors="replace").strip().splitlines()
        raise PlusxError(lines[-1] if lines else "the process that makes the graph with maps was ended")
    return await asyncio.to_thread(checked, graph, "the graph with maps")
