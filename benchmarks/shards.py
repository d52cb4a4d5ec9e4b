"""Start-up time and memory of training from shards by the number of examples: from `read_dataset` to the first batch.

The index is real and of full size; its rows share one small shard's 64 pictures, since no picture is read before its
turn. A process each. python benchmarks/shards.py [--counts 10000 100000 1000000 10000000] [--rounds 3] [--write]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from plusx.data.pack import write_shards
from plusx.data.shard_index import ABOUT, BATCH_ROWS, ROWS, About, IndexFile
from plusx.data.sources import ArraySource, DataSet, Samples
from results import setting, write_section

HEADING = "Training from shards: start-up by the number of examples"
PLOT = Path(__file__).parents[1] / "docs" / "shards.png"
CLASSES = tuple(f"n{number:08d}" for number in range(1000))
PICTURES = 64
GOAL_S, GOAL_MIB = 5, 500

START = """
import json, sys, time
from plusx.data.cache import prepare_samples
from plusx.data.image import ImageSpec
from plusx.data.samples import read_dataset
if sys.argv[2] == "torch":
    from plusx.data.loader import Loader
else:
    import numpy as np
    from plusx.data.order import samples_at

def mib(name):
    lines = dict(line.split(":") for line in open("/proc/self/status") if ":" in line)
    return int(lines[name].split()[0]) / 1024

imported = mib("VmRSS")
spec = ImageSpec(height=64, width=64, channels=3)
began, used = time.perf_counter(), time.process_time()
prepared = prepare_samples(read_dataset(sys.argv[1]).split("train"), spec, cache=None)
if sys.argv[2] == "torch":
    assert Loader(prepared, 64, seed=0).batch(0).inputs.shape == (64, 3, 64, 64)
else:
    assert prepared.gather(samples_at(np.arange(64), len(prepared), 0)[1]).shape == (64, 64, 64, 3)
print(json.dumps([time.perf_counter() - began, time.process_time() - used, imported, mib("VmHWM")]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", type=int, nargs="+", default=[10**4, 10**5, 10**6, 10**7])
    parser.add_argument("--rounds", type=int, default=3, help="processes for each figure, of which the median is taken")
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md, the plot into docs/")
    options = parser.parse_args()
    rows = [measured(count, options.rounds) for count in options.counts]
    table = [
        "| examples | index on disk, MB | first batch after, s | of CPU, s | peak memory, MiB | of it imports, MiB "
        "| what the set adds, MiB | peak without torch, MiB |",
        "|---|---|---|---|---|---|---|---|",
        *("| {:,} | {:,.1f} | {:.2f} | {:.2f} | {:,.0f} | {:,.0f} | {:,.0f} | {:,.0f} |".format(*row) for row in rows),
    ]
    body = "\n".join(
        [*table, "", f"Medians of {options.rounds} processes; goals: {GOAL_S} s, {GOAL_MIB} MiB. {setting()}."]
    )
    print(f"\n{body}")
    if options.write:
        draw(rows)
        counts = " ".join(str(count) for count in options.counts)
        command = f"`python benchmarks/shards.py --counts {counts} --rounds {options.rounds} --write`"
        write_section(HEADING, f"{body}\n\n![The same as a plot](../docs/{PLOT.name})\n\n{command}")


class Row(NamedTuple):
    """A row of the table."""

    examples: int
    index_mb: float
    start_s: float
    cpu_s: float
    peak: float
    imported: float
    added: float
    without_torch: float


def measured(count: int, rounds: int) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        shards = Path(folder, "shards")
        make_shards(shards, count)
        size_mb = (shards / ROWS).stat().st_size / 1e6
        starts = zip(*(start(shards, "torch") for _ in range(rounds)), strict=True)
        start_s, cpu_s, imported, peak = (median(values) for values in starts)
        without_torch = median(start(shards, "numpy")[-1] for _ in range(rounds))
    print(f"{count:,}: {start_s:.2f} s, {peak:,.0f} MiB", file=sys.stderr)
    return Row(count, size_mb, start_s, cpu_s, peak, imported, peak - imported, without_torch)


def start(shards: Path, kind: str) -> list[float]:
    """Seconds to the first batch, seconds of CPU, MiB after the imports, MiB at the peak: of a fresh process."""
    done = subprocess.run([sys.executable, "-c", START, str(shards), kind], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def make_shards(folder: Path, count: int) -> None:
    """A folder of shards whose index has `count` rows."""
    pixels = np.random.default_rng(0).integers(0, 256, (PICTURES, 64, 64, 3), np.uint8)
    targets = np.arange(PICTURES) % len(CLASSES)
    made = DataSet(Samples(ArraySource(pixels, "made"), targets, CLASSES), None, None, CLASSES, "made")
    write_shards(made, folder)
    about = About.model_validate_json((folder / ABOUT).read_text())
    few = pa.ipc.open_file(pa.BufferReader((folder / ROWS).read_bytes())).read_all()
    with pa.OSFile(str(folder / ROWS), "wb") as file, pa.ipc.new_file(file, few.schema) as writer:
        for first in range(0, count, BATCH_ROWS):
            writer.write_batch(repeated(few, np.arange(first, min(first + BATCH_ROWS, count))))
    with open(folder / ROWS, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    index = IndexFile(rows=count, size_bytes=(folder / ROWS).stat().st_size, sha256=digest)
    many = about.model_copy(update={"index": index, "splits": {"train": (0, count)}})
    (folder / ABOUT).write_text(many.model_dump_json())


def repeated(few: pa.Table, rows: np.ndarray) -> pa.RecordBatch:
    """These rows of a large index: the few's, over and over, each with a class and a name of its own."""
    batch = few.take(pa.array(rows % PICTURES)).combine_chunks().to_batches()[0]
    columns = {name: batch.column(name) for name in batch.schema.names}
    columns["target"] = pa.array(rows * 7919 % len(CLASSES), pa.int32())
    columns["name"] = pa.array(
        [f"train/{CLASSES[row % 1000]}/{CLASSES[row % 1000]}_{row}.JPEG" for row in rows.tolist()]
    )
    return pa.record_batch(list(columns.values()), schema=few.schema)


def draw(rows: list[Row]) -> None:
    """The table as a picture."""
    from matplotlib.figure import Figure

    counts = [row.examples for row in rows]
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(counts, [row.start_s for row in rows], "o-", label="elapsed")
    left.plot(counts, [row.cpu_s for row in rows], "s-", label="of CPU")
    left.axhline(GOAL_S, linestyle=":", color="grey")
    left.set(xscale="log", ylim=(0, GOAL_S * 1.1), xlabel="examples", ylabel="seconds to the first batch")
    right.plot(counts, [row.peak for row in rows], "^-", label="whole process")
    right.plot(counts, [row.without_torch for row in rows], "o-", label="whole process without torch")
    right.plot(counts, [row.added for row in rows], "s-", label="what the set adds to a process with torch")
    right.axhline(GOAL_MIB, linestyle=":", color="grey")
    right.set(xscale="log", ylim=(0, 1.6 * max(row.peak for row in rows)), xlabel="examples", ylabel="peak memory, MiB")
    right.legend(loc="upper left")
    left.legend(loc="upper left", bbox_to_anchor=(0, 0.9))
    figure.savefig(PLOT, dpi=120)


if __name__ == "__main__":
    main()
