"""Folders of pictures with masks: our own layout, and those of Pascal VOC, CamVid and Cityscapes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from plusx.data.assemble import SPLIT_NAMES, Row, in_order
from plusx.data.decode import BadSample
from plusx.data.image import EXTENSIONS
from plusx.data.masks import IGNORED, MOST_CLASSES, Codes, PairSource, read_mask
from plusx.data.sources import SPLITS, DataSet, FileSource, Samples
from plusx.errors import WrongUse

CLASSES_FILE = "classes.txt"
PICTURES, MASKS = "images", "masks"

VOC_CLASSES = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
CAMVID_CLASSES = (
    *("sky", "building", "pole", "road", "pavement", "tree", "signsymbol", "fence", "car", "pedestrian"),
    "bicyclist",
)
CITYSCAPES_CLASSES = (
    *("road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign", "vegetation"),
    *("terrain", "sky", "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle"),
)
CITYSCAPES_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
"""The label ids of the 19 classes, in the order of their train ids; the other ids up to 33 are ignored."""


class Layout(NamedTuple):
    """A way to lay out pictures and masks: whether a folder has it, and how it is read."""

    fits: Callable[[Path], bool]
    read: Callable[[Path], DataSet]


class Paired(NamedTuple):
    """A picture with its mask, by their paths."""

    split: str
    picture: str
    mask: str


def masked_samples(
    pairs: Sequence[Paired], origin: str, classes: Sequence[str], codes: Codes, notes: Sequence[str] = ()
) -> DataSet:
    """Pairs in their canonical order, that of their pictures.

    Raises:
        WrongUse: there is none.
    """
    if not pairs:
        raise WrongUse(f"{origin}: no picture has a mask of the same name; masks are PNG files")
    rows = in_order([Row(pair.split, pair.picture, (pair.mask,)) for pair in pairs])
    names = tuple(classes)

    def samples(split: str) -> Samples | None:
        those = [row for row in rows if row.split == split]
        if not those:
            return None
        source = PairSource(FileSource(r.path for r in those), FileSource(r.labels[0] for r in those), codes)
        # What is asked of each pixel is in the masks, which are stored with the pictures.
        return Samples(source, np.zeros((len(those), 0), np.uint8), names, "image", "segment")

    train, val, test = (samples(split) for split in SPLITS)
    return DataSet(train, val, test, names, origin, tuple(notes))


def classes_beside(folder: Path, masks: Sequence[str], notes: list[str]) -> tuple[str, ...]:
    """The names in the folder's classes.txt, a line each in the order of the masks' values; without it, the values.

    Raises:
        WrongUse: the file has a name twice, none, or too many; or without it no mask can be read.
    """
    path = folder / CLASSES_FILE
    if path.is_file():
        try:
            names = tuple(line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip())
        except (OSError, UnicodeDecodeError) as error:
            raise WrongUse(f"{path}: cannot be read as text in UTF-8 ({error})") from error
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise WrongUse(f"{path}: the class {twice} is there twice; give each a name of its own")
    else:
        names = tuple(map(str, range(_highest(masks) + 1)))
        notes.append(f"no {path}: the {len(names)} classes are called by their values in the masks")
    if not 1 <= len(names) <= MOST_CLASSES:
        raise WrongUse(f"{path}: {len(names)} classes; there must be from 2 to {MOST_CLASSES}")
    return names


def _highest(masks: Sequence[str]) -> int:
    """The largest value in any mask but for 255."""
    source = FileSource(masks)

    def one(index: int) -> int:
        try:
            values = np.unique(read_mask(source.read(index), None))
        except BadSample:
            return -1
        return int(max(values[values != IGNORED], default=-1))

    with ThreadPoolExecutor() as pool:
        highest = max(pool.map(one, range(len(source))), default=-1)
    if highest < 0:
        raise WrongUse(f"{masks[0]}: neither it nor another mask can be read as an 8-bit PNG of classes' numbers")
    return highest


def _own_fits(root: Path) -> bool:
    return any((folder / PICTURES).is_dir() and (folder / MASKS).is_dir() for _, folder in _split_folders(root))


def _split_folders(root: Path) -> Iterator[tuple[str, Path]]:
    named = [folder for folder in sorted(root.iterdir()) if folder.name.lower() in SPLIT_NAMES and folder.is_dir()]
    if not named:
        yield "train", root
    for folder in named:
        yield SPLIT_NAMES[folder.name.lower()], folder


def _read_own(root: Path) -> DataSet:
    notes: list[str] = []
    pairs: list[Paired] = []
    for split, folder in _split_folders(root):
        pictures, masks = _by_stem(folder / PICTURES, EXTENSIONS), _by_stem(folder / MASKS, (".png",))
        pairs += [Paired(split, pictures[name], masks[name]) for name in pictures if name in masks]
        for one, other, what in ((pictures, masks, "pictures without a mask"), (masks, pictures, "masks without one")):
            if lone := [name for name in one if name not in other]:
                notes.append(f"{folder}: {len(lone):,} {what} of the same name, such as {lone[0]}; left out")
    if not pairs:
        raise WrongUse(
            f"{root}: no picture in {PICTURES}/ has a PNG of the same name in {MASKS}/; masks are PNG files, since "
            "other formats change the classes"
        )
    classes = classes_beside(root, [pair.mask for pair in pairs], notes)
    return masked_samples(pairs, str(root), classes, Codes.plain(len(classes)), notes)


def _by_stem(folder: Path, endings: tuple[str, ...]) -> dict[str, str]:
    """Files by their paths in the folder without the ending."""
    found: dict[str, str] = {}
    for where, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and name.lower().endswith(endings):
                path = Path(where, name)
                found.setdefault(path.relative_to(folder).with_suffix("").as_posix(), os.path.abspath(path))
    return found


def _voc_fits(root: Path) -> bool:
    return all((root / name).is_dir() for name in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"))


def _read_voc(root: Path) -> DataSet:
    """Pascal VOC: what ImageSets/Segmentation lists; 255, the objects' borders, is ignored."""
    pairs: list[Paired] = []
    for split in SPLITS:
        listed = root / "ImageSets" / "Segmentation" / f"{split}.txt"
        names = listed.read_text(encoding="utf-8").split() if listed.is_file() else []
        pictures, masks = root / "JPEGImages", root / "SegmentationClass"
        own = [Paired(split, _absolute(pictures / f"{name}.jpg"), _absolute(masks / f"{name}.png")) for name in names]
        # The masks of the official test split are not published.
        pairs += own if split != "test" or any(os.path.exists(pair.mask) for pair in own) else []
    return masked_samples(pairs, str(root), VOC_CLASSES, Codes.plain(len(VOC_CLASSES)))


def _camvid_fits(root: Path) -> bool:
    return (root / "train").is_dir() and (root / "trainannot").is_dir()


def _read_camvid(root: Path) -> DataSet:
    """CamVid as the SegNet tutorial lays it out: train/ with trainannot/, and so on; 11, unlabelled, is ignored."""
    pairs: list[Paired] = []
    for split in SPLITS:
        pictures, masks = _by_stem(root / split, EXTENSIONS), _by_stem(root / f"{split}annot", (".png",))
        pairs += [Paired(split, pictures[name], masks[name]) for name in pictures if name in masks]
    count = len(CAMVID_CLASSES)
    codes = Codes({**Codes.plain(count).classes, count: IGNORED})
    return masked_samples(pairs, str(root), CAMVID_CLASSES, codes)


def _cityscapes_fits(root: Path) -> bool:
    return (root / "leftImg8bit").is_dir() and (root / "gtFine").is_dir()


def _read_cityscapes(root: Path) -> DataSet:
    """Cityscapes: the fine annotations' label ids as the 19 train ids. The test split's are placeholders, left out."""
    pairs: list[Paired] = []
    kind = "labelIds" if any(root.glob("gtFine/*/*/*_gtFine_labelIds.png")) else "labelTrainIds"
    for split in ("train", "val"):
        for picture in sorted((root / "leftImg8bit" / split).glob("*/*_leftImg8bit.png")):
            name = picture.name.removesuffix("_leftImg8bit.png")
            mask = root / "gtFine" / split / picture.parent.name / f"{name}_gtFine_{kind}.png"
            pairs.append(Paired(split, _absolute(picture), _absolute(mask)))
    places = {value: place for place, value in enumerate(CITYSCAPES_IDS)}
    ids = Codes({**{value: places.get(value, IGNORED) for value in range(34)}, IGNORED: IGNORED})
    codes = ids if kind == "labelIds" else Codes.plain(len(CITYSCAPES_CLASSES))
    return masked_samples(pairs, str(root), CITYSCAPES_CLASSES, codes)


def _absolute(path: Path) -> str:
    return os.path.abspath(path)


LAYOUTS: Mapping[str, Layout] = {
    "Pascal VOC": Layout(_voc_fits, _read_voc),
    "Cityscapes": Layout(_cityscapes_fits, _read_cityscapes),
    "CamVid": Layout(_camvid_fits, _read_camvid),
    "images and masks": Layout(_own_fits, _read_own),
}
"""The first that fits is read."""
