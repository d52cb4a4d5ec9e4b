"""docs/at-scale.png: two machines answer a list, one of them is killed.

    python benchmarks/plot_ray.py

Both are Ray nodes of one CPU on this machine. A dot is a part of 32 digits, when it was whole.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import matplotlib
import pyarrow.parquet as pq

from ray_predict import make_pictures

matplotlib.use("Agg")
import matplotlib.pyplot as plt

PICTURE = Path(__file__).parents[1] / "docs" / "at-scale.png"
NODES = Path(__file__).parents[1] / "tests" / "api" / "ray_nodes.py"
PART_ROWS, PICTURES, KILLED_AFTER = 32, 4096, 40


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_pictures(folder, PICTURES)
        killed_s, ends = answer(folder)
        draw(killed_s, ends)


def answer(folder: Path) -> tuple[float, list[float]]:
    """When the second machine was killed, and when each part was whole, from the first on, in seconds."""
    table = pq.read_table(folder / "small.parquet").slice(0, PICTURES)
    pq.write_table(table, folder / "list.parquet")
    out = folder / "answers"
    two = [sys.executable, str(NODES)]
    pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(two, stdin=pipe, stdout=pipe, stderr=nothing, text=True) as nodes:
        if nodes.stdin is None or nodes.stdout is None:
            raise SystemExit("no pipes to the nodes")
        address = nodes.stdout.readline().strip()
        command = [sys.executable, "-m", "plusx", "predict", str(folder / "small.plusx"), str(folder / "list.parquet")]
        how = ["--out", str(out), "--part-rows", str(PART_ROWS), "--engine", "onnx", "--ray", address]
        run = subprocess.Popen([*command, *how], stdout=nothing, stderr=nothing)
        while run.poll() is None and len(list(out.glob("part-*"))) < KILLED_AFTER:
            time.sleep(0.01)
        killed_s = time.time()
        nodes.stdin.write("kill\n")
        nodes.stdin.flush()
        run.wait()
        nodes.stdin.close()
    ends = sorted(path.stat().st_mtime for path in out.glob("part-*"))
    rows = sum(pq.read_metadata(path).num_rows for path in out.glob("part-*"))
    if rows != PICTURES:
        raise SystemExit(f"{rows} rows of {PICTURES}")
    return killed_s - ends[0], [end - ends[0] for end in ends]


def draw(killed_s: float, ends: list[float]) -> None:
    figure, axes = plt.subplots(figsize=(7, 3), dpi=150, layout="constrained")
    axes.plot(ends, [PART_ROWS * (number + 1) for number in range(len(ends))], ".", markersize=4, color="#2060a0")
    axes.axvline(killed_s, color="#c03020", linewidth=1)
    axes.annotate("a machine is killed", (killed_s, PICTURES), (4, -8), textcoords="offset points", color="#c03020")
    axes.set_xlabel("seconds since the first part")
    axes.set_ylabel("inputs in whole parts")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(PICTURE)


if __name__ == "__main__":
    main()
