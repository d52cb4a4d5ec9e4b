"""Faults planted into a folder of MNIST's pictures, and how many of them a list of findings has."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from mnist_arrays import Digits

Picture = np.ndarray
Truth = dict[str, set[str]]
"""By fault, the files at fault, as `train/3/00017.png`."""


def moved(picture: Picture, random: np.random.Generator) -> Picture:
    down, right = ((0, 1), (1, 0), (0, -1), (-1, 0))[int(random.integers(4))]
    return np.roll(picture, (down, right), axis=(0, 1))


def brightened(picture: Picture, random: np.random.Generator) -> Picture:
    return np.clip(picture * random.uniform(1.1, 1.3) + random.uniform(0, 25), 0, 255).astype(np.uint8)


def blurred(picture: Picture, random: np.random.Generator) -> Picture:
    return np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(1.5)))


def resized(picture: Picture, random: np.random.Generator) -> Picture:
    size = ((14, 14), (60, 60), (28, 84), (112, 112))[int(random.integers(4))]
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))


def as_it_is(picture: Picture, random: np.random.Generator) -> Picture:
    return picture


class Judged(NamedTuple):
    """How many were planted, how many of these were found, and of the findings how many are right or others."""

    name: str
    planted: int
    found: int
    right: int
    others: int


@dataclass(frozen=True)
class Fault:
    """A fault that is planted.

    Args:
        name: as the table calls it.
        kinds: what the audit calls it.
        change: what becomes of the picture.
        copies: whether a further file is made of it; else the file itself is changed.
        split: where the further file lies.
        relabelled: whether it lies under another label.
        ending: of its name.
        cut: whether the file is cut short.
        right: other faults whose files are rightly found by these kinds, too.
    """

    name: str
    kinds: tuple[str, ...]
    change: Callable[[Picture, np.random.Generator], Picture] = as_it_is
    copies: bool = False
    split: str = "train"
    relabelled: bool = False
    ending: str = ".png"
    cut: bool = False
    right: tuple[str, ...] = ()

    def judged(self, truth: Truth, listed: Path, root: Path) -> Judged:
        """By the findings that are listed."""
        told: set[str] = set()
        pairs: list[set[str]] = []
        with listed.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if row["finding"] in self.kinds:
                    names = {str(Path(row[end]).relative_to(root)) for end in ("path", "other") if row[end]}
                    told |= names
                    pairs.append(names)
        own = truth[self.name]
        known = own.union(*(truth[other] for other in self.right))
        right = sum(bool(names & known) for names in pairs)
        return Judged(self.name, len(own), len(own & told), right, len(pairs) - right)


NEAR = ("near_copy_in_two_splits",)
MOVED, JPEG, BRIGHTENED = "near copy: moved by a pixel", "near copy: as JPEG, quality 75", "near copy: brightened"
# Enlarged pictures are blurred, too.
ODD = "odd size"
CONTRADICTION = "the same picture under two labels"
FAULTS = (
    Fault("unreadable: cut short", ("unreadable",), cut=True),
    Fault("copy in the test split", ("copy_in_two_splits",), copies=True, split="test"),
    Fault(MOVED, NEAR, moved, copies=True, split="test", right=(JPEG, BRIGHTENED)),
    Fault(JPEG, NEAR, copies=True, split="test", ending=".jpg", right=(MOVED, BRIGHTENED)),
    Fault(BRIGHTENED, NEAR, brightened, copies=True, split="test", right=(MOVED, JPEG)),
    Fault(CONTRADICTION, ("copy_under_two_labels",), copies=True, relabelled=True),
    Fault("wrong label", ("wrong_label",), relabelled=True, right=(CONTRADICTION,)),
    Fault("blank", ("blank",), lambda picture, random: np.full_like(picture, random.integers(256))),
    Fault("dark: an eighth of the light", ("dark",), lambda picture, random: picture // 8),
    Fault("blurred: Gaussian of 1.5 pixels", ("blurred",), blurred, right=(ODD,)),
    Fault(ODD, ("odd_size",), resized),
)


def plant(digits: Mapping[str, Digits], root: Path, share: float, seed: int) -> Truth:
    """Writes all pictures, `share` of all at fault in each way, no picture in two; gives which files are at fault."""
    random = np.random.default_rng(seed)
    places = [(split, number) for split, own in digits.items() for number in range(len(own.labels))]
    train = len(digits["train"].labels)
    count = round(share * len(places))
    # Sources of copies are training pictures, so that a copy in the test split is a leak.
    order = random.permutation(train).tolist()
    assigned = {order.pop(): fault for fault in FAULTS for _ in range(count)}
    truth: Truth = {fault.name: set() for fault in FAULTS}
    for place, (split, number) in enumerate(places):
        picture, label = digits[split].pictures[number], int(digits[split].labels[number])
        fault = assigned.get(place)
        if fault is None or fault.copies:
            save(root, f"{split}/{label}/{place:05d}.png", picture)
        if fault is not None:
            where = (label + int(random.integers(1, 10))) % 10 if fault.relabelled else label
            suffix = "-copy" if fault.copies else ""
            name = f"{fault.split}/{where}/{place:05d}{suffix}{fault.ending}"
            save(root, name, fault.change(picture, random), cut=fault.cut)
            truth[fault.name].add(name)
    return truth


def save(root: Path, name: str, picture: Picture, cut: bool = False) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    file = BytesIO()
    Image.fromarray(picture).save(file, "JPEG" if path.suffix == ".jpg" else "PNG", quality=75)
    content = file.getvalue()
    path.write_bytes(content[: len(content) // 2] if cut else content)
