"""Whether what mattered for a box lies in it: Grad-CAM and HiResCAM of each map that a detector's head is given.

    python benchmarks/explain_boxes.py MODEL SCENES [--pictures 100] [--write]

SCENES is what digit_scenes.py makes, MODEL is trained on it. Counted are the likeliest boxes of the first test pictures
whose probability is at least 0.3: how many hold the place with the most heat.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import plusx
from results import setting, write_section

HEADING = "Explanations of boxes"
LEAST = 0.3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("scenes", type=Path)
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    options = parser.parse_args()
    model = plusx.load(options.model)
    pictures = sorted((options.scenes / "test").glob("*.png"))[: options.pictures]
    lines = ["| the map of | Grad-CAM: in the box, % | HiResCAM: in the box, % | boxes |", "|---|---|---|---|"]
    for layer in ("stage4", "stage3", "stage2"):
        shares: list[float] = []
        boxes = 0
        for method in ("gradcam", "hirescam"):
            rows = [one.row for one in model.explain(pictures, method=method, layer=layer)]
            held = [inside(row) for row in rows if (row["probability"] or 0) >= LEAST]
            shares.append(100 * float(np.mean(held)))
            boxes = len(held)
        lines.append(f"| {layer} | {shares[0]:.1f} | {shares[1]:.1f} | {boxes} |")
        print(lines[-1], flush=True)
    body = "\n".join([*lines, "", f"{len(pictures)} test pictures, one model. {setting()}."])
    print(f"\n{body}")
    if options.write:
        write_section(HEADING, f"`python benchmarks/explain_boxes.py MODEL SCENES --write`\n\n{body}")


def inside(row: dict[str, Any]) -> bool:
    """Whether the box holds the hottest place; no heat at all is outside."""
    if row["place"] is None:
        return False
    left, top, right, bottom = row["box"]
    return left <= row["place"]["x"] <= right and top <= row["place"]["y"] <= bottom


if __name__ == "__main__":
    main()
