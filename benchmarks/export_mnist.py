"""Writes MNIST as people have pictures: a folder of 70,000 PNGs, and a Parquet file that lists them.

    python benchmarks/export_mnist.py data/mnist-png [--data-dir data/mnist]

gives `data/mnist-png/train/<digit>/<index>.png`, `.../test/...` and `data/mnist-png.parquet` (path, label, split).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from rich.progress import track

from plusx.data.samples import read_dataset


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="the folder to write; the Parquet file lies beside it")
    parser.add_argument("--data-dir", type=Path, default=Path("data/mnist"), help="the folder of the IDX files")
    options = parser.parse_args()
    if options.out.exists():
        parser.error(f"{options.out} is there already; remove it or name another folder")
    export(options.data_dir, options.out)


def export(data_dir: Path, out: Path) -> Path:
    """Writes the folder and the Parquet file beside it; gives the latter's path."""
    mnist = read_dataset("mnist", data_dir=data_dir)
    rows: list[dict[str, str]] = []
    for split in ("train", "test"):
        samples = mnist.split(split)
        for digit in samples.classes:
            (out / split / digit).mkdir(parents=True, exist_ok=True)
        for index in track(range(len(samples)), f"{split}:"):
            label = samples.classes[samples.targets[index]]
            path = out / split / label / f"{index:05d}.png"
            # Level 1: the pictures are tiny, and time is what we have less of.
            Image.fromarray(np.asarray(samples.source.read(index))).save(path, compress_level=1)
            rows.append({"path": str(path.relative_to(out.parent)), "label": label, "split": split})
    listing = out.with_name(f"{out.name}.parquet")
    pq.write_table(pa.Table.from_pylist(rows), listing)
    return listing


if __name__ == "__main__":
    main()
