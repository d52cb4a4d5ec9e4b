"""`plusx.export`: a trained model in a format that other programs run, proved to answer as it did in training."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from plusx.archive import Archive, read_archive
from plusx.archive.members import MODEL_FILE
from plusx.engines.golden import TOLERANCES, check_description
from plusx.engines.targets import Target, find_target
from plusx.errors import PlusxError


@dataclass(frozen=True)
class Exported:
    """What an export gave.

    Args:
        to: the format's name.
        files: all that was written; the first is what a program opens.
        size_bytes: of all of them.
        difference: the largest one of the golden examples' outputs, as a share of these outputs' scale.
        tolerance: what that may be.
        agreement: the share of golden outputs whose largest value is at the same place.
    """

    to: str
    files: tuple[Path, ...]
    size_bytes: int
    difference: float
    tolerance: float
    agreement: float

    def summary(self) -> dict[str, Any]:
        """All of it as JSON."""
        return {**asdict(self), "out": str(self.files[0]), "files": [str(path) for path in self.files]}


def export(model: str | Path, to: str = "onnx", out: str | Path | None = None) -> Exported:
    """Writes a model in another format, reads it back, and compares its answers with those of the training.

    Args:
        model: a `.plusx` file or a run's folder.
        to: `onnx`, `openvino`, `torch-export`, `torchvision`, or `plusx` for a model that carries its ONNX graph.
        out: the file to write; by default beside the model, with the format's ending.

    Raises:
        WrongUse: no such format.
        PlusxError: something is there already, the format cannot hold the model, or what was written answers otherwise:
            then nothing is left of it.
    """
    target = find_target(to)
    archive = read_archive(Path(model))
    check_description(archive)
    path = _free(Path(out) if out is not None else _beside(archive, target), target)
    try:
        files = target.write(archive, path)
    except OSError as error:
        raise PlusxError(f"--out {path}: cannot be written: {error.strerror}") from error
    try:
        difference, agreement = compared(target, archive, path)
    except PlusxError:
        for file in files:
            file.unlink(missing_ok=True)
        raise
    size_bytes = sum(file.stat().st_size for file in files)
    return Exported(to, tuple(files), size_bytes, difference, TOLERANCES[archive.manifest.precision], agreement)


def compared(target: Target, archive: Archive, path: Path) -> tuple[float, float]:
    """How far the file's answers are from the golden ones, as a share of their scale; and how often the largest value
    is at the same place.

    Raises:
        PlusxError: they are too far.
    """
    golden = archive.golden
    outputs = target.run(archive, path, golden.inputs)
    scale = max(float(np.abs(golden.outputs).max()), 1e-6)
    difference = float("nan")
    if outputs.shape == golden.outputs.shape:
        difference = float(np.abs(outputs - golden.outputs).max()) / scale
    tolerance = TOLERANCES[archive.manifest.precision]
    # Written so that a NaN fails, too.
    if not difference <= tolerance:
        what = f"what was written answers otherwise than the training did, by {difference:.2g} of the outputs' scale"
        raise PlusxError(f"{path}: {what} (at most {tolerance:g} is right); it was removed")
    same = outputs.argmax(1) == golden.outputs.argmax(1)
    return difference, float(same.mean())


def _beside(archive: Archive, target: Target) -> Path:
    assert archive.path is not None
    name = "model" if archive.path.name == MODEL_FILE else archive.path.stem
    return archive.path.with_name((f"{name}-with-graph" if target.ENDING == ".plusx" else name) + target.ENDING)


def _free(path: Path, target: Target) -> Path:
    if path.suffix != target.ENDING:
        raise PlusxError(f"--out {path}: the ending must be {target.ENDING}")
    if path.exists() or path.is_symlink():
        raise PlusxError(f"{path} is there already; give another name by --out, or remove it")
    if not path.parent.is_dir():
        raise PlusxError(f"--out {path}: there is no folder {path.parent}")
    return path
