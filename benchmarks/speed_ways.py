"""The ways to train that speed.py times: each is a function that takes so many steps and gives their seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import models, transforms
from torchvision.models.resnet import BasicBlock

from plusx.data.augment import Augmentation, Crop, Flip, Shift
from plusx.data.cache import Prepared
from plusx.data.image import ImageSpec
from plusx.data.loader import Loader
from plusx.data.sources import ArraySource, Samples
from plusx.tasks.classify import Classify
from plusx.training.criterion import Goal
from plusx.training.recipe import Recipe, Sgd
from plusx.training.state import State
from plusx.training.step import train_step

Way = Callable[[int], float]
Transform = Callable[[Image.Image], Tensor]
# Steps before the clock: memory is allocated, and the workers' queue is no longer full of batches made beforehand.
WARM_UP = 5
CLASSES = 10


@dataclass(frozen=True)
class Timed:
    """A network, the pictures it is timed on, how either side augments them, and the steps of a round."""

    size: int
    stored_size: int
    batch_size: int
    steps: int
    textbook: Callable[[], nn.Module]
    transform: Transform
    augment: tuple[Augmentation, ...]
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int, int]:
        return 3, self.size, self.size


def textbook_loop(name: str) -> Way:
    """torchvision's network or one of its blocks, DataLoader with 2 workers, contiguous float32, SGD."""
    timed = NETWORKS[name]
    network = timed.textbook().train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=5e-4)
    loss_of = nn.CrossEntropyLoss()

    def way(steps: int) -> float:
        pictures = Pictures(timed, steps + WARM_UP)
        batches = DataLoader(pictures, timed.batch_size, shuffle=True, num_workers=2, drop_last=True)

        def each() -> Iterator[None]:
            for images, labels in batches:
                optimizer.zero_grad()
                loss_of(network(images), labels).backward()
                optimizer.step()
                yield

        return timed_steps(each(), steps)

    return way


def bare_step(name: str, precision: Literal["float32", "bfloat16"], *, compiled: bool = False) -> Way:
    """Forward, backward and update by plusx's network in its memory format, on one batch that lies in memory."""
    recipe, prepared = recipe_for(name, precision), prepared_for(name)
    state = state_for(recipe, prepared)
    batch = Loader(prepared, recipe.batch_size, recipe.seed, recipe.augment).batch(0)
    network: Callable[[Tensor], Tensor] = torch.compile(state.network) if compiled else state.network
    state.network.train()
    loss_of = nn.CrossEntropyLoss()

    def each() -> Iterator[None]:
        while True:
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
                outputs = network(batch.inputs)
            state.optimizer.zero_grad()
            loss_of(outputs.float(), batch.targets).backward()
            state.optimizer.step()
            yield

    return lambda steps: timed_steps(each(), steps)


def whole_loop(name: str, precision: Literal["float32", "bfloat16"]) -> Way:
    """plusx's loop with its data: what `plusx train` repeats."""
    recipe, prepared = recipe_for(name, precision), prepared_for(name)
    state = state_for(recipe, prepared)
    goal = Goal.of(recipe, Classify(), prepared)
    loader = Loader(prepared, recipe.batch_size, recipe.seed, recipe.augment)

    def way(steps: int) -> float:
        with closing(loader.stream(state.step, state.step + steps + WARM_UP)) as batches:
            return timed_steps((train_step(state, batch, goal) for batch in batches), steps)

    return way


def timed_steps(each: Iterator[object], steps: int) -> float:
    """Seconds of so many steps, after those of the warm-up."""
    for _ in islice(each, WARM_UP):
        pass
    began = time.perf_counter()
    done = sum(1 for _ in islice(each, steps))
    assert done == steps, "the data ended before the clock did"
    return time.perf_counter() - began


class Pictures(Dataset[tuple[Tensor, int]]):
    """Random pictures for so many batches, as PIL gives them to torchvision's transforms."""

    def __init__(self, timed: Timed, batches: int):
        self._pixels, self._classes = random_pictures(timed)
        self._transform = timed.transform
        self._count = batches * timed.batch_size

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        place = index % len(self._pixels)
        return self._transform(Image.fromarray(self._pixels[place])), int(self._classes[place])


def random_pictures(timed: Timed, batches: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """uint8 pixels (count, size, size, 3) and classes (count,), the same for all ways."""
    rng = np.random.default_rng(0)
    count = batches * timed.batch_size
    pixels = rng.integers(0, 256, (count, timed.stored_size, timed.stored_size, 3), np.uint8)
    return pixels, rng.integers(0, CLASSES, count)


def recipe_for(name: str, precision: Literal["float32", "bfloat16"]) -> Recipe:
    timed = NETWORKS[name]
    return Recipe(
        model=name,
        model_options=dict(timed.options),
        preprocessing=ImageSpec(height=timed.size, width=timed.size, channels=3),
        stored_size=(timed.stored_size, timed.stored_size),
        augment=timed.augment,
        batch_size=timed.batch_size,
        # Random pictures teach nothing; a low rate keeps the losses finite.
        optimizer=Sgd(lr=0.01),
        epochs=1000,
        precision=precision,
    )


def prepared_for(name: str) -> Prepared:
    timed = NETWORKS[name]
    pixels, classes = random_pictures(timed)
    samples = Samples(ArraySource(pixels, name), classes, tuple(str(number) for number in range(CLASSES)))
    return Prepared.of(samples, recipe_for(name, "float32").stored, pixels)


def state_for(recipe: Recipe, prepared: Prepared) -> State:
    return State(recipe, Classify().network_options(prepared.classes), torch.device("cpu"))


def cifar_resnet18() -> nn.Module:
    """torchvision's, as people change it for 32x32 pictures: a 3x3 stem without stride and pool."""
    network: Any = models.resnet18(num_classes=CLASSES)
    network.conv1 = nn.Conv2d(3, 64, kernel_size=3, padding=1, bias=False)
    network.maxpool = nn.Identity()
    return network


def cifar_resnet20() -> nn.Module:
    """Three stages of torchvision's basic block, with the paper's shortcut A (arXiv 1512.03385, section 4.2)."""
    stages: list[nn.Module] = []
    channels = 16
    for width in (16, 32, 64):
        changed = width != channels
        stages += [BasicBlock(channels, width, 2 if changed else 1, ShortcutA() if changed else None)]
        stages += [BasicBlock(width, width) for _ in range(2)]
        channels = width
    stem = (nn.Conv2d(3, 16, kernel_size=3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True))
    return nn.Sequential(*stem, *stages, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, CLASSES))


class ShortcutA(nn.Module):
    """Every second pixel, and as many channels of zeros again."""

    def forward(self, x: Tensor) -> Tensor:
        added = x.shape[1] // 2
        return nn.functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, added, x.shape[1] - added))


def usual(*augmentations: nn.Module) -> Transform:
    return transforms.Compose(
        [*augmentations, transforms.ToTensor(), transforms.Normalize((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))]
    )


MOVED = usual(transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip())
CROPPED = usual(transforms.RandomResizedCrop(224), transforms.RandomHorizontalFlip())

NETWORKS = {
    "resnet18": Timed(32, 32, 64, 12, cifar_resnet18, MOVED, (Shift(reach=4), Flip()), {"stem": "cifar"}),
    "resnet20": Timed(32, 32, 128, 30, cifar_resnet20, MOVED, (Shift(reach=4), Flip())),
    "resnet50": Timed(
        224,
        256,
        16,
        6,
        lambda: models.resnet50(num_classes=CLASSES),
        CROPPED,
        (Crop(height=224, width=224), Flip()),
        {"num_classes": CLASSES},
    ),
}
