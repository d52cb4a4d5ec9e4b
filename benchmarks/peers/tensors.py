"""MNIST as two tensors, and a network's score on them: what the scripts on PyTorch share."""

from __future__ import annotations

from pathlib import Path

import torch
from contest import read_mnist
from torch import Tensor, nn

MEAN, STD = 0.1307, 0.3081


def mnist_tensors(folder: Path, name: str) -> tuple[Tensor, Tensor]:
    """The `train` or `t10k` part: normalised pictures (count, 1, 28, 28), classes (count,)."""
    pictures, classes = read_mnist(folder, name)
    scaled = torch.from_numpy(pictures).unsqueeze(1).float().div_(255)
    return scaled.sub_(MEAN).div_(STD), torch.from_numpy(classes)


@torch.inference_mode()
def accuracy(network: nn.Module, pictures: Tensor, classes: Tensor) -> float:
    """The share that is right, in evaluation mode; the network goes on training afterwards."""
    network.eval()
    pairs = zip(pictures.split(1000), classes.split(1000), strict=True)
    hits = sum(int((network(some).argmax(1) == right).sum()) for some, right in pairs)
    network.train()
    return hits / len(classes)
