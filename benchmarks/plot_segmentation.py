"""Draws a large picture that is answered in tiles, the answer, and its true mask: docs/segmentation.png.

    python benchmarks/plot_segmentation.py RUN --photos skimage/data [--data-dir data/mnist] [--out FILE]

RUN is a run on make_masked_digits.py's pictures of 64x64; with `--two` one that knows background and digit alone. The
photograph and the digits are of the test split. Answers come from `plusx predict --masks --overlays`; the share of
right pixels is also given near the tiles' edges, where seams would be.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

import plusx
from make_masked_digits import SIDE, one, own_digits, photo
from plusx.predict.paint import palette
from plusx.predict.tiles import starts
from results import setting, write_section

HEADING = "Segmentation: one picture in tiles"
SIZE = (384, 576)
DIGITS = 24
NEAR = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--photos", type=Path, required=True, help="the folder skimage/data of scikit-image's wheel")
    parser.add_argument("--two", action="store_true", help="the run knows background and digit alone")
    parser.add_argument("--data-dir", type=Path, default=Path("data/mnist"), help="see fetch_mnist.py")
    parser.add_argument("--write", action="store_true", help="put the shares into RESULTS.md")
    parser.add_argument("--out", type=Path, default=Path("docs/segmentation.png"))
    options = parser.parse_args()
    picture, mask = large(options.photos, options.data_dir)
    mask = np.minimum(mask, 1) if options.two else mask
    answer, painted = predicted(options.run, picture)
    rows, columns = (near_edges(length) for length in SIZE)
    edges = rows[:, None] | columns
    right = answer == mask
    body = (
        f"Right: {100 * right[edges].mean():.2f} % of the pixels within {NEAR} of a tile's edge inside the picture, "
        f"{100 * right[~edges].mean():.2f} % of the others. {about(options.run)}\n\n{setting()}."
    )
    print(body)
    if options.write:
        write_section(
            HEADING, f"{body}\n\n`python benchmarks/plot_segmentation.py RUN{' --two' * options.two} --write`"
        )
    draw(painted, palette()[answer], palette()[mask], options.out)


def about(run: Path) -> str:
    """What the run is."""
    classes = plusx.load(run).classes
    epochs = json.loads((run / "recipe.json").read_text())["epochs"]
    return f"The network: {', '.join(classes)}; {SIDE}x{SIDE} pixels, {epochs:g} epochs."


def large(photos: Path, mnist: Path) -> tuple[np.ndarray, np.ndarray]:
    """A picture (384, 576, 3) of the test split's photograph and digits, and its mask."""
    random = np.random.default_rng(1)
    digits, labels = own_digits("test", mnist)
    return one(random, photo("coffee.png", photos), digits, labels, SIZE, DIGITS, at_least=DIGITS)


def predicted(run: Path, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(mask, overlay), as large as the picture."""
    with tempfile.TemporaryDirectory() as folder:
        Image.fromarray(picture).save(Path(folder, "large.png"))
        command = [sys.executable, "-m", "plusx", "predict", str(run), f"{folder}/large.png", "--json"]
        command += ["--masks", f"{folder}/masks", "--overlays", f"{folder}/overlays"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        print(json.loads(done.stdout)["predictions"][0]["shares"])
        mask, painted = (np.asarray(Image.open(Path(folder, name, "large.png"))) for name in ("masks", "overlays"))
        return mask.copy(), painted.copy()


def near_edges(length: int) -> np.ndarray:
    """Which places are within two pixels of where a tile begins or ends inside the picture."""
    near = np.zeros(length, bool)
    for start in starts(length, SIDE, 32):
        for edge in (start, start + SIDE):
            if 0 < edge < length:
                near[edge - NEAR : edge + NEAR] = True
    return near


def draw(painted: np.ndarray, answered: np.ndarray, true: np.ndarray, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(12, 3), layout="constrained")
    titles = (f"{SIZE[1]} x {SIZE[0]} pixels: --overlays", "--masks", "the true mask")
    for axis, title, pixels in zip(axes, titles, (painted, answered, true), strict=True):
        axis.imshow(pixels)
        axis.set_title(title, fontsize=9)
        axis.axis("off")
    figure.savefig(path, dpi=80)


if __name__ == "__main__":
    main()
