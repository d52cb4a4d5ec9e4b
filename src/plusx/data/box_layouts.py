"""Folders of pictures with boxes: COCO's own layout, and labels beside the pictures of each split."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from plusx.data.assemble import SPLIT_NAMES, Row, in_order
from plusx.data.box_rows import ABSENT, COLUMNS, Boxes, crowd
from plusx.data.boxes import BoxedSource
from plusx.data.coco import Labelled, read_coco
from plusx.data.mask_layouts import Layout
from plusx.data.sources import SPLITS, DataSet, FileSource, Samples, natural
from plusx.errors import WrongUse

BESIDE = ("_annotations.coco.json", "annotations.json")
"""The names that labels beside pictures have: Roboflow's, and the plain one."""
MOST_BOXES = 10_000


class Part(NamedTuple):
    """A split's labels, and the folder of its pictures."""

    split: str
    labels: Path
    pictures: Path


def boxed_samples(
    labelled: Sequence[tuple[str, Labelled]], origin: str, listed: Sequence[str], notes: Sequence[str] = ()
) -> DataSet:
    """Pictures of splits with their boxes, in their canonical order; classes are those that some box has.

    Raises:
        WrongUse: no picture has a box, or one has too many.
    """
    used = {name for _, one in labelled for name, _, _ in one.boxes}
    if not used:
        raise WrongUse(f"{origin}: no picture has a box; label some")
    classes = tuple(sorted(used, key=lambda name: (natural(name), name)))
    notes = list(notes)
    if unused := [name for name in listed if name not in used]:
        notes.append(f"{len(unused):,} categories have no box, such as {unused[0]}: left out")
    longest = max(len(one.boxes) for _, one in labelled)
    if longest > MOST_BOXES:
        raise WrongUse(f"{origin}: a picture has {longest:,} boxes, at most {MOST_BOXES:,} can be learnt from; cut it")
    by_row = {Row(split, one.path, (str(place),)): one for place, (split, one) in enumerate(labelled)}
    rows = in_order(list(by_row))

    def samples(split: str) -> Samples | None:
        own = [by_row[row] for row in rows if row.split == split]
        if not own:
            return None
        sizes = np.array([one.size for one in own], np.int64)
        source = BoxedSource(FileSource(one.path for one in own), sizes)
        return Samples(source, _targets(own, classes, longest), classes, "image", "detect")

    train, val, test = (samples(split) for split in SPLITS)
    return DataSet(train, val, test, classes, origin, tuple(notes))


def _targets(labelled: Sequence[Labelled], classes: Sequence[str], longest: int) -> Boxes:
    place = {name: number for number, name in enumerate(classes)}
    targets = np.full((len(labelled), longest, COLUMNS), ABSENT, np.float32)
    for row, one in zip(targets, labelled, strict=True):
        for box, (name, corners, many) in zip(row, one.boxes, strict=False):
            box[:] = (crowd(place[name]) if many else place[name], *corners)
    return targets


def _read(root: Path, parts: Sequence[Part]) -> DataSet:
    notes: list[str] = []
    listed: dict[str, None] = {}
    labelled: list[tuple[str, Labelled]] = []
    for part in parts:
        pictures, names = read_coco(part.labels, part.pictures, notes)
        labelled += [(part.split, one) for one in pictures]
        listed |= dict.fromkeys(names)
    return boxed_samples(labelled, str(root), list(listed), notes)


def _coco_parts(root: Path) -> Iterator[Part]:
    for labels in sorted((root / "annotations").glob("instances_*.json")):
        found = re.fullmatch(r"instances_([a-z]+)\d*", labels.stem)
        if found is None or found[1] not in SPLIT_NAMES:
            continue
        folder = labels.stem.removeprefix("instances_")
        places = (root / folder, root / "images" / folder, root / found[1], root / "images" / found[1])
        yield Part(SPLIT_NAMES[found[1]], labels, next((one for one in places if one.is_dir()), places[0]))


def _beside_parts(root: Path) -> Iterator[Part]:
    named = [one for one in sorted(root.iterdir()) if one.name.lower() in SPLIT_NAMES and one.is_dir()]
    folders = [(SPLIT_NAMES[one.name.lower()], one) for one in named] or [("train", root)]
    for split, folder in folders:
        labels = next((folder / name for name in BESIDE if (folder / name).is_file()), None)
        if labels is not None:
            yield Part(split, labels, folder / "images" if (folder / "images").is_dir() else folder)


def _layout(parts: Callable[[Path], Iterable[Part]]) -> Layout:
    return Layout(lambda root: any(True for _ in parts(root)), lambda root: _read(root, list(parts(root))))


BOX_LAYOUTS: Mapping[str, Layout] = {"COCO": _layout(_coco_parts), "labels beside pictures": _layout(_beside_parts)}
"""The first that fits is read."""
