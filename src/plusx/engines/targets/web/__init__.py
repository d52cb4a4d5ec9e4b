"""A page that answers in the browser: a folder for any static server, with the model and ONNX Runtime Web in it."""

from __future__ import annotations

import json
import shutil
from importlib.resources import files
from pathlib import Path

import numpy as np
from jaxtyping import Float, Shaped

from plusx.archive import Archive
from plusx.engines.golden import TOLERANCES
from plusx.engines.graph import metadata
from plusx.engines.targets import Options, onnx
from plusx.errors import PlusxError, WrongUse

ENDING = ""
WHAT = "a page that answers in the browser; try it: python -m http.server --directory FOLDER"
OF_WEIGHTS, MAPS = False, False
TASKS = ("classify", "multilabel", "regress", "embed")
PAGE = ("index.html", "style.css", "page.js", "answers.js", "prepare.js", "resample.js")
RUNTIME = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")
"""Of the npm package onnxruntime-web: what runs a network on the processor."""


def write(archive: Archive, path: Path, options: Options) -> list[Path]:
    """A folder: `index.html` and what it needs, `model.onnx`, `model.json`, the golden examples, `runtime/`.

    Raises:
        WrongUse: no folder of ONNX Runtime Web was named, or it has not the files.
        PlusxError: the page does not answer such models.
    """
    runtime = _runtime(options.runtime)
    _check_answered(archive)
    path.mkdir()
    for name in PAGE:
        (path / name).write_bytes(files(__name__).joinpath(name).read_bytes())
    onnx.write(archive, path / "model.onnx", options)
    golden = archive.golden
    (path / "golden-inputs.bin").write_bytes(np.ascontiguousarray(golden.inputs).tobytes())
    (path / "golden-outputs.bin").write_bytes(np.ascontiguousarray(golden.outputs, np.float32).tobytes())
    about = {key: json.loads(value) for key, value in metadata(archive).items()}
    about["golden"] = {"inputs": golden.inputs.shape, "outputs": golden.outputs.shape}
    about["tolerance"] = TOLERANCES[archive.manifest.precision]
    (path / "model.json").write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")
    (path / "runtime").mkdir()
    for file in runtime:
        shutil.copyfile(file, path / "runtime" / file.name)
    return [path]


def run(archive: Archive, path: Path, inputs: Shaped[np.ndarray, "batch ..."]) -> Float[np.ndarray, "batch ..."]:
    """By ONNX Runtime here: the page's button "Check" has the browser compare its own answers."""
    return onnx.run(archive, path / "model.onnx", inputs)


def _check_answered(archive: Archive) -> None:
    task, modality = archive.manifest.task["name"], archive.manifest.preprocessing["modality"]
    if modality != "image" or task not in TASKS:
        what = f"{archive.path or 'the model'} answers {modality}s by {task}"
        raise PlusxError(f"--to web: {what}, the page pictures by {', '.join(TASKS)}; give --to onnx")


def _runtime(folder: Path | None) -> list[Path]:
    how = "`npm pack onnxruntime-web`, unpack it, and give --runtime FOLDER/package/dist"
    if folder is None:
        raise WrongUse(f"--to web: the page needs ONNX Runtime Web's files; {how}")
    # The package's own folder is as good as its dist.
    for place in (folder, folder / "dist", folder / "package" / "dist", folder / "onnxruntime-web" / "dist"):
        if all((place / name).is_file() for name in RUNTIME):
            return [place / name for name in RUNTIME]
    raise WrongUse(f"--runtime {folder}: there is no {RUNTIME[0]}, or no {RUNTIME[1]}; {how}")
