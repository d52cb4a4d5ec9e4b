"""What clients are told of the server and its models."""

from __future__ import annotations

from typing import Any

import plusx
from plusx.serving.held import Held, Version
from plusx.serving.service import Service
from plusx.serving.settings import Settings
from plusx.serving.v2.offered import offered_by
from plusx.serving.v2.requests import INPUT, Taken
from plusx.serving.v2.tensors import BYTES, datatype_of

EXTENSIONS = ["binary_tensor_data", "classification", "model_repository", "parameters"]


def about_server() -> dict[str, Any]:
    """The server's name and version, and what it takes beside the protocol.

    >>> about_server()["name"]
    'plusx'
    """
    return {"name": "plusx", "version": plusx.__version__, "extensions": EXTENSIONS}


def taken_by(version: Version, settings: Settings) -> Taken:
    """What a model takes beside files: one example of `input` as its network takes it."""
    spec = version.answer.spec
    return Taken(settings.parts, datatype_of(spec.dtype), spec.shape, settings.json_values)


def about_model(held: Held, version: Version, settings: Settings) -> dict[str, Any]:
    """A model's inputs and outputs.

    It has one input, `input`, of BYTES: files. The protocol knows one datatype an input, and clients that read the
    metadata send all inputs that are listed, so that what else it takes is said in the input's `parameters`: `datatype`
    and `shape` of a tensor as the network takes it. The model's own `parameters` name its labels, in the order of
    what is given for each class.
    """
    manifest, taken = version.archive.manifest, taken_by(version, settings)
    tensor = {"datatype": taken.datatype, "shape": [-1, *taken.shape]}
    outputs = offered_by(version).values()
    return {
        "name": held.name,
        "versions": [str(version.number)],
        "platform": f"plusx_{version.batcher.name}",
        "inputs": [{"name": INPUT, "datatype": BYTES, "shape": [-1], "parameters": tensor}],
        "outputs": [{"name": one.name, "datatype": one.datatype, "shape": list(one.shape)} for one in outputs],
        "parameters": {
            "task": manifest.task["name"],
            "modality": manifest.preprocessing["modality"],
            "labels": list(manifest.classes),
        },
    }


def index(service: Service) -> list[dict[str, str]]:
    """Each model and its state, as Triton's repository lists them; a newer file that does not answer is told of."""
    return [
        {"name": held.name, "version": str(held.now.number), "state": "READY", "reason": held.trouble or ""}
        for held in service.models.values()
    ]
