"""fastai's one-cycle training of xresnet18 on a folder of few pictures. Prints JSON.

    python benchmarks/peers/fastai_folder.py FOLDER [--seed 0] [--budget SECONDS]

FOLDER has train/ and test/ with a folder a class. As its tutorials do it: `ImageDataLoaders.from_folder`,
`aug_transforms` without mirroring, since digits have sides. All of train/ is trained on.
"""

# fastai is no dependency of this project; see requirements.txt beside this file.
# pyright: reportMissingImports=false
from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from contest import Contest, options
from fastai.vision.augment import aug_transforms
from fastai.vision.core import PILImageBW
from fastai.vision.data import ImageDataLoaders
from fastai_loop import one_cycle
from torch import nn


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lr", type=float, default=3e-3)
    chosen = parser.parse_args()

    contest = Contest(chosen)
    count = len(list((chosen.folder / "train").glob("*/*.png")))
    loaders: Any = ImageDataLoaders.from_folder(
        chosen.folder,
        train="train",
        valid="test",
        img_cls=PILImageBW,
        batch_tfms=aug_transforms(do_flip=False),
        # fastai drops what is left of a batch: of a hundred pictures, 64 would leave 36 out.
        bs=min(64, max(16, count // 4)),
        num_workers=0,
    )
    one_cycle(
        contest,
        lambda pictures: loaders.train,
        count,
        chosen.seed,
        chosen.lr,
        lambda network: accuracy(network, loaders.valid),
        every_epoch=False,
    )


@torch.inference_mode()
def accuracy(network: nn.Module, batches: Any) -> float:
    network.eval()
    hits = sum(int((network(pictures).argmax(1) == classes).sum()) for pictures, classes in batches)
    return hits / len(batches.dataset)


if __name__ == "__main__":
    main()
