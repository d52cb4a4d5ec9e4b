"""The archive's network in OpenVINO."""

from __future__ import annotations

from io import BytesIO

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

    Raises:
        PlusxError: OpenVINO is not installed, or the archive has no right graph.
    """

    name = "openvino"

    def __init__(self, archive: Archive):
        openvino = needed("openvino", "--engine openvino")
        core = openvino.Core()
        model = core.read_model(BytesIO(graph_of(archive)))
        self._compiled = core.compile_model(model, "CPU", {**SETTINGS, "INFERENCE_NUM_THREADS": threads()})
        self._outputs = self._compiled.output("outputs")

    def __call__(self, inputs: Shaped[np.ndarray, "batch ..."]) -> Float[np.ndarray, "batch ..."]:
        # A request of its own: one that others share would answer them with this one's outputs.
        request = self._compiled.create_infer_request()
        request.infer({"input": np.ascontiguousarray(inputs)}, share_inputs=True)
        return request.get_tensor(self._outputs).data.copy()
