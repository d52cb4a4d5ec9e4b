"""What it takes to answer a billion pictures, computed from what ray_predict.py measured.

    python benchmarks/cost_model.py [--pictures 1e9] [--picture-bytes N] [--cores 1000] [--core-hour PRICE]
                                    [--thousand-reads PRICE] [--write]

Prices are the reader's own, in any currency: without them amounts alone are given. A core is one as fast as the one
that was measured, a picture is one like those: `--picture-bytes` changes what is read, not how long it takes to decode.
`--write` puts the table for a billion into RESULTS.md.
"""

from __future__ import annotations

import argparse
import json
from math import ceil
from typing import Any

from ray_predict import CASES, FIGURES
from results import write_section

HEADING = "What a billion pictures take"
WAY = "Ray, 1 worker"
PART_ROWS = 4096
NAMES_A_LISTING = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=float, default=1e9)
    parser.add_argument("--picture-bytes", type=float, help="bytes a picture; by default those that were measured")
    parser.add_argument("--cores", type=int, default=1000)
    parser.add_argument("--core-hour", type=float, help="what a core costs an hour")
    parser.add_argument("--thousand-reads", type=float, help="what a thousand read requests cost")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    figures = json.loads(FIGURES.read_text(encoding="utf-8"))
    body = "\n".join([*by_engine(figures, options), "", *storage(figures, options), "", figures["setting"]])
    print(body)
    if options.write:
        write_section(HEADING, f"`python benchmarks/cost_model.py --write`\n\n{body}")


def by_engine(figures: dict[str, Any], options: argparse.Namespace) -> list[str]:
    """Rows of a table: what processors do, by engine."""
    priced = options.core_hour is not None
    heads = [
        "ResNet-18, 224x224, engine",
        "pictures a second a core",
        "core-hours",
        f"hours of {options.cores:,} cores",
    ]
    rows = [[*heads, *(["cost"] if priced else [])]]
    for case, about in CASES.items():
        rate = figures["rates"].get(f"{case}; {WAY}")
        if about["model"] != "large" or rate is None:
            continue
        hours = core_hours(options.pictures, rate, options.cores, figures["startup_s"][f"{case}; {WAY}"])
        cost = [f"{hours * options.core_hour:,.0f}"] if priced else []
        rows.append([about["engine"], f"{rate:.1f}", f"{hours:,.0f}", f"{hours / options.cores:,.1f}", *cost])
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return [lines[0], "|---" * len(rows[0]) + "|", *lines[1:]]


def core_hours(pictures: float, rate: float, cores: int, startup_s: float) -> float:
    """Core-hours, with each core's start.

    >>> core_hours(3600e3, 10, 100, 36)
    101.0
    """
    return pictures / rate / 3600 + cores * startup_s / 3600


def storage(figures: dict[str, Any], options: argparse.Namespace) -> list[str]:
    """Rows of a table: what is read and written, whatever the engine."""
    size = options.picture_bytes or figures["picture_bytes"]
    parts = ceil(options.pictures / PART_ROWS)
    amounts = [
        ("pictures read", f"{options.pictures * size / 1e12:,.1f} TB ({size / 1e3:,.0f} kB each)"),
        ("answers written", f"{options.pictures * figures['answer_bytes'] / 1e9:,.0f} GB"),
        ("requests to read pictures", f"{options.pictures:,.0f}"),
        ("requests to write parts", f"{parts + 2:,}"),
        ("requests to list parts", f"{2 * ceil(parts / NAMES_A_LISTING):,}"),
    ]
    if options.thousand_reads is not None:
        amounts.append(("cost of the requests to read", f"{options.pictures / 1000 * options.thousand_reads:,.0f}"))
    return ["| storage | amount |", "|---|---|", *(f"| {what} | {amount} |" for what, amount in amounts)]


if __name__ == "__main__":
    main()
