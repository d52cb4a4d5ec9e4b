"""Whether explanations find what a network can only have learned, and whether they change when its weights do.

    python benchmarks/explain.py [--seeds 5] [--write]

Pictures are noise with a patch at a random place, brighter in one channel: which one is the class. Nothing else tells
the classes apart, so the hottest place of an explanation belongs into the patch. Then the last block's weights, or all,
are drawn anew, as in arXiv 1810.03292: the rank correlation of heat before and after must fall from 1.
"""

from __future__ import annotations

import argparse
import time
from copy import deepcopy
from statistics import median
from typing import NamedTuple

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from plusx.model.resnet import ResNet
from plusx.model.zoo import resnet18
from plusx.understand.gradcam import Score
from plusx.understand.methods import METHODS
from plusx.understand.opened import Opened
from results import setting, spread, write_section

HEADING = "Explanations: a planted patch, and random weights"
SIZE, PATCH, STEPS, PICTURES, COMPARED = 32, 6, 80, 100, 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="seeds 0, 1, 2, ...")
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[str, list[Outcome]] = {name: [] for name in METHODS}
    gaps: list[float] = []
    for seed in range(options.seeds):
        net = trained(seed)
        pictures, classes, corners = planted(PICTURES, seed=10_000 + seed)
        for name, outcomes in found.items():
            outcomes.append(tried(name, net, pictures, classes, corners))
            print(f"seed {seed} {name}: {outcomes[-1]}", flush=True)
        gaps.append(100 * gap(net, pictures, classes))
    notes = (
        f"{options.seeds} seeds; {PICTURES} pictures of {SIZE} x {SIZE} each, patches of {PATCH} x {PATCH}, "
        f"{100 * PATCH**2 / SIZE**2:.1f} % of a picture. Integrated gradients' shares sum to the score's difference "
        f"but for {spread(gaps, '.2f')} % of it (median picture). {setting()}, one thread."
    )
    body = "\n".join([*table(found), "", notes])
    print(f"\n{body}")
    if options.write:
        more = f" --seeds {options.seeds}" if options.seeds != 5 else ""
        write_section(HEADING, f"`python benchmarks/explain.py{more} --write`\n\n{body}")


class Outcome(NamedTuple):
    """Of one network: the share of pictures in per cent whose hottest place lies in the patch, and how alike heat is
    with the last block's weights drawn anew, and with all."""

    inside: float
    block: float
    every: float


def tried(name: str, net: ResNet, pictures: Tensor, classes: Tensor, corners: Tensor) -> Outcome:
    some = pictures[:COMPARED], classes[:COMPARED]
    changed = (alike(name, net, part, *some) for part in ("block", "all"))
    return Outcome(100 * inside(heat_of(name, net, pictures, classes), corners), *changed)


def table(found: dict[str, list[Outcome]]) -> list[str]:
    columns = (
        "median (lowest to highest)",
        "hottest place in the patch, %",
        "rank correlation, last block random",
        "the same, all random",
        "resnet18, 224 pixels, s a picture",
    )
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for name, outcomes in found.items():
        shares, blocks, every = zip(*outcomes, strict=True)
        cells = (
            METHODS[name].title,
            spread(shares),
            spread(blocks, ".2f"),
            spread(every, ".2f"),
            f"{seconds(name):.2f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def planted(count: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """(pictures, classes, the patches' upper left corners)."""
    random = torch.Generator().manual_seed(seed)
    pictures = 0.5 * torch.randn(count, 3, SIZE, SIZE, generator=random)
    classes = torch.randint(0, 3, (count,), generator=random)
    corners = torch.randint(0, SIZE - PATCH + 1, (count, 2), generator=random)
    for picture, label, (row, column) in zip(pictures, classes.tolist(), corners.tolist(), strict=True):
        picture[label, row : row + PATCH, column : column + PATCH] += 2
    return pictures, classes, corners


def trained(seed: int) -> ResNet:
    torch.manual_seed(seed)
    net = ResNet([1, 1, 1], 8, num_classes=3)
    optimiser = torch.optim.AdamW(net.parameters(), 0.01)
    for step in range(STEPS):
        pictures, classes, _ = planted(64, seed=1_000_000 * (seed + 1) + step)
        optimiser.zero_grad()
        cross_entropy(net(pictures), classes).backward()
        optimiser.step()
    return net.eval().requires_grad_(False)


def score_of(classes: Tensor) -> Score:
    return lambda outputs: outputs.gather(1, classes[:, None])[:, 0]


def opened(net: ResNet) -> Opened:
    return Opened(nn.Identity(), net, silent=False, bands=False)


def heat_of(name: str, net: ResNet, pictures: Tensor, classes: Tensor) -> np.ndarray:
    return METHODS[name].heat(opened(net), pictures.numpy(), score_of(classes), None).values


def inside(heat: np.ndarray, corners: Tensor) -> float:
    """The share of pictures whose hottest place lies in the patch."""
    hottest = torch.from_numpy(heat.reshape(len(heat), -1).argmax(1))
    places = torch.stack([hottest // SIZE, hottest % SIZE], dim=1)
    return float(((places >= corners) & (places < corners + PATCH)).all(1).float().mean())


def alike(name: str, net: ResNet, part: str, pictures: Tensor, classes: Tensor) -> float:
    """The mean rank correlation of heat before and after weights are drawn anew; 0 where one of them is flat."""
    changed = deepcopy(net)
    block = changed.stages[-1]
    torch.manual_seed(1)
    for parameter in (changed if part == "all" else block).parameters():
        parameter.copy_(torch.randn_like(parameter) * parameter.std().nan_to_num(1.0))
    before, after = (heat_of(name, one, pictures, classes).reshape(len(pictures), -1) for one in (net, changed))
    pairs = [(a, b) for a, b in zip(before, after, strict=True) if np.ptp(a) > 0 and np.ptp(b) > 0]
    return float(sum(np.asarray(spearmanr(a, b))[0] for a, b in pairs) / len(pictures))


def gap(net: ResNet, pictures: Tensor, classes: Tensor) -> float:
    """How far integrated gradients' shares are from complete, as a share of what they should sum to."""
    facts = METHODS["integrated"].heat(opened(net), pictures.numpy(), score_of(classes), None).facts
    return median(abs(one["sum"] - one["difference"]) / abs(one["difference"]) for one in facts)


def seconds(name: str) -> float:
    """For one picture of 224 x 224 on a resnet18."""
    torch.manual_seed(0)
    net = resnet18().eval().requires_grad_(False)
    picture, label = torch.randn(1, 3, 224, 224), torch.tensor([0])
    heat_of("gradcam", net, picture, label)
    start = time.perf_counter()
    heat_of(name, net, picture, label)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
