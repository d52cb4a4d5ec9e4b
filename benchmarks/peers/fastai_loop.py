"""fastai's one-cycle training of xresnet18 on MNIST. Prints JSON.

    python benchmarks/peers/fastai_loop.py [--data-dir data/mnist] [--seed 0] [--epochs 1 | --budget SECONDS]
        [--batch-size 64] [--lr 3e-3] [--augment]

fastai's defaults: batch 64, Adam, cosine one-cycle; 3e-3 is the rate of its tutorials. The set lies in memory as
tensors, which is faster than opening 60,000 pictures.
"""

# fastai is no dependency of this project; see requirements.txt beside this file.
# pyright: reportMissingImports=false
from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

from contest import Contest, Length, options
from fastai.callback.core import Callback
from fastai.callback.schedule import Learner
from fastai.data.core import DataLoaders, TfmdDL
from fastai.torch_core import TensorCategory, TensorImage, set_seed
from fastai.vision.augment import aug_transforms, setup_aug_tfms
from fastai.vision.models.xresnet import xresnet18
from tensors import accuracy, mnist_tensors
from torch import nn
from torch.utils.data import TensorDataset


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--augment", action="store_true", help="aug_transforms(do_flip=False): digits have sides")
    chosen = parser.parse_args()

    contest = Contest(chosen)
    pictures, classes = mnist_tensors(chosen.data_dir, "train")
    test = mnist_tensors(chosen.data_dir, "t10k")
    dataset = TensorDataset(TensorImage(pictures), TensorCategory(classes))

    def batches(count: int) -> TfmdDL:
        """Shuffled batches of `count` pictures, drawn anew each epoch."""

        augment = setup_aug_tfms(aug_transforms(do_flip=False)) if chosen.augment else []
        return TfmdDL(
            dataset,
            bs=chosen.batch_size,
            shuffle=True,
            shuffle_fn=lambda indices: random.sample(range(len(dataset)), len(indices)),
            n=count,
            num_workers=0,
            after_batch=augment,
        )

    one_cycle(contest, batches, len(dataset), chosen.seed, chosen.lr, lambda network: accuracy(network, *test))


def one_cycle(
    contest: Contest,
    batches: Callable[[int], Any],
    count: int,
    seed: int,
    lr: float,
    score: Callable[[nn.Module], float],
    *,
    every_epoch: bool = True,
) -> None:
    """Trains on `batches(n)`, which has n of the `count` pictures an epoch, and prints the result."""
    batch_size: int = batches(count).bs
    steps_an_epoch = count // batch_size

    def trial(steps: int) -> None:
        fit(learner(batches(min(count, steps * batch_size))), Length(steps, steps_an_epoch), lr)

    length = contest.length(steps_an_epoch, trial)
    set_seed(seed)
    epochs = math.ceil(length.epochs)
    # fit_one_cycle takes whole epochs alone; all of them are as much shorter as the last would have been.
    an_epoch = batches(max(batch_size, count * length.steps // (epochs * steps_an_epoch)))
    learn = learner(an_epoch)
    fit(learn, length, lr, Scored(contest, score) if every_epoch else None)
    if not every_epoch:
        contest.score(lambda: score(learn.model))
    contest.report(length)


def learner(batches: Any) -> Any:
    network = xresnet18(n_out=10, c_in=1)
    # Nothing to validate on: testing is for `Scored`, outside the clock.
    return Learner(DataLoaders(batches, []), network, loss_func=nn.CrossEntropyLoss())


def fit(learn: Any, length: Length, lr: float, scored: Scored | None = None) -> None:
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(math.ceil(length.epochs), lr, cbs=scored)


class Scored(Callback):
    """Tests after each epoch, outside the clock."""

    learn: Any

    def __init__(self, contest: Contest, score: Callable[[nn.Module], float]):
        self.contest, self.score_of = contest, score

    def after_epoch(self) -> None:
        self.contest.score(lambda: self.score_of(self.learn.model))


if __name__ == "__main__":
    main()
