"""Draws volumes and signals of test splits with what trained models say of them: docs/volumes-and-signals.png.

    python benchmarks/plot_volumes_and_signals.py RUN --sets aeon/datasets/data [--data-dir data/mnist] [--budget 30]

RUN is what volumes.py kept with `--keep`; a network of signals is trained here on signals.py's BasicMotions. The first
of each kind are drawn, none was picked: of a volume its middle slices along the three axes, of a signal its channels.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import plusx
from make_turned_volumes import write_set as write_volumes
from plusx.data.signal import read_signal
from plusx.data.volume import VolumeSpec
from signals import write_set as write_signals
from sounds import write_list

VOLUMES, SIGNALS = 6, 4
Shown = tuple[np.ndarray, str, str]
"""What was read of a file, its true label, and the model's answer in words."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("volumes_run", type=Path, metavar="RUN")
    parser.add_argument("--sets", type=Path, required=True, help="the folder aeon/datasets/data of aeon's wheel")
    parser.add_argument("--data-dir", type=Path, default=Path("data/mnist"), help="see fetch_mnist.py")
    parser.add_argument("--budget", type=int, default=30, help="seconds of the training")
    parser.add_argument("--out", type=Path, default=Path("docs/volumes-and-signals.png"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PLUSX_CACHE"] = f"{folder}/cache"
        volumes = turned_volumes(options.data_dir, Path(folder, "volumes"), options.volumes_run)
        signals = motions(options.sets / "BasicMotions", Path(folder), options.budget)
    draw(volumes, signals, options.out)


def turned_volumes(mnist: Path, folder: Path, run: Path) -> list[Shown]:
    write_volumes(mnist, folder)
    model = plusx.load(run)
    paths = sorted(folder.glob("test/*/*.nii.gz"), key=lambda path: path.name)[:VOLUMES]
    spec = VolumeSpec(depth=28, height=28, width=28, spacing=(1, 1, 1), window=(1000, 2000))
    volumes = [spec.prepare(path.read_bytes())[..., 0] for path in paths]
    return list(zip(volumes, [path.parent.name for path in paths], words(model, paths), strict=True))


def motions(source: Path, folder: Path, budget_s: int) -> list[Shown]:
    rows = write_signals(source, folder)
    write_list(rows, folder / "list.csv")
    model = plusx.train(folder / "list.csv", out=folder / "signals-run", budget_s=budget_s).load()
    first = {label: path for path, label, split in reversed(rows) if split == "test"}
    paths = [Path(path) for path in list(first.values())[:SIGNALS]]
    signals = [read_signal(path.read_bytes()).values for path in paths]
    return list(zip(signals, list(first)[:SIGNALS], words(model, paths), strict=True))


def words(model: plusx.Model, paths: list[Path]) -> list[str]:
    return [f"{row['label']} {100 * row['probability']:.0f} %" for row in model.predict(paths)]


def draw(volumes: list[Shown], signals: list[Shown], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(9, 6), layout="constrained")
    halves: Any = figure.subfigures(2, 1, height_ratios=(3, 2))
    above, below = halves
    for column, (volume, label, said) in zip(above.subplots(3, VOLUMES).T, volumes, strict=True):
        middle = len(volume) // 2
        for axis, pixels in zip(column, (volume[middle], volume[:, middle], volume[:, :, middle]), strict=True):
            axis.imshow(pixels, cmap="gray", vmin=0, vmax=255)
            axis.axis("off")
        column[0].set_title(f"{label}: {said}", fontsize=9)
    for axis, (signal, label, said) in zip(below.subplots(1, SIGNALS), signals, strict=True):
        axis.plot(signal, linewidth=0.7)
        axis.set_title(f"{label}: {said}", fontsize=9)
        axis.set_xlabel("sample", fontsize=8)
        axis.tick_params(labelsize=7)
    figure.savefig(path, dpi=80)


if __name__ == "__main__":
    main()
