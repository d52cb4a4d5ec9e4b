"""The archive's network in ONNX Runtime."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Shaped

from plusx.archive import Archive
from plusx.engines.graph import graph_of
from plusx.engines.installed import needed
from plusx.engines.threads import spins, threads

PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")
ERRORS_ONLY = 3


class OnnxEngine:
    """Runs an archive with ONNX Runtime, on a GPU where its package for GPUs is installed.

    Args:
        archive: the model.
        graph: what is run; None: the archive's own.
        output: which of the graph's outputs is given.

    Raises:
        PlusxError: ONNX Runtime is not installed, or the archive has no right graph.
    """

    name = "onnx"

    def __init__(self, archive: Archive, graph: bytes | None = None, output: str = "outputs"):
        runtime = needed("onnxruntime", "--engine onnx")
        options = runtime.SessionOptions()
        options.log_severity_level = ERRORS_ONLY
        options.intra_op_num_threads = threads()
        options.add_session_config_entry("session.intra_op.allow_spinning", "1" if spins() else "0")
        there = [name for name in PROVIDERS if name in runtime.get_available_providers()]
        self._session = runtime.InferenceSession(graph or graph_of(archive), options, providers=there)
        self._output = output

    def __call__(self, inputs: Shaped[np.ndarray, "batch ..."]) -> Float[np.ndarray, "batch ..."]:
        return self._session.run([self._output], {"input": np.ascontiguousarray(inputs)})[0]
