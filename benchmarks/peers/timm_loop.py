"""timm's building blocks in the way of its train.py, on MNIST as tensors. Prints JSON.

    python benchmarks/peers/timm_loop.py [--data-dir data/mnist] [--seed 0] [--epochs 1 | --budget SECONDS]
        [--model resnet18] [--channels-last]

train.py's defaults: batch 128, SGD with Nesterov's momentum, 0.1 for each 256 pictures, weight decay 2e-5, label
smoothing 0.1, a cosine after a warm-up; and its averaged weights with their own warm-up. Of its options, those that
such short trainings need: --no-aug, --sched-on-updates, and a warm-up of a tenth where five epochs would be longer.
Its loader would open a picture at a time; whole batches of a tensor are faster.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from contest import Contest, Length, options
from tensors import accuracy, mnist_tensors
from timm import create_model
from timm.loss.cross_entropy import LabelSmoothingCrossEntropy
from timm.optim._optim_factory import create_optimizer_v2
from timm.scheduler.cosine_lr import CosineLRScheduler
from timm.utils.model_ema import ModelEmaV3
from torch import Tensor, nn

BATCH_SIZE = 128
WARMUP_EPOCHS, WARMUP_SHARE = 5, 0.1


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--model", default="resnet18")
    parser.add_argument("--channels-last", action="store_true", help="train.py's option of this name")
    chosen = parser.parse_args()

    contest = Contest(chosen)
    pictures, classes = mnist_tensors(chosen.data_dir, "train")
    test = mnist_tensors(chosen.data_dir, "t10k")
    if chosen.channels_last:
        pictures = pictures.contiguous(memory_format=torch.channels_last)

    def training(length: Length) -> Training:
        return Training(build(chosen.model, channels_last=chosen.channels_last), pictures, classes, length)

    steps_an_epoch = len(classes) // BATCH_SIZE
    length = contest.length(steps_an_epoch, lambda steps: training(Length(steps, steps_an_epoch)).run(steps))
    torch.manual_seed(chosen.seed)
    real = training(length)
    for steps in length.parts():
        real.run(steps)
        contest.score(lambda: accuracy(real.averaged.module, *test))
    contest.report(length)


def build(name: str, *, channels_last: bool) -> nn.Module:
    network = create_model(name, in_chans=1, num_classes=10)
    return network.to(memory_format=torch.channels_last) if channels_last else network


class Training:
    """A network on its way through a schedule of this length."""

    def __init__(self, network: nn.Module, pictures: Tensor, classes: Tensor, length: Length):
        self.network, self.pictures, self.classes = network, pictures, classes
        rate = 0.1 * BATCH_SIZE / 256
        self.optimizer = create_optimizer_v2(network, opt="sgd", lr=rate, momentum=0.9, weight_decay=2e-5)
        self.schedule = CosineLRScheduler(
            self.optimizer,
            t_initial=length.steps,
            warmup_t=min(WARMUP_EPOCHS * length.steps_an_epoch, round(WARMUP_SHARE * length.steps)),
            warmup_lr_init=1e-5,
            t_in_epochs=False,
        )
        self.averaged = ModelEmaV3(network, decay=0.9998, use_warmup=True)
        self.loss_of = LabelSmoothingCrossEntropy(0.1)
        self.step = 0

    def run(self, steps: int) -> None:
        """So many steps on, of at most an epoch."""
        self.network.train()
        for batch in self._batches(steps):
            self.optimizer.zero_grad()
            loss = self.loss_of(self.network(self.pictures[batch]), self.classes[batch])
            loss.backward()
            self.optimizer.step()
            self.step += 1
            self.averaged.update(self.network, step=self.step)
            self.schedule.step_update(num_updates=self.step)

    def _batches(self, steps: int) -> Iterator[Tensor]:
        yield from torch.randperm(len(self.classes))[: steps * BATCH_SIZE].split(BATCH_SIZE)


if __name__ == "__main__":
    main()
