"""Boxes of MNIST digits on photographs: plusx beside torchvision's own RetinaNet, in the same time.

    python benchmarks/detection.py [--scenes FOLDER] [--budget 270] [--seed 0] [--write]

FOLDER is what digit_scenes.py makes; without it the scenes are made first. Both sides see the pictures as they are, in
128 x 128 pixels, without mirroring, and are counted by the same program, pycocotools.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torchvision.models.detection import RetinaNet
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.ops.feature_pyramid_network import LastLevelP6P7

from digit_scenes import COUNTS, SIDE, write_scenes
from mnist import UNSET
from plusx.archive import read_archive
from plusx.model.resnet import ResNet
from plusx.tasks.found import Found
from plusx.tasks.precision import coco_scores
from results import setting, write_section

HEADING = "Detection: digits on photographs"
DIGITS = tuple(map(str, range(10)))
AUGMENT = 'augment=[{"name": "warp", "rotate": 0, "shear": 0, "scale": 0.3, "shift": 16, "fill": "edge"}]'
BATCH, RATE, WARM = 16, 1e-3, 100
# What answering the test pictures takes does not count on either side; storing the model does on plusx's.
SPARE_S = 2.0


@dataclass(frozen=True)
class Round:
    """One side's figures on the test pictures."""

    map: float
    ap50: float
    ap75: float
    ar100: float
    epochs: float
    parameters: int
    duration_s: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=Path("data/mnist"), help="see fetch_mnist.py")
    parser.add_argument("--scenes", type=Path, help="what digit_scenes.py made")
    parser.add_argument("--budget", type=int, default=270, help="seconds from the files to the model")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="keep plusx's run here")
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scenes = options.scenes or Path(folder) / "scenes"
        if options.scenes is None:
            write_scenes(scenes, options.data_dir, options.seed)
        rounds: dict[str, Round] = {}
        rounds["plusx"] = train_plusx(scenes, options.budget, options.seed, options.out or Path(folder) / "run")
        print(rounds, flush=True)
        rounds["torchvision's RetinaNet, resnet18, its own loop"] = train_torchvision(
            scenes, options.budget, options.seed
        )
    body = table(rounds, options.budget)
    print(f"\n{body}")
    if options.write:
        write_section(HEADING, f"{body}\n\n`python benchmarks/detection.py --budget {options.budget} --write`")


def train_plusx(scenes: Path, budget_s: int, seed: int, out: Path) -> Round:
    environment = {name: value for name, value in os.environ.items() if name not in UNSET}
    command = [sys.executable, "-m", "plusx", "train", str(scenes), "--budget", f"{budget_s}s", "--json"]
    command += ["--seed", str(seed), "--out", str(out), "--set", AUGMENT]
    with tempfile.TemporaryDirectory() as cache:
        done = subprocess.run(
            command, env=environment | {"PLUSX_CACHE": cache}, capture_output=True, text=True, check=False
        )
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}")
    answer = json.loads(done.stdout)
    network: dict[str, Any] = dict(read_archive(out).manifest.network)
    recipe = json.loads((out / "recipe.json").read_text())
    figures = {name: answer["test"][name] for name in ("map", "ap50", "ap75", "ar100")}
    parameters = sum(one.numel() for one in ResNet(**network).parameters())
    return Round(**figures, epochs=recipe["epochs"], parameters=parameters, duration_s=answer["duration_s"])


def train_torchvision(scenes: Path, budget_s: int, seed: int) -> Round:
    """torchvision's model and losses in a plain loop: AdamW, a warm-up and a cosine, batches of 16, in bfloat16."""
    began = time.perf_counter()
    torch.manual_seed(seed)
    model = retinanet().to(memory_format=torch.channels_last)
    pictures, targets = read(scenes / "train")
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.05)
    steps, step_s = 0, 0.0
    model.train()
    while time.perf_counter() - began + step_s < budget_s - SPARE_S:
        for chosen in torch.randperm(len(pictures)).split(BATCH):
            since = time.perf_counter()
            used = (since - began) / (budget_s - SPARE_S)
            if used + step_s / budget_s >= 1:
                break
            for group in optimizer.param_groups:
                group["lr"] = RATE * min(1, (steps + 1) / WARM) * max(0.01, 0.5 * (1 + float(np.cos(np.pi * used))))
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16):
                losses = model([pictures[i] for i in chosen], [targets[i] for i in chosen])
            torch.stack(list(losses.values())).sum().backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            steps += 1
            step_s = time.perf_counter() - since
    duration_s = time.perf_counter() - began
    scores = score(model, *read(scenes / "test"))
    figures = {name: scores[name] for name in ("map", "ap50", "ap75", "ar100")}
    parameters = sum(one.numel() for one in model.parameters())
    return Round(**figures, epochs=steps * BATCH / len(pictures), parameters=parameters, duration_s=duration_s)


def retinanet() -> RetinaNet:
    """`RetinaNet` on resnet18 for pictures of 128 pixels: anchors half as large as usual, since no digit has 64."""
    backbone = resnet_fpn_backbone(
        backbone_name="resnet18",
        weights=None,
        norm_layer=torch.nn.BatchNorm2d,
        trainable_layers=5,
        returned_layers=[2, 3, 4],
        extra_blocks=LastLevelP6P7(256, 256),
    )
    sizes = tuple((side, int(side * 2 ** (1 / 3)), int(side * 2 ** (2 / 3))) for side in (16, 32, 64, 128, 256))
    anchors = AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * len(sizes))
    # Its own normalisation is ImageNet's.
    return RetinaNet(backbone, len(DIGITS), min_size=SIDE, max_size=SIDE, anchor_generator=anchors)


def read(folder: Path) -> tuple[list[torch.Tensor], list[dict[str, torch.Tensor]]]:
    """A split's pictures, float32 (3, height, width) from 0 to 1, and their targets as torchvision takes them."""
    labels = json.loads((folder / "annotations.json").read_text())
    boxes: dict[int, list[Any]] = {one["id"]: [] for one in labels["images"]}
    for one in labels["annotations"]:
        x, y, width, height = one["bbox"]
        boxes[one["image_id"]].append((one["category_id"] - 1, x, y, x + width, y + height))
    pictures: list[torch.Tensor] = []
    targets: list[dict[str, torch.Tensor]] = []
    for one in labels["images"]:
        pixels = np.array(Image.open(folder / one["file_name"]))
        pictures.append(torch.from_numpy(pixels).permute(2, 0, 1).float() / 255)
        rows = torch.tensor(boxes[one["id"]], dtype=torch.float32).reshape(-1, 5)
        targets.append({"labels": rows[:, 0].long(), "boxes": rows[:, 1:]})
    return pictures, targets


@torch.no_grad()
def score(model: RetinaNet, pictures: list[torch.Tensor], targets: list[dict[str, torch.Tensor]]) -> dict[str, Any]:
    model.eval()
    found: list[Found] = []
    for first in range(0, len(pictures), BATCH):
        answers = model(pictures[first : first + BATCH])
        found += [Found(one["labels"].numpy(), one["scores"].numpy(), one["boxes"].numpy()) for one in answers]
    truth = [torch.cat([one["labels"][:, None].float(), one["boxes"]], 1).numpy() for one in targets]
    return coco_scores(found, truth, DIGITS)


def table(rounds: dict[str, Round], budget_s: int) -> str:
    lines = [
        "| test pictures, % | mAP, 0.5 to 0.95 | AP50 | AP75 | recall of 100 boxes | epochs | parameters | seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, one in rounds.items():
        shares = " | ".join(f"{100 * value:.1f}" for value in (one.map, one.ap50, one.ap75, one.ar100))
        lines.append(f"| {name} | {shares} | {one.epochs:.1f} | {one.parameters:,} | {one.duration_s:.0f} |")
    about = [
        f"{COUNTS['train']:,} training, {COUNTS['val']:,} validation and {COUNTS['test']:,} test pictures of",
        f"{SIDE} x {SIDE} pixels with one to five digits each, made by `benchmarks/digit_scenes.py`: test digits are",
        "of MNIST's test files, test backgrounds are parts of the two photographs that no training picture shows.",
        f"Each side had {budget_s} s on one core and began from random weights; one seed. plusx decodes and stores",
        "within them, and moves and sizes its training pictures (`--set augment=`, so that digits are not mirrored);",
        "torchvision's loop does not augment. Its anchors were halved to suit the digits, its preprocessing set to",
        f"{SIDE} pixels; it computes in bfloat16, too.",
    ]
    return "\n".join(
        [*lines, "", *about, "", f"{setting()}, OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', '-')}."]
    )


if __name__ == "__main__":
    main()
