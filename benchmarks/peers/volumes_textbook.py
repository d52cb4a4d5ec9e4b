"""What people write for volumes: a small 3-D network, or torchvision's r3d_18. Prints JSON.

    python benchmarks/peers/volumes_textbook.py FOLDER --network textbook|r3d_18 --budget 60 [--seed 0]

Nothing here is plusx. FOLDER has SPLIT/CLASS/*.nii.gz, which are resampled to 28 voxels a side. Adam at 1e-3, batches
of 16, until the time is up. `duration_s` runs from the files to the trained network; imports and the test are outside.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import nibabel
import numpy as np
import torch
from torch import nn
from torchvision.models.video import r3d_18

BATCH, SIDE = 16, 28
NETWORKS = ("textbook", "r3d_18")
Set = tuple[torch.Tensor, torch.Tensor]
"""float32 (count, 1, 28, 28, 28) and int64 (count,)."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--network", choices=NETWORKS, default="textbook")
    parser.add_argument("--budget", type=float, default=60, metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    torch.manual_seed(chosen.seed)
    make = {"textbook": textbook, "r3d_18": residual}[chosen.network]
    classes = sorted(path.name for path in (chosen.folder / "train").iterdir())
    network = make(len(classes))

    began = time.perf_counter()
    volumes, labels = read(chosen.folder / "train", classes)
    mean, std = volumes.mean(), volumes.std()
    steps = train(network, ((volumes - mean) / std, labels), began + chosen.budget)
    duration_s = time.perf_counter() - began
    volumes, labels = read(chosen.folder / "test", classes)
    accuracy = float((answers(network, (volumes - mean) / std) == labels).float().mean())
    params = sum(one.numel() for one in network.parameters())
    print(json.dumps({"accuracy": accuracy, "duration_s": duration_s, "steps": steps, "params": params}))


def textbook(classes: int) -> nn.Module:
    """Three times convolution, normalisation, pooling; then the mean."""
    layers: list[nn.Module] = []
    for before, width in ((1, 32), (32, 64), (64, 128)):
        layers += [nn.Conv3d(before, width, 3, padding=1), nn.BatchNorm3d(width), nn.ReLU(), nn.MaxPool3d(2)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Dropout(0.3), nn.Linear(128, classes))


def residual(classes: int) -> nn.Module:
    network = r3d_18(num_classes=classes)
    network.stem.register_module("0", nn.Conv3d(1, 64, (3, 7, 7), (1, 2, 2), (1, 3, 3), bias=False))
    return network


def read(folder: Path, classes: list[str]) -> Set:
    paths = sorted(folder.rglob("*.nii.gz"))
    volumes = torch.stack([one(path) for path in paths])
    return volumes, torch.tensor([classes.index(path.parent.name) for path in paths])


def one(path: Path) -> torch.Tensor:
    values = np.asarray(nibabel.Nifti1Image.from_filename(path).dataobj, np.float32).transpose(2, 1, 0)
    size = (SIDE, SIDE, SIDE)
    return nn.functional.interpolate(torch.from_numpy(values.copy())[None, None], size, mode="trilinear")[0]


def train(network: nn.Module, learned: Set, end: float) -> int:
    optimizer, loss_of = torch.optim.Adam(network.parameters(), lr=1e-3), nn.CrossEntropyLoss()
    network.train()
    steps = 0
    while True:
        for some in torch.randperm(len(learned[0])).split(BATCH):
            if time.perf_counter() > end:
                return steps
            loss = loss_of(network(learned[0][some]), learned[1][some])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            steps += 1


@torch.inference_mode()
def answers(network: nn.Module, volumes: torch.Tensor) -> torch.Tensor:
    network.eval()
    return torch.cat([network(part).argmax(1) for part in volumes.split(64)])


if __name__ == "__main__":
    main()
