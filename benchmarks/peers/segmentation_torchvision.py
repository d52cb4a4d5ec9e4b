"""torchvision's own segmentation networks, or a textbook U-Net, trained as its reference scripts do. Prints JSON.

    python benchmarks/peers/segmentation_torchvision.py FOLDER --network lraspp_mobilenet_v3_large --budget 200

Nothing here is plusx. FOLDER has SPLIT/images, SPLIT/masks and classes.txt. As in torchvision's references:
cross-entropy, half of the auxiliary head's loss beside it, the rate falling as a polynomial of degree 0.9, pictures
resized by 0.5 to 2, cropped and mirrored. Weights are fresh; therefore AdamW at 1e-3 (`--optimizer sgd` is the
references' SGD at 0.01). `duration_s` runs from the files to the trained network; imports and the test are outside.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn.functional import cross_entropy
from torchvision import tv_tensors
from torchvision.models import segmentation
from torchvision.transforms import v2

BATCH = 8
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
IGNORED = 255
Set = tuple[torch.Tensor, torch.Tensor]
"""Pictures uint8 (count, 3, height, width) and masks int64 (count, height, width)."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--network", default="lraspp_mobilenet_v3_large")
    parser.add_argument("--budget", type=float, default=200, metavar="SECONDS")
    parser.add_argument("--optimizer", choices=("adamw", "sgd"), default="adamw")
    parser.add_argument("--split", choices=("val", "test"), default="test", help="what is scored")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    torch.manual_seed(chosen.seed)

    began = time.perf_counter()
    classes = len((chosen.folder / "classes.txt").read_text().split())
    learned = read(chosen.folder / "train")
    network = make(chosen.network, classes)
    steps = train(network, learned, chosen.optimizer, began, chosen.budget)
    duration_s = time.perf_counter() - began
    found = confusion(network, read(chosen.folder / chosen.split), classes)
    right, union = np.diag(found), found.sum(0) + found.sum(1) - np.diag(found)
    figures = {"mean_iou": float((right / union).mean()), "pixel_accuracy": float(right.sum() / found.sum())}
    params = sum(one.numel() for one in network.parameters())
    print(json.dumps({**figures, "duration_s": duration_s, "steps": steps, "params": params}))


def make(name: str, classes: int) -> nn.Module:
    if name == "unet":
        return UNet(classes)
    more = {} if "lraspp" in name else {"aux_loss": True}
    return getattr(segmentation, name)(weights=None, weights_backbone=None, num_classes=classes, **more)


class UNet(nn.Module):
    """Ronneberger et al. (arXiv 1505.04597), with batch normalisation and padding, half as wide and one level less."""

    def __init__(self, classes: int, widths: tuple[int, ...] = (32, 64, 128, 256)):
        super().__init__()
        pairs = list(zip((3, *widths), widths, strict=False))
        self.down = nn.ModuleList(twice(before, after) for before, after in pairs)
        backwards = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.larger = nn.ModuleList(nn.ConvTranspose2d(before, after, 2, stride=2) for before, after in backwards)
        self.up = nn.ModuleList(twice(2 * after, after) for _, after in backwards)
        self.last = nn.Conv2d(widths[0], classes, 1)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        kept: list[torch.Tensor] = []
        for level, layer in enumerate(self.down):
            x = layer(nn.functional.max_pool2d(x, 2) if level else x)
            kept.append(x)
        kept.pop()
        for larger, layer in zip(self.larger, self.up, strict=True):
            x = layer(torch.cat([kept.pop(), larger(x)], 1))
        return {"out": self.last(x)}


def twice(before: int, after: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in (before, after):
        layers += [nn.Conv2d(width, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers)


def read(folder: Path) -> Set:
    names = sorted(path.name for path in (folder / "images").glob("*.png"))
    pictures = np.stack([np.asarray(Image.open(folder / "images" / name)) for name in names])
    masks = np.stack([np.asarray(Image.open(folder / "masks" / name)) for name in names])
    return torch.from_numpy(pictures).movedim(-1, 1).contiguous(), torch.from_numpy(masks).long()


def train(network: nn.Module, learned: Set, optimizer_name: str, began: float, budget_s: float) -> int:
    """Trains until the time is up; gives the number of steps."""
    pictures, masks = learned
    height, width = pictures.shape[2:]
    change = v2.Compose([v2.ScaleJitter((height, width), (0.5, 2.0)), v2.RandomHorizontalFlip()])
    crop = v2.RandomCrop((height, width), pad_if_needed=True, fill={tv_tensors.Image: 0, tv_tensors.Mask: IGNORED})
    ready = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)])
    if optimizer_name == "adamw":
        optimizer, rate = torch.optim.AdamW(network.parameters(), lr=1e-3), 1e-3
    else:
        optimizer, rate = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4), 0.01
    network.train()
    steps = 0
    while True:
        for some in torch.randperm(len(pictures)).split(BATCH):
            done = (time.perf_counter() - began) / budget_s
            if done >= 1:
                return steps
            optimizer.param_groups[0]["lr"] = rate * (1 - done) ** 0.9
            pairs = [(tv_tensors.Image(pictures[i]), tv_tensors.Mask(masks[i])) for i in some.tolist()]
            changed = [crop(*change(*pair)) for pair in pairs]
            inputs = torch.stack([ready(picture) for picture, _ in changed])
            targets = torch.stack([mask for _, mask in changed])
            outputs = network(inputs)
            loss = cross_entropy(outputs["out"], targets, ignore_index=IGNORED)
            if "aux" in outputs:
                loss = loss + 0.5 * cross_entropy(outputs["aux"], targets, ignore_index=IGNORED)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            steps += 1


@torch.inference_mode()
def confusion(network: nn.Module, scored: Set, classes: int) -> np.ndarray:
    """How many pixels of each class (rows) are answered as each (columns)."""
    network.eval()
    ready = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)])
    counts = torch.zeros(classes * classes, dtype=torch.int64)
    for pictures, masks in zip(*(part.split(32) for part in scored), strict=True):
        answers = network(ready(pictures))["out"].argmax(1)
        counts += torch.bincount((masks * classes + answers).ravel(), minlength=classes * classes)
    return counts.view(classes, classes).numpy()


if __name__ == "__main__":
    main()
