"""The memory that `plusx predict` and `plusx embed` take while they answer 100,000 files.

    python benchmarks/volume_memory.py [--write]

The files are hard links of a few small JPEGs, since what each holds is nothing to the memory; the network is small, for
the same reason. Beside them, a Parquet list of ten million paths is read from end to end.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import plusx
from plusx.predict.inputs import expand
from results import setting, write_section
from volume_photos import Size, make_photos

HEADING = "Memory over 100,000 files"
PART_ROWS = 1024
MARKS = (PART_ROWS, 10 * PART_ROWS, 100 * PART_ROWS)
SIZE = Size(64, 48, 0.0)
DIFFERENT = 32
PATHS, AT_ONCE = 10_000_000, 100_000
SETTINGS = ("--epochs", "1", "--set", "model_options.num_filters=8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        link_photos(work / "photos")
        # In a process of its own, whose memory would count here.
        train = [sys.executable, "-m", "plusx", "train", "digits", "--out", str(work / "run"), *SETTINGS]
        subprocess.run(train, check=True, capture_output=True)
        model = plusx.load(work / "run")
        rows = {f"`plusx {what}`": answered(model, what, work) for what in ("predict", "embed")}
        listed = paths_of(work / "list.parquet")
    lines = [f"| resident memory, MB | at {' | at '.join(f'{mark:,}' for mark in MARKS)} files |", "|---|---|---|---|"]
    lines += [f"| {title} | {' | '.join(f'{value:.0f}' for value in values)} |" for title, values in rows.items()]
    body = "\n".join(lines)
    body += f"\n\nA list of {PATHS:,} paths in Parquet, read from end to end: {listed[0]:.0f} MB after the first "
    body += f"{AT_ONCE:,}, {listed[1]:.0f} MB after the last.\n\n{setting()}."
    print(f"\n{body}")
    if options.write:
        write_section(HEADING, f"{body}\n\n`python benchmarks/volume_memory.py --write`")


def link_photos(folder: Path) -> None:
    make_photos(folder / "own", SIZE, DIFFERENT)
    own = sorted((folder / "own").iterdir())
    for number in range(MARKS[-1] - DIFFERENT):
        os.link(own[number % DIFFERENT], folder / f"{number:06d}.jpg")


def answered(model: plusx.Model, what: str, work: Path) -> list[float]:
    """Megabytes at each of the marks."""
    found: list[float] = []
    into: Callable[..., Any] = model.predict_into if what == "predict" else model.embed_into

    def look(count: int) -> None:
        if count in MARKS:
            found.append(resident_mb())
            print(f"{what}: {count:,} files, {found[-1]:.0f} MB", flush=True)

    into(expand([str(work / "photos")], sys.stdin), work / what, part_rows=PART_ROWS, on_part=look)
    return found


def paths_of(path: Path) -> tuple[float, float]:
    """Megabytes after the first paths of a long list, and after the last."""
    with pq.ParquetWriter(path, pa.schema([("path", pa.string())])) as writer:
        for table in tables():
            writer.write_table(table)
    paths = iter(expand([str(path)], sys.stdin))
    for _ in range(AT_ONCE):
        next(paths)
    first = resident_mb()
    count = AT_ONCE + sum(1 for _ in paths)
    assert count == PATHS
    return first, resident_mb()


def tables() -> Iterator[pa.Table]:
    random = np.random.default_rng(0)
    for _ in range(PATHS // AT_ONCE):
        # Of random numbers, so that they take in the file what paths do.
        yield pa.table({"path": [f"photos/{number:016x}.jpg" for number in random.integers(0, 2**62, AT_ONCE)]})


def resident_mb() -> float:
    """Of this process now, by Linux."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main()
