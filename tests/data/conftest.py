"""Small picture files, written by Pillow, which is no part of what is tested; and shards of digits."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

import fsspec
import numpy as np
import pytest
from PIL import Image

from plusx.data.pack import write_shards
from plusx.data.samples import read_dataset


class Encode(Protocol):
    def __call__(self, picture: Image.Image | np.ndarray, kind: str = "PNG", **options: Any) -> bytes: ...


class MakeFolder(Protocol):
    def __call__(self, files: dict[str, int]) -> Path: ...


@pytest.fixture
def encode() -> Encode:
    """A picture's file as bytes."""

    def encode(picture: Image.Image | np.ndarray, kind: str = "PNG", **options: Any) -> bytes:
        file = BytesIO()
        picture = Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture
        picture.save(file, kind, **options)
        return file.getvalue()

    return encode


@pytest.fixture
def make_folder(tmp_path: Path, encode: Encode) -> MakeFolder:
    """A folder of 4 x 4 grey PNGs of these levels, at these paths."""

    def make_folder(files: dict[str, int]) -> Path:
        root = tmp_path / "set"
        for name, level in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode(np.full((4, 4), level, np.uint8)))
        return root

    return make_folder


@pytest.fixture
def photos(tmp_path: Path, encode: Encode) -> Path:
    """JPEGs of changing sizes, 12 under train/ of which two cannot be read, and 2 under test/; one is really a PNG."""
    root = tmp_path / "photos"
    random = np.random.default_rng(0)
    names = [f"train/{'cat' if number % 2 else 'dog'}/{number}.jpg" for number in range(10)]
    for number, name in enumerate([*names, "test/cat/a.jpg", "test/dog/b.jpg"]):
        noise = Image.fromarray(random.integers(0, 256, (4, 5, 3), np.uint8))
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(noise.resize((90 + number, 80)), "PNG" if number == 4 else "JPEG"))
    (root / "train/cat/cut.jpg").write_bytes((root / names[1]).read_bytes()[:-300])
    (root / "train/dog/text.jpg").write_bytes(b"no picture")
    return root


@pytest.fixture
def packed(digit_folder: Path, tmp_path: Path) -> Path:
    """The 200 and 100 digits in several shards."""
    write_shards(read_dataset(digit_folder), tmp_path / "shards", shard_bytes=100_000)
    return tmp_path / "shards"


@pytest.fixture
def in_memory(packed: Path) -> Iterator[str]:
    """The address of the same in fsspec's memory."""
    memory = fsspec.filesystem("memory")
    memory.put(str(packed), "/bucket/shards", recursive=True)
    yield "memory://bucket/shards"
    memory.rm("/bucket", recursive=True)
