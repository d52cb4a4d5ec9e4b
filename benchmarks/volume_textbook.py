"""The prediction loop that people write: PIL, torchvision's transforms, a DataLoader, eager ResNet-50. Prints JSON.

    python benchmarks/volume_textbook.py PHOTOS --weights weights.safetensors --out answers.csv [--workers 2]

Nothing here is plusx.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from safetensors.torch import load_file
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms
from torchvision.models import resnet50

PREPARE = transforms.Compose(
    [
        transforms.Resize(256),
        transforms.CenterCrop(224),
        transforms.ToTensor(),
        transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ]
)


class Photos(Dataset[tuple[Any, str]]):
    """The files of a folder, prepared."""

    def __init__(self, folder: Path):
        self.paths = sorted(folder.iterdir())

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Any, str]:
        return PREPARE(Image.open(self.paths[index]).convert("RGB")), str(self.paths[index])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=0)
    options = parser.parse_args()

    net = resnet50()
    net.load_state_dict(load_file(options.weights))
    net.eval()
    began = time.perf_counter()
    loader = DataLoader(Photos(options.photos), batch_size=32, num_workers=options.workers)
    with open(options.out, "w", newline="") as file, torch.no_grad():
        writer = csv.writer(file)
        for inputs, paths in loader:
            probabilities, labels = net(inputs).softmax(1).max(1)
            writer.writerows(zip(paths, labels.tolist(), probabilities.tolist(), strict=True))
    print(json.dumps({"loop_s": time.perf_counter() - began}))


if __name__ == "__main__":
    main()
