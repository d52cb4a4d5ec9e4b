"""`plusx.export`: a trained model in a format that other programs run, proved to answer as it did in training."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from plusx.archive import Archive, read_archive
from plusx.archive.members import MODEL_FILE
from plusx.data.files import sync_tree
from plusx.engines.golden import TOLERANCES, check_description, difference
from plusx.engines.targets import Options, Target, find_target
from plusx.errors import PlusxError, WrongUse


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


def export(
    model: str | Path,
    to: str = "onnx",
    out: str | Path | None = None,
    *,
    maps: bool = False,
    runtime: str | Path | None = None,
) -> Exported:
    """Writes a model in another format, reads it back, and compares its answers with those of the training.

    Args:
        model: a `.plusx` file or a run's folder.
        to: a format of `plusx.engines.targets.TARGETS`, such as `onnx`.
        out: the file or folder to write; by default beside the model, with the format's ending.
        maps: whether the graph also gives a class-activation map for each class, as its output `maps`.
        runtime: of `web`: the folder of ONNX Runtime Web's files.

    Raises:
        WrongUse: no such format, or an option that is not for it.
        PlusxError: something is there already, the format cannot hold the model, or what was written answers otherwise:
            then nothing is left of it.
    """
    target = find_target(to)
    options = Options(maps, None if runtime is None else Path(runtime))
    _check_options(to, target, options)
    archive = read_archive(Path(model))
    check_description(archive)
    _check_precision(archive, to, target, options)
    path = _free(Path(out) if out is not None else _beside(archive, target), target)
    try:
        # In a folder of its own, so that nothing is ever in its place that was not proved.
        with TemporaryDirectory(prefix=".plusx-", dir=path.parent) as folder:
            written = target.write(archive, Path(folder, path.name), options)
            furthest, agreement = compared(target, archive, written[0], path)
            size_bytes = sum(_size(one) for one in written)
            sync_tree(Path(folder))
            files = _placed(written, path.parent)
    except OSError as error:
        raise PlusxError(f"--out {path}: cannot be written: {error.strerror}") from error
    return Exported(to, files, size_bytes, furthest, TOLERANCES[archive.manifest.precision], agreement)


def compared(target: Target, archive: Archive, written: Path, path: Path) -> tuple[float, float]:
    """How far the answers of what was written are from the golden ones, as a share of their scale; and how often the
    largest value is at the same place.

    Args:
        target: the format.
        archive: the model.
        written: where it was written.
        path: where it is to be: what a person is told.

    Raises:
        PlusxError: they are too far.
    """
    golden = archive.golden
    outputs = target.run(archive, written, golden.inputs)
    furthest = difference(outputs, golden)
    tolerance = TOLERANCES[archive.manifest.precision]
    # Written so that a NaN fails, too.
    if not furthest <= tolerance:
        what = f"what was written answers otherwise than the training did, by {furthest:.2g} of the outputs' scale"
        raise PlusxError(f"{path}: {what} (at most {tolerance:g} is right); nothing is left of it")
    same = outputs.argmax(1) == golden.outputs.argmax(1)
    return furthest, float(same.mean())


def _check_options(to: str, target: Target, options: Options) -> None:
    if options.maps and not target.MAPS:
        raise WrongUse(f"--maps: --to {to} holds no further outputs; leave it out, or give --to onnx")
    if options.runtime is not None and to != "web":
        raise WrongUse(f"--runtime: it is for --to web, not for --to {to}; leave it out")


def _check_precision(archive: Archive, to: str, target: Target, options: Options) -> None:
    precision = archive.manifest.precision
    if precision != "float32" and (target.OF_WEIGHTS or options.maps):
        flag, others = ("--maps", "leave it out") if options.maps else (f"--to {to}", "give --to onnx or openvino")
        what = f"{flag}: {archive.path or 'the model'} is {precision} and has no weights for torch"
        raise PlusxError(f"{what}; {others}, or the model that it was made of")


def _placed(written: list[Path], folder: Path) -> tuple[Path, ...]:
    """The files moved into the folder, what a program opens last: where it is, the others are."""
    files = [folder / one.name for one in written]
    for file in files:
        _check_free(file)
    for one, file in zip(reversed(written), reversed(files), strict=True):
        os.replace(one, file)
    return tuple(files)


def _size(path: Path) -> int:
    return sum(each.stat().st_size for each in ([path] if path.is_file() else path.rglob("*")) if each.is_file())


def _beside(archive: Archive, target: Target) -> Path:
    assert archive.path is not None
    name = "model" if archive.path.name == MODEL_FILE else archive.path.stem
    return archive.path.with_name((f"{name}-with-graph" if target.ENDING == ".plusx" else name) + target.ENDING)


def _free(path: Path, target: Target) -> Path:
    if path.suffix != target.ENDING:
        ending = f"the ending must be {target.ENDING}" if target.ENDING else "give a folder's name, without an ending"
        raise WrongUse(f"--out {path}: {ending}")
    _check_free(path)
    if not path.parent.is_dir():
        raise PlusxError(f"--out {path}: there is no folder {path.parent}")
    return path


def _check_free(path: Path) -> None:
    if path.exists() or path.is_symlink():
        raise PlusxError(f"{path} is there already; give another name by --out, or remove it")
