"""From a model in memory to its file: the same contents give the same bytes."""

import hashlib
import stat
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from plusx.archive.arrays import array_bytes
from plusx.archive.contents import Archive, golden_of
from plusx.archive.manifest import FORMAT_VERSION, MAX_MANIFEST_BYTES, FileRecord, manifest_bytes
from plusx.archive.members import ENGINES, GOLDEN, MANIFEST, WEIGHTS, is_allowed
from plusx.archive.refusal import refusal
from plusx.data.files import atomic_write

_UNIX = 3


def write_archive(archive: Archive, path: Path) -> Path:
    """Write the model to `path` and return it; a reader sees the old file or the whole new one, never a part.

    `manifest.files` and `manifest.format_version` are filled here.

    Raises:
        BadArchive: what `read_archive` would refuse (types a file does not store, golden examples that
            disagree or are not finite, unsafe engine names), or a path that cannot be written.

    >>> import tempfile
    >>> import numpy as np
    >>> from plusx.archive import Golden, Manifest, read_archive
    >>> manifest = Manifest(
    ...     created_with={"plusx": "0.1.0"}, created_at="2026-01-31T12:00:00Z", task={"name": "classify"},
    ...     classes=("cat", "dog"), preprocessing={"size": 8}, network={"num_layers": [1]}, provenance={},
    ... )
    >>> golden = Golden(np.zeros((1, 3, 8, 8), np.uint8), np.zeros((1, 2), np.float32))
    >>> model = Archive(manifest, {"head.bias": np.ones(2, np.float32)}, golden)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     read_archive(write_archive(model, Path(folder) / "model.plusx")).weights
    {'head.bias': array([1., 1.], dtype=float32)}
    """
    members = _members(archive, path)
    records = {
        name: FileRecord(size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        for name, data in members.items()
    }
    manifest = archive.manifest.model_copy(update={"format_version": FORMAT_VERSION, "files": records})
    members[MANIFEST] = manifest_bytes(manifest)
    if len(members[MANIFEST]) > MAX_MANIFEST_BYTES:
        raise refusal(path, f"would have a manifest over {MAX_MANIFEST_BYTES >> 20} MiB", "shorten its provenance")
    try:
        with atomic_write(path, mode="wb") as file, ZipFile(file, "w") as target:
            for name in sorted(members):
                target.writestr(_entry(name), members[name])
    except OSError as error:
        raise refusal(path, f"cannot be written ({error.strerror})", "check the folder and its space") from error
    return path


def _members(archive: Archive, path: Path) -> dict[str, bytes]:
    golden = {"inputs": archive.golden.inputs, "outputs": archive.golden.outputs}
    engines = {ENGINES + name: data for name, data in archive.engines.items()}
    for name in engines:
        if not is_allowed(name):
            mend = "name it <engine>/<file> in letters, digits, '.', '_' and '-'"
            raise refusal(path, f"cannot hold an engine's file named {name!r}", mend)
    members = {
        WEIGHTS: array_bytes(path, WEIGHTS, archive.weights),
        GOLDEN: array_bytes(path, GOLDEN, golden),
    }
    golden_of(path, golden)
    return members | engines


def _entry(name: str) -> ZipInfo:
    # zipfile would put in the clock, and the system it runs on.
    entry = ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    entry.compress_type = ZIP_STORED
    entry.create_system = _UNIX
    entry.external_attr = (stat.S_IFREG | 0o644) << 16
    return entry
