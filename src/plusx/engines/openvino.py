"""The archive's network in OpenVINO."""

from __future__ import annotations

import threading
from io import BytesIO
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from plusx.archive import Archive
from plusx.engines.graph import graph_of
from plusx.engines.installed import needed
from plusx.engines.threads import threads

# One batch at a time on all cores: streams side by side halve the speed of two cores. Without the second, processors
# that can would compute in bfloat16, and answer otherwise than the training did.
SETTINGS = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}


class OpenVinoEngine:
    """Runs an archive with OpenVINO on the processor.

    Args:
        archive: the model.
        graph: what is run, of ONNX; None: the archive's own.
        output: which of the graph's outputs is given.

    Raises:
        PlusxError: OpenVINO is not installed, or the archive has no right graph.
    """

    name = "openvino"

    def __init__(self, archive: Archive, graph: bytes | None = None, output: str = "outputs"):
        openvino = needed("openvino", "--engine openvino")
        core = openvino.Core()
        model = core.read_model(BytesIO(graph or graph_of(archive)))
        self._compiled = core.compile_model(model, "CPU", {**SETTINGS, "INFERENCE_NUM_THREADS": threads()})
        self._outputs = self._compiled.output(output)
        self._requests = threading.local()

    def __call__(self, inputs: Shaped[np.ndarray, "batch ..."]) -> Float[np.ndarray, "batch ..."]:
        request = self._own_request()
        request.infer({"input": np.ascontiguousarray(inputs)}, share_inputs=True)
        return request.get_tensor(self._outputs).data.copy()

    def _own_request(self) -> Any:
        # One a thread: shared, it would answer one thread with the other's outputs. Kept, since a new one for each
        # batch made a small network a quarter slower.
        if not hasattr(self._requests, "own"):
            self._requests.own = self._compiled.create_infer_request()
        return self._requests.own
