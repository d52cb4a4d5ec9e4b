"""Pictures a second in training: plusx's loop beside the textbook's, on the same network and batch.

    python benchmarks/speed.py [--networks resnet18 resnet20 resnet50] [--rounds 5] [--compile] [--write]

Rows: the textbook loop (DataLoader with 2 workers, contiguous float32); plusx's bare step on one batch that lies in
memory, which no loop can beat; plusx's whole loop with its data. They take turns, so that what the machine does
meanwhile meets all of them. Leave it alone all the same.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Literal

import torch

from plusx.model.cost import cost
from plusx.model.zoo import ZOO
from results import setting, spread, write_section
from speed_peaks import SIDE, Peak, measure_peak
from speed_ways import NETWORKS, Way, bare_step, textbook_loop, whole_loop

HEADING = "Pictures a second in training"
# A step's gradient costs twice its forward pass, and a multiply-accumulate is two operations.
OPERATIONS_A_MAC = 6
Precision = Literal["float32", "bfloat16"]
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")


@dataclass(frozen=True)
class Row:
    """A way to train, and which peak it is held to."""

    title: str
    build: Callable[[str], Way]
    precision: Precision


TEXTBOOK = Row("textbook loop", textbook_loop, "float32")


def bare(precision: Precision) -> Row:
    return Row(f"plusx, bare step, {precision}", partial(bare_step, precision=precision), precision)


def whole(precision: Precision) -> Row:
    return Row(f"plusx, whole loop, {precision}", partial(whole_loop, precision=precision), precision)


def compiled(precision: Precision) -> Row:
    build = partial(bare_step, precision=precision, compiled=True)
    return Row(f"plusx, bare step, {precision}, compiled", build, precision)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=list(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, help="of a round; by default the network's own number")
    parser.add_argument("--compile", action="store_true", help="torch.compile, too, which takes minutes")
    parser.add_argument("--write", action="store_true", help="put the tables into RESULTS.md")
    options = parser.parse_args()
    if options.write and (options.steps or options.rounds < 5):
        parser.error("--write: only of five rounds or more, each of its own number of steps")

    peaks: dict[Precision, Peak] = {precision: measure_peak(getattr(torch, precision)) for precision in PRECISIONS}
    rows = [TEXTBOOK, *(make(precision) for precision in PRECISIONS for make in (bare, whole))]
    rows += [compiled(precision) for precision in PRECISIONS] if options.compile else []
    measured: dict[str, dict[str, list[float]]] = {}
    for name in options.networks:
        measured[name] = measure(name, rows, options.rounds, options.steps or NETWORKS[name].steps)
        # Again, since a peak that was disturbed would flatter what is held to it.
        peaks = {
            precision: peak.or_faster(measure_peak(getattr(torch, precision))) for precision, peak in peaks.items()
        }
    parts = [table(name, rows, values, peaks) for name, values in measured.items()]
    body = "\n\n".join([*parts, footnote(peaks)])
    print(f"\n{body}")
    if options.write:
        flags = " --compile" if options.compile else ""
        write_section(HEADING, f"{body}\n\n`python benchmarks/speed.py --rounds {options.rounds}{flags} --write`")


def measure(name: str, rows: Sequence[Row], rounds: int, steps: int) -> dict[str, list[float]]:
    """Pictures a second of each row in each round."""
    ways = {row.title: row.build(name) for row in rows}
    measured: dict[str, list[float]] = {title: [] for title in ways}
    for number in range(rounds):
        for title, way in ways.items():
            measured[title].append(steps * NETWORKS[name].batch_size / way(steps))
            print(f"{name}  {title:<36}  round {number}  {measured[title][-1]:8.1f} pictures/s", flush=True)
    return measured


def table(
    name: str, rows: Sequence[Row], measured: Mapping[str, Sequence[float]], peaks: Mapping[Precision, Peak]
) -> str:
    one = NETWORKS[name]
    macs = cost(ZOO[name](**one.options), one.shape).macs
    speeds = {title: median(values) for title, values in measured.items()}
    lines = [
        f"| {name}, {one.shape[1]}x{one.shape[2]}, batch {one.batch_size}, {macs / 1e9:.3g} GMACs | pictures a second "
        "| times the textbook | of the bare step, % | of torch.mm, % | of the fastest kernel, % |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        speed = speeds[row.title]
        of_bare = "" if row is TEXTBOOK else f"{100 * speed / speeds[bare(row.precision).title]:.0f}"
        rate, peak = speed * macs * OPERATIONS_A_MAC, peaks[row.precision]
        shares = [f"{100 * rate / top:.0f}" for top in (peak.mm, peak.fastest)]
        cells = [spread(measured[row.title]), f"{speed / speeds[TEXTBOOK.title]:.2f}", of_bare, *shares]
        lines.append(f"| {row.title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def footnote(peaks: Mapping[Precision, Peak]) -> str:
    figures = "; ".join(
        f"{precision} {peak.mm / 1e9:.0f} and {peak.fastest / 1e9:.0f}" for precision, peak in peaks.items()
    )
    return "\n".join(
        [
            "Medians (lowest to highest). The data are random pictures in memory, moved or cropped, and mirrored.",
            f"GFLOP/s of torch.mm ({SIDE}x{SIDE}), and of the fastest of it, the same product as a 1x1 convolution,",
            f"and a 3x3 convolution: {figures}; {torch.get_num_threads()} threads. A picture's training is",
            "counted as six operations for each multiply-accumulate.",
            "",
            f"{setting()}.",
        ]
    )


if __name__ == "__main__":
    main()
