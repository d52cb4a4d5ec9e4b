"""The loop that people write: torchvision's resnet18 on MNIST, DataLoader with 2 workers, Adam. Prints JSON.

    python benchmarks/textbook.py [--data-dir data/mnist] [--seed 0] [--epochs 1] [--steps N]

Nothing here is plusx. `duration_s` is the loop with its data; imports, the network's making and the test are outside.
"""

from __future__ import annotations

import argparse
import json
import time
from itertools import islice
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms
from torchvision.models import resnet18


class Mnist(datasets.MNIST):
    """torchvision's own, with the four files in one folder rather than in MNIST/raw/ below it."""

    @property
    def raw_folder(self) -> str:
        return str(self.root)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=Path("data/mnist"), help="the folder of the IDX files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--steps", type=int, help="stop each epoch after so many batches, to try the script")
    options = parser.parse_args()
    torch.manual_seed(options.seed)

    prepare = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    train = Mnist(options.data_dir, train=True, transform=prepare)
    test = Mnist(options.data_dir, train=False, transform=prepare)
    train_batches = DataLoader(train, batch_size=64, shuffle=True, num_workers=2)
    test_batches = DataLoader(test, batch_size=1000, num_workers=2)

    network = resnet18(num_classes=10)
    network.conv1 = nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3, bias=False)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    loss_of = nn.CrossEntropyLoss()

    began = time.perf_counter()
    network.train()
    for _ in range(options.epochs):
        for images, labels in islice(train_batches, options.steps):
            optimizer.zero_grad()
            loss = loss_of(network(images), labels)
            loss.backward()
            optimizer.step()
    duration_s = time.perf_counter() - began

    network.eval()
    hits = 0
    with torch.no_grad():
        for images, labels in test_batches:
            hits += int((network(images).argmax(1) == labels).sum())
    print(json.dumps({"duration_s": duration_s, "test": {"accuracy": hits / len(test)}}))


if __name__ == "__main__":
    main()
