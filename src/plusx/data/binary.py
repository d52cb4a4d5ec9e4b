"""Two binary formats of known sets: MNIST's IDX files and CIFAR's binary version, checked strictly."""

import gzip
import struct
import zlib
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Int64, UInt8

from plusx.errors import PlusxError

CIFAR_PIXELS = 3 * 32 * 32
MAX_IDX_BYTES = 1 << 32


def read_idx(path: Path, dims: int) -> UInt8[np.ndarray, "..."]:
    """An IDX file of unsigned bytes with that many dimensions; one whose name ends in .gz is unpacked.

    Raises:
        PlusxError: it is no such file, or shorter or longer than its header says.
    """
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as file:
            header = file.read(4 + 4 * dims)
            if len(header) < 4 + 4 * dims or header[:4] != bytes((0, 0, 8, dims)):
                raise PlusxError(f"{path}: not an IDX file of {dims} dimensions; fetch it again")
            shape = struct.unpack(f">{dims}I", header[4:])
            size = int(np.prod(shape, dtype=object))
            if size > MAX_IDX_BYTES:
                raise PlusxError(f"{path}: its header asks for {size} bytes; fetch it again")
            content = file.read(size + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise PlusxError(f"{path}: cannot be read ({error}); fetch it again") from error
    if len(content) != size:
        longer = "longer" if len(content) > size else "shorter"
        raise PlusxError(f"{path}: {longer} than its header says ({size} bytes); fetch it again")
    return np.frombuffer(content, np.uint8).reshape(shape)


def read_cifar_batches(
    folder: Path, split: Literal["train", "test"] | str
) -> tuple[UInt8[np.ndarray, "count height=32 width=32 channels=3"], Int64[np.ndarray, " count"], tuple[str, ...]]:
    """(pixels, targets, classes) of one split of CIFAR's binary version; of CIFAR-100 the fine classes.

    Raises:
        PlusxError: a file is missing, no whole number of pictures long, or has a label out of range.
    """
    fine = (folder / "fine_label_names.txt").is_file()
    names_file = folder / ("fine_label_names.txt" if fine else "batches.meta.txt")
    labels = 2 if fine else 1  # CIFAR-100 has the coarse label before the fine one
    many = [f"data_batch_{number}.bin" for number in range(1, 6)]
    one = [f"{split}.bin"] if fine else ["test_batch.bin"]
    files = many if split == "train" and not fine else one
    try:
        classes = tuple(names_file.read_text().split())
        content = [(folder / name, np.fromfile(folder / name, np.uint8)) for name in files]
    except (OSError, UnicodeDecodeError) as error:
        raise PlusxError(f"{folder}: cannot be read ({error}); unpack it again") from error
    for path, values in content:
        if len(values) == 0 or len(values) % (labels + CIFAR_PIXELS):
            raise PlusxError(f"{path}: not a whole number of pictures; unpack it again")
    rows = np.concatenate([values.reshape(-1, labels + CIFAR_PIXELS) for _, values in content])
    targets = rows[:, labels - 1].astype(np.int64)
    if targets.max() >= len(classes):
        raise PlusxError(f"{folder}: label {targets.max()} of {len(classes)} classes; unpack it again")
    pixels = rows[:, labels:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(pixels), targets, classes
