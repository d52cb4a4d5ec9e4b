"""The loop that people write: torchvision's resnet18 on MNIST, DataLoader with 2 workers, Adam. Prints JSON.

    python benchmarks/textbook.py [--data-dir data/mnist] [--seed 0] [--epochs 1 | --budget SECONDS] [--anneal]

Nothing here is plusx. `duration_s` runs from the files to the trained network; imports and tests are outside.
"""

from __future__ import annotations

from itertools import islice

import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler
from torch.utils.data import DataLoader
from torchvision import datasets, transforms
from torchvision.models import resnet18

from peers.contest import Contest, options


class Mnist(datasets.MNIST):
    """torchvision's own, with the four files in one folder rather than in MNIST/raw/ below it."""

    @property
    def raw_folder(self) -> str:
        return str(self.root)


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--anneal", action="store_true", help="let the rate fall along half a cosine")
    chosen = parser.parse_args()

    contest = Contest(chosen)
    prepare = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    train_set = Mnist(chosen.data_dir, train=True, transform=prepare)
    test_set = Mnist(chosen.data_dir, train=False, transform=prepare)
    train_batches = DataLoader(train_set, batch_size=64, shuffle=True, num_workers=2)
    test_batches = DataLoader(test_set, batch_size=1000, num_workers=2)

    length = contest.length(len(train_batches), lambda steps: train(*build(), train_batches, steps))
    torch.manual_seed(chosen.seed)
    network, optimizer = build()
    schedule = CosineAnnealingLR(optimizer, length.steps) if chosen.anneal else None
    for steps in length.parts():
        train(network, optimizer, train_batches, steps, schedule)
        contest.score(lambda: accuracy(network, test_batches))
    contest.report(length)


def build() -> tuple[nn.Module, torch.optim.Optimizer]:
    network = resnet18(num_classes=10)
    network.conv1 = nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3, bias=False)
    return network, torch.optim.Adam(network.parameters(), lr=1e-3)


def train(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: DataLoader,
    steps: int,
    schedule: LRScheduler | None = None,
) -> None:
    loss_of = nn.CrossEntropyLoss()
    network.train()
    for images, labels in islice(batches, steps):
        optimizer.zero_grad()
        loss = loss_of(network(images), labels)
        loss.backward()
        optimizer.step()
        if schedule:
            schedule.step()


def accuracy(network: nn.Module, batches: DataLoader) -> float:
    network.eval()
    hits = count = 0
    with torch.no_grad():
        for images, labels in batches:
            hits += int((network(images).argmax(1) == labels).sum())
            count += len(labels)
    return hits / count


if __name__ == "__main__":
    main()
