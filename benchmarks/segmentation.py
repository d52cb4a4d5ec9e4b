"""Segmentation: plusx beside torchvision's light network and a textbook U-Net, from fresh weights, in the same time.

    python benchmarks/segmentation.py --photos skimage/data [--budget 200] [--seeds 1] [--write]

The pictures are those of make_masked_digits.py, as PNG files: digits over photographs, a class a digit.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from make_masked_digits import COUNTS, SIDE, write_set
from results import setting, spread, write_section
from sounds import run

HEADING = "Segmentation: digits over photographs"
PEER = Path(__file__).parent / "peers" / "segmentation_torchvision.py"
NETWORKS = {
    "lraspp_mobilenet_v3_large": "torchvision's lraspp_mobilenet_v3_large",
    "unet": "a textbook U-Net, 32 to 256 wide",
}


class Done(NamedTuple):
    """Of one training: shares of the test split, and seconds from the files to the model."""

    mean_iou: float
    pixel_accuracy: float
    duration_s: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="the folder skimage/data of scikit-image's wheel")
    parser.add_argument("--data-dir", type=Path, default=Path("data/mnist"), help="see fetch_mnist.py")
    parser.add_argument("--budget", type=int, default=200, metavar="SECONDS")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="keep plusx's run of the last seed in this folder")
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    options = parser.parse_args()
    rounds: dict[str, list[Done]] = {}
    with tempfile.TemporaryDirectory() as folder:
        pictures = Path(folder, "pictures")
        write_set(options.photos, options.data_dir, pictures)
        for seed in range(options.seeds):
            kept = options.keep or Path(folder, f"run{seed}")
            rounds.setdefault("plusx", []).append(train_plusx(pictures, kept, seed, options.budget))
            print(f"seed {seed}  plusx  {rounds['plusx'][-1]}", flush=True)
            for network, title in NETWORKS.items():
                done = train_peer(pictures, network, seed, options.budget)
                rounds.setdefault(title, []).append(done)
                print(f"seed {seed}  {network}  {done}", flush=True)
    body = table(rounds, options.seeds, options.budget)
    print(f"\n{body}")
    if options.write:
        command = f"python benchmarks/segmentation.py --budget {options.budget} --seeds {options.seeds} --write"
        write_section(HEADING, f"{body}\n\n`{command}`")


def train_plusx(pictures: Path, out: Path, seed: int, budget_s: int) -> Done:
    command = ["-m", "plusx", "train", str(pictures), "--seed", str(seed), "--budget", f"{budget_s}s", "--json"]
    with tempfile.TemporaryDirectory() as cache:
        answer = run([*command, "--out", str(out)], {"PLUSX_CACHE": cache})
    return Done(answer["test"]["mean_iou"], answer["test"]["pixel_accuracy"], answer["duration_s"])


def train_peer(pictures: Path, network: str, seed: int, budget_s: int) -> Done:
    command = [str(PEER), str(pictures), "--network", network, "--budget", str(budget_s), "--seed", str(seed)]
    answer = run(command, {})
    return Done(answer["mean_iou"], answer["pixel_accuracy"], answer["duration_s"])


def table(rounds: Mapping[str, Sequence[Done]], seeds: int, budget_s: int) -> str:
    lines = [
        "| median (lowest to highest) | mean IoU, % | right pixels, % | from files to model, s |",
        "|---|---|---|---|",
    ]
    for name, own in rounds.items():
        shares = [spread([100 * getattr(one, what) for one in own], ".2f") for what in ("mean_iou", "pixel_accuracy")]
        lines.append(f"| {name} | {' | '.join(shares)} | {spread([one.duration_s for one in own])} |")
    counts = ", ".join(f"{count:,} {split}" for split, count in COUNTS.items())
    about = (
        f"{counts} pictures of {SIDE}x{SIDE}, 11 classes; scored are test pictures, whose photographs and digits no "
        f"side had seen. {seeds} seed(s) of {budget_s} s, all from fresh weights. The others: the loop of "
        "torchvision's references, but with AdamW at 1e-3 in place of SGD, since nothing is pretrained. plusx also "
        "measures its speed and stores its model within the time."
    )
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    return "\n".join([*lines, "", about, "", f"{setting()}, {threads} threads."])


if __name__ == "__main__":
    main()
