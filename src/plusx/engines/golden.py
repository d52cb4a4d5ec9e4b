"""The check that an engine computes what the training's network did."""

from __future__ import annotations

import numpy as np

from plusx.archive import Archive, Golden
from plusx.engines import Engine
from plusx.errors import PlusxError

# float32 sums in another order differ by about 1e-6 of the outputs' scale; a wrong weight or layer by far more.
TOLERANCE = 1e-4


def golden_difference(engine: Engine, golden: Golden) -> float:
    """The largest difference between the engine's outputs and the stored ones, as a share of the stored ones' scale."""
    outputs = engine(golden.inputs)
    scale = max(float(np.abs(golden.outputs).max()), 1e-6)
    return float(np.abs(outputs - golden.outputs).max()) / scale


def check_golden(engine: Engine, archive: Archive) -> None:
    """Runs the archive's golden examples on the engine.

    Raises:
        PlusxError: the outputs differ from those of the training.
    """
    difference = golden_difference(engine, archive.golden)
    # Written so that a NaN fails, too.
    if not difference <= TOLERANCE:
        where = archive.path or "the model"
        raise PlusxError(
            f"{where}: the {engine.name} engine's answers differ from the training's by {difference:.2g} of their "
            f"scale (at most {TOLERANCE:g} is right); use another engine or machine"
        )
