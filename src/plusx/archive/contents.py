"""What a model file holds, in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from plusx.archive.manifest import Manifest
from plusx.archive.refusal import MAKE_AGAIN, refusal


@dataclass(frozen=True, eq=False)
class Golden:
    """Examples and what the network answered when it was stored, to check every later run of it against.

    `inputs` is (examples, ...) as the network takes them, `outputs` is (examples, ...) as it gave them: at
    least one example, and finite. The inputs are synthetic, never the user's: a shared model must not leak
    what it was trained on.

    >>> Golden(np.zeros((2, 3, 8, 8), np.uint8), np.zeros((2, 10), np.float32)).outputs.shape
    (2, 10)
    """

    inputs: np.ndarray
    outputs: np.ndarray


@dataclass(frozen=True, eq=False)
class Archive:
    """A whole model. Weights and golden examples are float32, float16 or integers.

    `weights` are named as in the network's state, and may be `StoredWeights`, not read yet; `engines` maps
    "<engine>/<file>" (say "onnx/model.onnx") to that file's bytes; `path` is the file it was read from, None where it
    was not.

    >>> import numpy as np
    >>> manifest = Manifest.model_construct(classes=("cat", "dog"))
    >>> golden = Golden(np.zeros((1, 3, 8, 8), np.uint8), np.zeros((1, 2), np.float32))
    >>> Archive(manifest, {"head.bias": np.zeros(2, np.float32)}, golden).path is None
    True
    """

    manifest: Manifest
    weights: Mapping[str, np.ndarray]
    golden: Golden
    engines: dict[str, bytes] = field(default_factory=dict)
    path: Path | None = None


def golden_of(path: Path, arrays: Mapping[str, np.ndarray]) -> Golden:
    """The golden examples in `arrays`, checked; `path` is the model file, for the error's line.

    Raises:
        BadArchive: they are not `inputs` and `outputs` of one first dimension, at least 1, and finite.

    >>> golden_of(Path("cat.plusx"), {"inputs": np.zeros((0, 4)), "outputs": np.zeros((0, 1))})
    Traceback (most recent call last):
    plusx.archive.refusal.BadArchive: cat.plusx: has no golden examples; train or export it again with plusx
    """
    if set(arrays) != {"inputs", "outputs"}:
        raise refusal(path, f"has golden examples {sorted(arrays)}, not inputs and outputs", MAKE_AGAIN)
    golden = Golden(arrays["inputs"], arrays["outputs"])
    inputs, outputs = golden.inputs.shape, golden.outputs.shape
    if not inputs or not outputs or inputs[0] != outputs[0]:
        what = f"has golden examples whose shapes disagree, inputs {inputs} and outputs {outputs}"
        raise refusal(path, what, MAKE_AGAIN)
    # An empty comparison always passes: a model without examples would look checked and never be.
    if golden.inputs.size == 0 or golden.outputs.size == 0:
        raise refusal(path, "has no golden examples", MAKE_AGAIN)
    if not (np.isfinite(golden.inputs).all() and np.isfinite(golden.outputs).all()):
        raise refusal(path, "has golden examples that are not finite", MAKE_AGAIN)
    return golden
