"""Draws what `volume.py` measured, as it stands in RESULTS.md: docs/predict.png.

python benchmarks/plot_volume.py [--out docs/predict.png]
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from matplotlib.figure import Figure

from results import RESULTS
from volume import HEADING
from volume_photos import SIZES

TITLES = {"small": "500x375 JPEGs", "large": "12-megapixel JPEGs"}
AFTER_START = 4
"""The column of the photos a second after the start."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs/predict.png"))
    options = parser.parse_args()
    figure = Figure(figsize=(9, 2.6), layout="constrained")
    for axes, size in zip(figure.subplots(1, len(SIZES), sharey=True), SIZES, strict=True):
        rates = measured(f"{HEADING}: {size}")
        names, values = list(rates)[::-1], list(rates.values())[::-1]
        bars = axes.barh(names, values, color=["tab:grey" if "textbook" in name else "tab:blue" for name in names])
        slowest = rates[next(iter(rates))]
        axes.bar_label(bars, [f"{value:.1f}  ({value / slowest:.1f}x)" for value in values], padding=3)
        axes.set_xlim(0, 1.4 * max(values))
        axes.set_title(TITLES[size])
        axes.set_xlabel("photos a second, after the start, one core")
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(options.out, dpi=120)
    print(f"{options.out}: {options.out.stat().st_size / 1000:.0f} kB")


def measured(heading: str) -> dict[str, float]:
    """Photos a second by way, from the section's table."""
    _, _, section = RESULTS.read_text(encoding="utf-8").partition(f"## {heading}\n")
    lines = section.partition("\n## ")[0].splitlines()
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in lines if re.match(r"\| (text|plusx)", line)
    ]
    # Whichever number of workers was the better for these photos: one bar for both drawings.
    return {re.sub(r"(textbook loop), .*", r"\1", row[0]): float(row[AFTER_START]) for row in rows}


if __name__ == "__main__":
    main()
