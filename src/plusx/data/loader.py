"""Batches as tensors: gathered whole and one ahead, then augmented and mixed whole."""

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from plusx.data.augment import Augmentation
from plusx.data.augment.boxes import move_boxes
from plusx.data.augment.masks import move_masks
from plusx.data.cache import Prepared
from plusx.data.mix import Mix, one_hot
from plusx.data.order import Order, Uniform, steps_for, uniform

__all__ = ["Batch", "Loader", "in_order", "steps_for"]


class Batch(NamedTuple):
    """Some examples and their classes, on the loader's device."""

    inputs: Tensor
    """As prepared, channels first: for pictures uint8 (batch, channels, height, width), in channels_last memory."""
    targets: (
        Int64[Tensor, " batch"]
        | Float32[Tensor, "batch classes"]
        | Int64[Tensor, "batch height width"]
        | Float32[Tensor, "batch longest 5"]
    )
    """Each example's class; of examples with several labels, 0 or 1 for each; of mixed examples, each class's share; of
    pictures with masks, each pixel's class `(batch, height, width)`, 255 where it is ignored; of pictures with boxes,
    rows of classes and corners `(batch, longest, 5)`, in shares of the picture's sides, filled up with -1."""


class Loader:
    """The endless sequence of a run's training batches, each a pure function of its step.

    Batch `step` holds places step * batch_size and on of its order; each example's augmentation depends
    on (seed, epoch, example) alone, and how a pair is mixed on its first one's. `seed` and `batch_size` of a run must
    stay when it is resumed.

    `part` is what this process takes of each batch, where several share it. With `mix` it must begin at an even place.
    """

    def __init__(
        self,
        prepared: Prepared,
        batch_size: int,
        seed: int,
        augmentations: Sequence[Augmentation] = (),
        device: str | torch.device = "cpu",
        mix: Mix | None = None,
        part: slice = slice(None),
        order: Order | None = None,
    ) -> None:
        self.prepared = prepared
        self.batch_size = batch_size
        self.seed = seed
        self.augmentations = tuple(augmentations)
        self.device = torch.device(device)
        self.mix = mix
        self.part = part
        self.order = Uniform(len(prepared), seed) if order is None else order

    def batch(self, step: int) -> Batch:
        """The batch of this step, counted from 0: `batch_size` examples, or this process's part of them."""
        return self._finish(self._gather(step))

    def stream(self, first_step: int, last_step: int) -> Generator[Batch, None, None]:
        """The batches of first_step up to, not including, last_step; each is gathered while the last is used."""
        with closing(_one_ahead(self._gather, range(first_step, last_step))) as ahead:
            for gathered in ahead:
                yield self._finish(gathered)

    def _gather(self, step: int) -> "_Gathered":
        first = step * self.batch_size
        places = np.arange(first, first + self.batch_size)[self.part]
        epochs, indices = self.order.at(places)
        return _Gathered(epochs, indices, *self.prepared.pairs(indices))

    def _finish(self, gathered: "_Gathered") -> Batch:
        epochs, indices, values, targets = gathered
        inputs, targets = _to_tensor(values, self.device), _to_targets(targets, self.device)
        for stream, augmentation in enumerate(self.augmentations):
            u = torch.from_numpy(uniform(self.seed, epochs, indices, stream, augmentation.draws)).to(self.device)
            targets = _moved(augmentation, targets, inputs, u)
            inputs = augmentation(inputs, u)
        targets = _as_learned(targets)
        if self.mix is None:
            return Batch(inputs, targets)
        u = uniform(self.seed, epochs, indices, len(self.augmentations), self.mix.draws)
        return Batch(*self.mix(inputs, one_hot(targets, len(self.prepared.classes)), torch.from_numpy(u)))


class _Gathered(NamedTuple):
    epochs: Int64[np.ndarray, " batch"]
    indices: Int64[np.ndarray, " batch"]
    values: np.ndarray
    targets: np.ndarray


def in_order(prepared: Prepared, batch_size: int, device: str | torch.device = "cpu") -> Generator[Batch, None, None]:
    """Every example once, in order, as it was prepared; the last batch may be smaller."""
    device = torch.device(device)

    def gather(first: int) -> tuple[np.ndarray, np.ndarray]:
        return prepared.pairs(np.arange(first, min(first + batch_size, len(prepared))))

    with closing(_one_ahead(gather, range(0, len(prepared), batch_size))) as ahead:
        for values, targets in ahead:
            yield Batch(_to_tensor(values, device), learned_targets(targets, device))


def _to_tensor(values: np.ndarray, device: torch.device) -> Tensor:
    # Examples are stored channels last, so channels first is a view in torch's channels_last memory format.
    return torch.from_numpy(values).to(device).movedim(-1, 1)


def _to_targets(targets: np.ndarray, device: torch.device) -> Tensor:
    """As they are; but of several labels the 0s and 1s as shares, as a loss takes them."""
    several = targets.ndim == 2 and targets.dtype == np.uint8
    return torch.from_numpy(targets.astype(np.float32) if several else targets).to(device)


def _moved(augmentation: Augmentation, targets: Tensor, inputs: Tensor, u: Tensor) -> Tensor:
    """What the augmentation does to targets that are masks or boxes of these inputs; others stay."""
    if targets.ndim != 3:
        return targets
    if targets.dtype == torch.uint8:
        return move_masks(augmentation, targets, u)
    height, width = inputs.shape[2:]
    return move_boxes(augmentation, targets, (height, width), u)


def learned_targets(targets: np.ndarray, device: torch.device | str = "cpu") -> Tensor:
    """Stored targets as a task's losses take them: labels of any number as shares, masks as places of classes."""
    return _as_learned(_to_targets(targets, torch.device(device)))


def _as_learned(targets: Tensor) -> Tensor:
    """Masks, which are stored as bytes, as the numbers that losses take; others as they are."""
    return targets.long() if targets.ndim == 3 and targets.dtype == torch.uint8 else targets


T = TypeVar("T")


def _one_ahead(make: Callable[[int], T], numbers: range) -> Generator[T, None, None]:
    """make(number) for each, one ahead in a single thread, which is gone when the consumer stops or fails.

    The thread must do NumPy's work only: with torch's, a second pool of OpenMP threads fights the training's for the
    cores (measured: 17 instead of 8 ms a step).
    """
    with ThreadPoolExecutor(1, thread_name_prefix="loader") as pool:
        ahead = [pool.submit(make, number) for number in numbers[:1]]
        for number in numbers[1:]:
            result = ahead.pop().result()
            ahead.append(pool.submit(make, number))
            yield result
        for last in ahead:
            yield last.result()
