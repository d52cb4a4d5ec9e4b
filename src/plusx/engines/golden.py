"""The check that an engine computes what the training's network did."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from plusx.archive import Archive, Golden
from plusx.data.modalities import spec_from_json
from plusx.engines import Engine
from plusx.errors import PlusxError
from plusx.tasks import task_from_json

# float32 sums in another order differ by about 1e-6 of the outputs' scale; a wrong weight or layer by far more.
# In int8, a sum that is rounded to the neighbouring step changes all that follow: between OpenVINO and ONNX Runtime on
# one processor the outputs of a trained network differ by about 1 %, those of one that has hardly been trained by more:
# then the engine is left out.
TOLERANCES = {"float32": 1e-4, "int8": 0.05}


def golden_difference(engine: Engine, golden: Golden) -> float:
    """`difference` of the engine's outputs."""
    return difference(engine(golden.inputs), golden)


def difference(outputs: Float[np.ndarray, "batch ..."], golden: Golden) -> float:
    """The largest difference between the outputs and the stored ones, as a share of the stored ones' scale; no number
    (NaN) where their shapes differ."""
    if outputs.shape != golden.outputs.shape:
        return float("nan")
    scale = max(float(np.abs(golden.outputs).max()), 1e-6)
    return float(np.abs(outputs - golden.outputs).max()) / scale


def check_description(archive: Archive) -> None:
    """Holds what the manifest says against itself: whole files can still have been put together wrongly.

    Raises:
        PlusxError: preprocessing or task is unknown, or they, the classes and the golden examples disagree.
    """
    where, manifest, golden = archive.path or "the model", archive.manifest, archive.golden
    try:
        spec, task = spec_from_json(manifest.preprocessing), task_from_json(manifest.task)
        wanted = task.stored_options(manifest.classes)
    except PlusxError as error:
        raise PlusxError(f"{where}: {error}") from None
    if any(manifest.network.get(name) != value for name, value in wanted.items()):
        raise PlusxError(f"{where}: its network has not one output for each of {len(manifest.classes)} {task.OUTPUTS}")
    if task.HEADS and manifest.network.get("head") not in task.HEADS:
        raise PlusxError(f"{where}: its network does not answer every place, as its task asks")
    if golden.inputs.shape[1:] != spec.shape or golden.inputs.dtype != spec.dtype:
        raise PlusxError(f"{where}: its golden examples are not what its preprocessing gives")


def check_golden(engine: Engine, archive: Archive) -> None:
    """Runs the archive's golden examples on the engine.

    Raises:
        PlusxError: the outputs differ from those of the training by more than the model's precision explains.
    """
    difference = golden_difference(engine, archive.golden)
    tolerance = TOLERANCES[archive.manifest.precision]
    # Written so that a NaN fails, too.
    if not difference <= tolerance:
        where = archive.path or "the model"
        raise PlusxError(
            f"{where}: the {engine.name} engine's answers differ from the training's by {difference:.2g} of their "
            f"scale (at most {tolerance:g} is right); use another engine or machine"
        )
