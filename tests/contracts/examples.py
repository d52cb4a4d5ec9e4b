"""A few real digits as each kind of examples that there is: what is asked of pictures is asked of all."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from scipy.io import wavfile
from sklearn.datasets import load_digits

SPLITS = {"train": (0, 120), "val": (120, 30), "test": (150, 40)}
RATE = 8_000


class Kind(NamedTuple):
    """A kind of examples.

    Args:
        modality: what an example is.
        task: what is asked of it.
        write: into a folder; gives what `plusx train` takes.
        ending: of a single example's file.
        options: a training's that make it short.
    """

    modality: str
    task: str
    write: Callable[[Path], Path]
    ending: str
    options: Mapping[str, str]


def digits() -> Iterator[tuple[str, int, np.ndarray, int]]:
    """(split, number, picture, label): scikit-learn's digits, uint8 (8, 8)."""
    images, labels = load_digits(return_X_y=True)
    for split, (first, count) in SPLITS.items():
        for number in range(first, first + count):
            picture = (images[number] * 255 / 16).round().astype(np.uint8).reshape(8, 8)
            yield split, number, picture, int(labels[number])


def folders(root: Path, ending: str, save: Callable[[Path, np.ndarray, int], object]) -> Path:
    for split, number, picture, label in digits():
        folder = root / split / str(label)
        folder.mkdir(parents=True, exist_ok=True)
        save(folder / f"{number:03d}{ending}", picture, label)
    return root


def listed(root: Path, column: str, value: Callable[[np.ndarray, int], object]) -> Path:
    """The pictures as a list with one more column."""
    folders(root, ".png", lambda path, picture, label: Image.fromarray(picture).save(path))
    rows = [
        (Path(split) / str(label) / f"{number:03d}.png", value(picture, label), split)
        for split, number, picture, label in digits()
    ]
    return table(root / "list.csv", ("path", column, "split"), rows)


def table(path: Path, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *rows])
    return path


def pictures(root: Path) -> Path:
    return folders(root, ".png", lambda path, picture, label: Image.fromarray(picture).save(path))


def several_labels(root: Path) -> Path:
    return listed(root, "label", lambda picture, label: "|".join([str(label), *["even"] * (label % 2 == 0)]))


def numbers(root: Path) -> Path:
    return listed(root, "target", lambda picture, label: picture.mean() / 255)


def masks(root: Path) -> Path:
    for split, number, picture, _ in digits():
        for name, pixels in (("images", picture), ("masks", (picture > 127).astype(np.uint8))):
            (root / split / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(root / split / name / f"{number:03d}.png")
    (root / "classes.txt").write_text("paper\nink\n", encoding="utf-8")
    return root


def boxes(root: Path) -> Path:
    """Each digit's ink in a box."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for split, number, picture, label in digits():
        (root / split).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).resize((32, 32), Image.Resampling.NEAREST).save(root / split / f"{number:03d}.png")
        rows, columns = (np.flatnonzero((picture > 127).any(axis)) for axis in (1, 0))
        x, y = 4 * int(columns[0]), 4 * int(rows[0])
        size = (4 * int(columns[-1]) + 4 - x, 4 * int(rows[-1]) + 4 - y)
        own = found.setdefault(split, {"images": [], "annotations": []})
        own["images"].append({"id": number, "file_name": f"{number:03d}.png", "width": 32, "height": 32})
        box = {"id": number, "image_id": number, "category_id": label % 2, "bbox": [x, y, *size], "iscrowd": 0}
        own["annotations"].append({**box, "area": size[0] * size[1]})
    kinds = [{"id": 0, "name": "even"}, {"id": 1, "name": "odd"}]
    for split, own in found.items():
        (root / split / "annotations.json").write_text(json.dumps({**own, "categories": kinds}), encoding="utf-8")
    return root


def tone(hertz: float, seconds: float, seed: int) -> np.ndarray:
    times = np.arange(int(RATE * seconds)) / RATE
    noise = np.random.default_rng(seed).normal(size=len(times))
    return (8000 * np.sin(2 * np.pi * hertz * times) + 400 * noise).astype(np.int16)


def sounds(root: Path) -> Path:
    """A digit's tone."""
    return folders(
        root,
        ".wav",
        lambda path, picture, label: wavfile.write(path, RATE, tone(300 + 300 * label, 0.3, int(picture.sum()))),
    )


def speech(root: Path) -> Path:
    """Two letters, each a tone of its own."""
    rows = []
    for split, number, picture, label in digits():
        letters = "abc"[label % 3] + "abc"[label // 4]
        parts = [tone(400 * 2 ** "abc".index(letter), 0.2, int(picture.sum())) for letter in letters]
        wavfile.write(root / f"{number:03d}.wav", RATE, np.concatenate(parts))
        rows.append((f"{number:03d}.wav", letters, split))
    return table(root / "list.csv", ("path", "text", "split"), rows)


def texts(root: Path) -> Path:
    """A digit's pixels as letters of its own alphabet."""
    rows = [
        ("".join(chr(ord("a") + 2 * label + (level > 127)) for level in picture.flat), str(label), split)
        for split, _, picture, label in digits()
    ]
    return table(root / "list.csv", ("text", "label", "split"), rows)


def volumes(root: Path) -> Path:
    def save(path: Path, picture: np.ndarray, label: int) -> None:
        np.save(path, np.repeat(picture[None], 4, axis=0))

    return folders(root, ".npy", save)


def signals(root: Path) -> Path:
    def save(path: Path, picture: np.ndarray, label: int) -> None:
        np.save(path, picture.reshape(32, 2).astype(np.float32))

    return folders(root, ".npy", save)


NARROW = {"model_options.num_filters": "8"}
KINDS: dict[str, Kind] = {
    "pictures": Kind("image", "classify", pictures, ".png", NARROW),
    "several labels": Kind("image", "multilabel", several_labels, ".png", NARROW),
    "numbers": Kind("image", "regress", numbers, ".png", NARROW),
    "embeddings": Kind("image", "embed", pictures, ".png", NARROW),
    "masks": Kind("image", "segment", masks, ".png", NARROW),
    "boxes": Kind("image", "detect", boxes, ".png", NARROW),
    "sounds": Kind("sound", "classify", sounds, ".wav", NARROW),
    "speech": Kind("sound", "transcribe", speech, ".wav", {"model_options.num_filters": "[8, 8, 8, 8]"}),
    "texts": Kind("text", "classify", texts, ".txt", NARROW),
    "volumes": Kind("volume", "classify", volumes, ".npy", NARROW),
    "signals": Kind("signal", "classify", signals, ".npy", NARROW),
}
