"""docs/shrink.png: what shrinkings found, by pictures a second over the given model in PyTorch, and accuracy.

    python benchmarks/plot_shrink.py FOLDER ... [--out docs/shrink.png]

Each FOLDER is what `plusx shrink --out` wrote.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from matplotlib import pyplot

FLOAT, INT8, CHOSEN, LEAST = "#2f6fde", "#c85014", "#1f8a5b", "#8a4fc7"
MAX_DROP = 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--names", nargs="+", help="of the sets, in the folders' order")
    parser.add_argument("--out", type=Path, default=Path("docs/shrink.png"))
    options = parser.parse_args()
    figure, axes = pyplot.subplots(
        1, len(options.folders), figsize=(4.6 * len(options.folders), 3.6), layout="constrained", squeeze=False
    )
    names = options.names or [folder.name for folder in options.folders]
    for each, folder, name in zip(axes[0], options.folders, names, strict=True):
        draw(each, json.loads((folder / "shrink.json").read_text(encoding="utf-8")), name)
    figure.savefig(options.out, dpi=110)


def draw(axes: Any, done: dict[str, Any], name: str) -> None:
    points = done["points"]
    eager = points[0]["speeds"]["torch"]["per_second"]
    place = {point["name"]: (point["per_second"] / eager, 100 * point["score"]) for point in points}
    for label, colour, int8 in (("float32", FLOAT, False), ("int8", INT8, True)):
        own = [place[point["name"]] for point in points if is_int8(point) is int8]
        axes.scatter(*zip(*own, strict=True), s=30, color=colour, label=label, zorder=3)
    front = [one for one in sorted(place.values()) if all(other[1] < one[1] for other in place.values() if other > one)]
    axes.plot(*zip(*front, strict=True), color="#888", linewidth=1, label="front")
    axes.scatter([1], [100 * points[0]["score"]], marker="s", s=36, color="black", label="given, PyTorch", zorder=3)
    axes.scatter(*place[done["chosen"]], s=150, facecolors="none", edgecolors=CHOSEN, linewidths=1.6, label="chosen")
    axes.axhline(100 * points[0]["score"] - MAX_DROP, color=LEAST, linestyle="--", linewidth=1)
    axes.axvline(20, color=LEAST, linestyle=":", linewidth=1)
    axes.set_xscale("log")
    axes.set_xticks([1, 2, 5, 10, 20, 50, 100], ["1", "2", "5", "10", "20", "50", "100"])
    axes.set_xlabel("times the pictures a second of the given model in PyTorch")
    axes.set_ylabel("val accuracy, %")
    axes.set_title(name)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7, loc="lower left")


def is_int8(point: dict[str, Any]) -> bool:
    return bool(point["steps"]) and point["steps"][-1]["step"] == "quantize"


if __name__ == "__main__":
    main()
