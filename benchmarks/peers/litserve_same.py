"""LitServe with plusx's own model and engine, batched as its documentation shows.

python benchmarks/peers/litserve_same.py MODEL ENGINE PORT
"""

# pyright: reportMissingImports=false
import base64
import sys
from pathlib import Path
from typing import Any

import litserve
import numpy as np
from fastapi import Request

from plusx.archive import read_archive
from plusx.data.modalities import spec_from_json
from plusx.engines import ENGINES
from plusx.tasks import task_from_json


class Same(litserve.LitAPI):
    """Decoding, engine and answers are those that plusx serves with."""

    def __init__(self, model: str, engine: str, **choices: Any):
        super().__init__(**choices)
        self._model, self._engine_name = model, engine

    def setup(self, device: object) -> None:
        self._archive = read_archive(Path(self._model))
        self._engine = ENGINES[self._engine_name](self._archive)
        self._kind = spec_from_json(self._archive.manifest.preprocessing)
        self._task: Any = task_from_json(self._archive.manifest.task)

    def decode_request(self, request: Request, **_: Any) -> np.ndarray:
        # For a parameter of this type LitServe hands on the request's JSON; it reads no annotation that is a string.
        asked: Any = request
        return np.asarray(self._kind.prepare(base64.b64decode(asked["inputs"][0]["base64"])))

    def batch(self, inputs: list[np.ndarray]) -> np.ndarray:
        return np.ascontiguousarray(np.moveaxis(np.stack(inputs), -1, 1))

    def predict(self, x: np.ndarray, **_: Any) -> np.ndarray:
        return self._engine(x)

    def unbatch(self, output: np.ndarray) -> list[np.ndarray]:
        return list(output)

    def encode_response(self, output: np.ndarray, **_: Any) -> dict[str, Any]:
        return self._task.answers(output[None], self._archive.manifest.classes, 5)[0]


if __name__ == "__main__":
    batch = {"max_batch_size": 8, "batch_timeout": 0.002}
    server = litserve.LitServer(Same(sys.argv[1], sys.argv[2], **batch), accelerator="cpu", workers_per_device=1)
    server.run(port=int(sys.argv[3]), host="127.0.0.1", log_level="warning", generate_client_file=False)
