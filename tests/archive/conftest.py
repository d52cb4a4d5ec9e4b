"""One small honest model, and a forger's tools."""

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plusx.archive import Archive, BadArchive, Golden, Manifest, read_archive, write_archive

Forge = Callable[..., Path]


@pytest.fixture(scope="session")
def manifest() -> Manifest:
    return Manifest(
        created_with={"plusx": "0.1.0", "torch": "2.10.0", "python": "3.11.7"},
        created_at="2026-01-31T12:00:00Z",
        task={"name": "classify"},
        classes=("cat", "Hündin", "猫"),
        preprocessing={"kind": "image", "size": [8, 8], "mean": [0.5]},
        network={"num_layers": [1, 1], "num_filters": 4},
        provenance={"metrics": {"val.accuracy": 0.75}, "recipe": None},
    )


@pytest.fixture(scope="session")
def model(manifest: Manifest) -> Archive:
    random = np.random.default_rng(0)
    return Archive(
        manifest=manifest,
        weights={
            "stem.weight": random.normal(size=(4, 1, 3, 3)).astype(np.float32),
            "stem.steps": np.array(7, np.int64),
            "head.bias": random.normal(size=3).astype(np.float16),
        },
        golden=Golden(
            inputs=random.integers(0, 256, (2, 1, 4, 4), np.uint8),
            outputs=random.normal(size=(2, 3)).astype(np.float32),
        ),
        engines={"onnx/model.onnx": b"onnx bytes", "openvino/model.int8.bin": b""},
    )


@pytest.fixture(scope="session")
def model_bytes(model: Archive, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_archive(model, tmp_path_factory.mktemp("model") / "model.plusx").read_bytes()


@pytest.fixture
def members(model_bytes: bytes) -> dict[str, bytes]:
    """The honest model's members, to be changed and given to `forge`."""
    with zipfile.ZipFile(io.BytesIO(model_bytes)) as file:
        return {name: file.read(name) for name in file.namelist()}


@pytest.fixture
def forge(tmp_path: Path) -> Forge:
    """Writes members as a zip whose manifest lists them all rightly, as a careful forger would.

    `manifest` changes keys of the manifest; `listed=False` leaves its list of files as it was.
    """

    def write(
        members: Mapping[str, bytes],
        manifest: Mapping[str, Any] | None = None,
        listed: bool = True,
        **zip_options: Any,
    ) -> Path:
        values = json.loads(members["manifest.json"]) | dict(manifest or {})
        if listed:
            values["files"] = {
                name: {"size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
                for name, data in members.items()
                if name != "manifest.json"
            }
        path = tmp_path / "forged.plusx"
        with zipfile.ZipFile(path, "w", **zip_options) as file:
            for name, data in {**members, "manifest.json": json.dumps(values).encode()}.items():
                file.writestr(name, data)
        return path

    return write


@pytest.fixture(scope="session")
def assert_refused() -> Callable[..., None]:
    """Fails unless reading the path is refused in these words, in one line with the path and a mend."""

    def check(path: Path, words: str, read: Callable[[Path], object] = read_archive) -> None:
        with pytest.raises(BadArchive, match=re.escape(words)) as refused:
            read(path)
        line = str(refused.value)
        assert line.startswith(str(path))
        assert line.isprintable()
        assert "; " in line

    return check


@pytest.fixture(scope="session")
def assert_same() -> Callable[[Archive, Archive], None]:
    """Fails unless two models hold the same, bit by bit."""

    def check(one: Archive, other: Archive) -> None:
        ignored = {"files": {}}
        assert one.manifest.model_copy(update=ignored) == other.manifest.model_copy(update=ignored)
        assert _bits(one.weights) == _bits(other.weights)
        assert _bits(vars(one.golden)) == _bits(vars(other.golden))
        assert one.engines == other.engines

    return check


def _bits(arrays: Mapping[str, np.ndarray]) -> dict[str, tuple[str, tuple[int, ...], bytes]]:
    return {name: (array.dtype.name, array.shape, array.tobytes()) for name, array in arrays.items()}
