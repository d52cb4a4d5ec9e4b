"""An audit of very many digits, each MNIST's warped by a pure function of its number, made as it is read."""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from mnist_arrays import mnist
from plusx.data.audit.examine import examine
from plusx.data.audit.findings import counts
from plusx.data.sources import DataSet, Samples

EVERY = 100
"""So many examples have one near copy among them."""
# Irrational steps fill their intervals evenly, so that no two warps of one picture are alike.
STEPS = (0.6180339887, 0.7548776662, 0.5698402910, 0.8191725134, 0.6710436067)


class WarpedDigits:
    """MNIST's training pictures, turned, scaled and slanted; the last of every hundred is the one before it, moved."""

    verified = False
    remote = False

    def __init__(self, pictures: np.ndarray, rows: np.ndarray) -> None:
        self._pictures, self._rows = pictures, rows

    def __len__(self) -> int:
        return len(self._rows)

    def name(self, index: int) -> str:
        return f"warped/{self._rows[index]}"

    def read(self, index: int) -> np.ndarray:
        row = int(self._rows[index])
        if row % EVERY == EVERY - 1:
            return np.roll(self._warped(row - 1), 1, axis=row // EVERY % 2)
        return self._warped(row)

    def _warped(self, row: int) -> np.ndarray:
        angle, across, down, slant, stretch = (2 * (row * step % 1) - 1 for step in STEPS)
        cos, sin = math.cos(0.3 * angle), math.sin(0.3 * angle)
        a, b = (cos + 0.3 * slant * sin) * (1 + 0.2 * across), (-sin + 0.3 * slant * cos) * (1 + 0.2 * stretch)
        c, d = sin * (1 + 0.2 * down), cos * (1 + 0.2 * down)
        matrix = (a, b, 13.5 - 13.5 * (a + b), c, d, 13.5 - 13.5 * (c + d))
        picture = Image.fromarray(self._pictures[row % len(self._pictures)])
        return np.asarray(picture.transform((28, 28), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR))

    def fingerprint(self) -> str:
        return f"warped {len(self)}"

    def take(self, indices: np.ndarray) -> WarpedDigits:
        return WarpedDigits(self._pictures, self._rows[indices])


def memory_mib(name: str) -> float:
    status = Path("/proc/self/status").read_text()
    lines = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return int(lines[name].split()[0]) / 1024


def run(data_dir: str, count: str) -> None:
    """Prints [examples, seconds, of these making examples, peak, imports, share found, other pairs] as JSON."""
    pictures, labels = mnist(Path(data_dir))["train"]
    rows = np.arange(int(count))
    source = WarpedDigits(pictures, rows)
    samples = Samples(
        source, labels[(rows - (rows % EVERY == EVERY - 1)) % len(labels)].astype(np.int64), tuple("0123456789")
    )
    imported = memory_mib("VmRSS")
    few = rows[:: max(1, len(rows) // 5000)]
    began = time.perf_counter()
    for row in few.tolist():
        source.read(row)
    making_s = (time.perf_counter() - began) / len(few) * len(rows)
    began = time.perf_counter()
    examined = examine(DataSet(samples, None, None, samples.classes, "warped"), threads=1)
    total_s = time.perf_counter() - began
    peak = memory_mib("VmHWM")
    near = [one for one in examined.found if one.finding.finding.startswith("near")]
    pairs = {(min(one.row, one.other), max(one.row, one.other)) for one in near}
    planted = {(row - 1, row) for row in range(EVERY - 1, len(rows), EVERY)}
    print(counts(one.finding for one in examined.found), file=sys.stderr)
    figures = [len(rows), total_s, making_s, peak, imported, len(pairs & planted) / len(planted), len(pairs - planted)]
    print(json.dumps(figures))
