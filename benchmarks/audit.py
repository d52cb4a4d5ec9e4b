"""What `plusx audit` finds of faults planted into MNIST, and its time and memory by the number of examples.

    python benchmarks/audit.py planted [--data-dir data/mnist] [--budget 60s] [--write]
    python benchmarks/audit.py scale [--counts 10000 100000 1000000] [--write]
    python benchmarks/audit.py before [--write]

`planted` writes MNIST as PNGs, with 1 % of each fault, and audits the folder. `scale` audits warped digits that are
made as they are read, a process each; every hundredth is its neighbour moved by a pixel, to be found. `before` times
the short form that precedes every training, beside a training of MNIST.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

from audit_plant import FAULTS, plant
from mnist_arrays import Digits, mnist
from plusx.data.audit.quick import quick_notes
from plusx.data.cache import prepare_samples
from plusx.data.image import ImageSpec
from plusx.data.samples import read_dataset
from results import setting, write_section

PLANTED = "MNIST with planted faults: what the audit finds"
SCALE = "The audit's time and memory by the number of examples"
BEFORE = "The audit's short form before a training"
ROUNDS = 5
PLOT = Path(__file__).parents[1] / "docs" / "audit.png"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("planted", "scale", "before"))
    parser.add_argument("--data-dir", type=Path, default=Path("data/mnist"), help="see fetch_mnist.py")
    parser.add_argument("--budget", default="60s", help="for the labels")
    parser.add_argument("--share", type=float, default=0.01, help="of each fault")
    parser.add_argument("--most", type=int, default=60_000, help="pictures of each split, for a quick look")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--counts", type=int, nargs="+", default=[10**4, 10**5, 10**6])
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md, the plot into docs/")
    options = parser.parse_args()
    if options.part == "planted":
        body = planted(options.data_dir, options.most, options.share, options.seed, options.budget)
        heading, more = PLANTED, f"--budget {options.budget} --seed {options.seed}"
    elif options.part == "before":
        body, heading, more = before(options.data_dir), BEFORE, ""
    else:
        rows = [scaled(options.data_dir, count) for count in options.counts]
        body, heading, more = scale_table(rows), SCALE, f"--counts {' '.join(map(str, options.counts))}"
        if options.write:
            draw(rows)
            body += f"\n\n![The same as a plot](../docs/{PLOT.name})"
    print(f"\n{body}")
    if options.write:
        write_section(heading, f"{body}\n\n`python benchmarks/audit.py {f'{options.part} {more}'.strip()} --write`")


def planted(data_dir: Path, most: int, share: float, seed: int, budget: str) -> str:
    """The table of what was found, fault by fault."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "set")
        began = time.monotonic()
        digits = {split: Digits(*(values[:most] for values in own)) for split, own in mnist(data_dir).items()}
        truth = plant(digits, data, share, seed)
        print(f"planted after {time.monotonic() - began:.0f} s", file=sys.stderr)
        command = [sys.executable, "-m", "plusx", "audit", str(data), "--budget", budget, "--out", f"{folder}/out"]
        done = subprocess.run([*command, "--json"], stdout=subprocess.PIPE, text=True, check=True)
        summary = json.loads(done.stdout)
        rows = [fault.judged(truth, Path(folder, "out", "findings.csv"), data) for fault in FAULTS]
    lines = [
        "| fault | planted | found | of these, % | other findings of the kind | precision, % |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        found, right = 100 * row.found / row.planted, 100 * row.right / max(1, row.right + row.others)
        lines.append(f"| {row.name} | {row.planted:,} | {row.found:,} | {found:.1f} | {row.others:,} | {right:.1f} |")
    told = f"{summary['examples']:,} files; the audit took {summary['duration_s']:.0f} s, {budget} of it for the labels"
    return "\n".join([*lines, "", f"{told}. {setting()}."])


class Scaled(NamedTuple):
    """A row of the table."""

    examples: int
    total_s: float
    making_s: float
    peak_mib: float
    imported_mib: float
    found: float
    others: int


RUN = """
import sys
from audit_scale import run
run(*sys.argv[1:])
"""


def scaled(data_dir: Path, count: int) -> Scaled:
    command = [sys.executable, "-c", RUN, str(data_dir), str(count)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=Path(__file__).parent)
    row = Scaled(*json.loads(done.stdout))
    print(f"{count:,}: {row.total_s:.0f} s, {row.peak_mib:.0f} MiB", file=sys.stderr)
    return row


def scale_table(rows: list[Scaled]) -> str:
    lines = [
        "| examples | audit, s | making the examples, s | the rest a million, s | peak memory, MiB "
        "| of it imports and MNIST, MiB | bytes an example beyond the first row | near copies found, % | other pairs |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    first = rows[0]
    for row in rows:
        rest = (row.total_s - row.making_s) / row.examples * 1e6
        added = (row.peak_mib - first.peak_mib) * 2**20 / max(1, row.examples - first.examples)
        grown = "" if row is first else f"{added:.0f}"
        lines.append(
            f"| {row.examples:,} | {row.total_s:.1f} | {row.making_s:.1f} | {rest:.0f} | {row.peak_mib:.0f} "
            f"| {row.imported_mib:.0f} | {grown} | {100 * row.found:.1f} | {row.others:,} |"
        )
    return "\n".join([*lines, "", f"Without labels; one thread. {setting()}."])


def before(data_dir: Path) -> str:
    """What the short form takes of a training's time."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "plusx", "train", "mnist", "--data-dir", str(data_dir), "--json"]
        environment = os.environ | {"PLUSX_CACHE": f"{folder}/cache"}
        trained = subprocess.run(
            [*command, "--out", f"{folder}/run"], stdout=subprocess.PIPE, text=True, check=True, env=environment
        )
        training_s = json.loads(trained.stdout)["duration_s"]
        spec = ImageSpec(height=28, width=28, channels=1)
        dataset = read_dataset("mnist", data_dir=data_dir)
        prepared = {
            split: prepare_samples(dataset.split(split), spec, cache=Path(folder, "cache"))
            for split in ("train", "test")
        }
        notes, times = quick_notes(prepared), list[float]()
        for _ in range(ROUNDS):
            began = time.perf_counter()
            quick_notes(prepared)
            times.append(time.perf_counter() - began)
    share = 100 * median(times) / training_s
    return (
        f"70,000 pictures: {median(times):.3f} s (median of {ROUNDS}), {len(notes)} notes. `plusx train mnist`: "
        f"{training_s:.1f} s, of which that is {share:.2f} %. {setting()}."
    )


def draw(rows: list[Scaled]) -> None:
    """The table as a picture."""
    from matplotlib.figure import Figure

    counts = [row.examples for row in rows]
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(counts, [row.total_s for row in rows], "o-", label="the whole audit")
    left.plot(counts, [row.making_s for row in rows], "s-", label="of it making the examples")
    linear = [rows[-1].total_s * count / counts[-1] for count in counts]
    left.plot(counts, linear, ":", color="grey", label="linear")
    left.set(xscale="log", yscale="log", xlabel="examples", ylabel="seconds")
    left.legend()
    right.plot(counts, [row.peak_mib for row in rows], "o-", label="whole process")
    right.plot(counts, [row.imported_mib for row in rows], "s-", label="of it imports and MNIST")
    right.set(xscale="log", ylim=(0, 1.5 * max(row.peak_mib for row in rows)), xlabel="examples", ylabel="peak, MiB")
    right.legend()
    figure.savefig(PLOT, dpi=110)


if __name__ == "__main__":
    main()
