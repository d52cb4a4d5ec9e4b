"""LiteRT, TensorFlow Lite's successor: a `.tflite` file for phones and small boards."""

from __future__ import annotations

import json
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from zipfile import ZipFile

import numpy as np
from jaxtyping import Float, Shaped

from plusx.archive import Archive
from plusx.engines.convert import answering, quiet
from plusx.engines.graph import metadata
from plusx.engines.installed import needed
from plusx.engines.targets import Options
from plusx.errors import PlusxError

ENDING = ".tflite"
WHAT = "LiteRT: its signature gives readable answers, then raw outputs; labels in the zip at the file's end"
OF_WEIGHTS, MAPS = True, True


def write(archive: Archive, path: Path, options: Options) -> list[Path]:
    """One file; at its end, as TensorFlow Lite's metadata has it, a zip with `labels.txt` and `plusx.json`.

    Raises:
        PlusxError: litert-torch is not installed, or cannot convert such a network.
    """
    library = needed("litert_torch", "--to litert", "litert")
    network, example = answering(archive, maps=options.maps)
    try:
        # Of two examples and not of a free batch, which its converter does not take; the runtime resizes it.
        with quiet(), redirect_stdout(StringIO()):
            library.convert(network, (example,)).export(str(path))
    except Exception as error:  # whatever stops a converter of another project
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise PlusxError(f"--to litert: litert-torch cannot convert this network ({reason}); give --to onnx") from error
    about = metadata(archive, network.names)
    with ZipFile(path, "a") as end:
        end.writestr("labels.txt", "\n".join(json.loads(about["labels"])) + "\n")
        end.writestr("plusx.json", json.dumps({key: json.loads(value) for key, value in about.items()}))
    return [path]


def run(archive: Archive, path: Path, inputs: Shaped[np.ndarray, "batch ..."]) -> Float[np.ndarray, "batch ..."]:
    """By LiteRT's interpreter on the processor."""
    runtime = needed("ai_edge_litert.interpreter", "--to litert", "litert")
    signature = runtime.Interpreter(str(path)).get_signature_runner()
    outputs = signature(args_0=inputs)
    return outputs[max(outputs, key=lambda name: int(name.removeprefix("output_")))]
