"""The sets that are known by name, read from the files as they are downloaded. Nothing is downloaded here.

CIFAR's usual files are pickles: torchvision reads those, after it has checked their MD5. It is imported by
name when it is needed, because `samples.py` imports this file and must do without torch.
"""

import importlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from plusx.data.assemble import Row, assemble
from plusx.data.binary import read_cifar_batches, read_idx
from plusx.data.folders import read_folder
from plusx.data.known_texts import AG_NEWS, DBPEDIA, read_titled
from plusx.data.librispeech import SITE, read_librispeech
from plusx.data.sources import ArraySource, DataSet, Samples
from plusx.data.splits import hold_out
from plusx.errors import PlusxError, WrongUse

DIGITS = tuple("0123456789")
FASHION = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
TITLED = "https://github.com/zhangxiangxiao/Crepe"


def digits(data_dir: Path | None = None) -> DataSet:
    """1,797 handwritten digits, 8 x 8, which come with scikit-learn; a fixed fifth is the test split.

    Their values 0 to 16 become round(v * 255 / 16).
    """
    from sklearn.datasets import load_digits

    if data_dir is not None:
        raise WrongUse("--data-dir: digits comes with plusx and needs no files; leave the flag out")
    images, targets = load_digits(return_X_y=True)
    pixels = np.round(images.reshape(-1, 8, 8) * 255 / 16).astype(np.uint8)
    every = Samples(ArraySource(pixels, "digits"), np.asarray(targets, np.int64), DIGITS)
    train, test = hold_out(every, 0.2, seed=0)
    return DataSet(train, None, test, DIGITS, "digits")


def mnist(data_dir: Path | None = None) -> DataSet:
    """60,000 and 10,000 handwritten digits, 28 x 28: four IDX files, plain or .gz, or MNIST/raw/."""
    return _idx_set("mnist", "MNIST", DIGITS, "https://yann.lecun.com/exdb/mnist", data_dir)


def fashion_mnist(data_dir: Path | None = None) -> DataSet:
    """60,000 and 10,000 pictures of clothes, 28 x 28, in the same files as MNIST, or FashionMNIST/raw/."""
    site = "https://github.com/zalandoresearch/fashion-mnist"
    return _idx_set("fashion-mnist", "FashionMNIST", FASHION, site, data_dir)


def cifar10(data_dir: Path | None = None) -> DataSet:
    """50,000 and 10,000 pictures, 32 x 32: `cifar-10-batches-py/`, or binary `cifar-10-batches-bin/`."""
    return _cifar("cifar10", "CIFAR10", "cifar-10-batches-py", "cifar-10-batches-bin", data_dir)


def cifar100(data_dir: Path | None = None) -> DataSet:
    """As `cifar10` with 100 fine classes: `cifar-100-python/`, or the binary version `cifar-100-binary/`."""
    return _cifar("cifar100", "CIFAR100", "cifar-100-python", "cifar-100-binary", data_dir)


def imagenet(data_dir: Path | None = None) -> DataSet:
    """ILSVRC 2012 as folders, train/<wnid>/*.JPEG and val/<wnid>/*.JPEG; classes are the WordNet ids."""
    root = _needed("imagenet", data_dir, "train/ and val/", "https://image-net.org")
    if not (root / "train").is_dir() and not (root / "val").is_dir():
        raise WrongUse(f"--data-dir {root}: no train/ or val/ in it; unpack ILSVRC2012 there, a folder a class")
    return read_folder(root)


def librispeech(data_dir: Path | None = None) -> DataSet:
    """Read English with its transcripts: `LibriSpeech/train-clean-100/` and the like."""
    return read_librispeech(_needed("librispeech", data_dir, "LibriSpeech/train-clean-100/", SITE))


def speech_commands(data_dir: Path | None = None) -> DataSet:
    """Google's Speech Commands (arXiv 1804.03209), version 1 or 2, a folder a word: 30 or 35 words, each second long.

    What validation_list.txt and testing_list.txt name is the val and the test split. `_background_noise_`, which holds
    minutes of noise and no words, is left out.
    """
    site = "https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_v0.02.tar.gz"
    root = _needed("speech-commands", data_dir, "the words' folders, validation_list.txt and testing_list.txt", site)
    splits: dict[str, str] = {}
    for split, name in (("val", "validation_list.txt"), ("test", "testing_list.txt")):
        if not (root / name).is_file():
            raise WrongUse(f"--data-dir {root}: no {name} in it; unpack {site} there")
        splits |= dict.fromkeys((root / name).read_text(encoding="utf-8").split(), split)
    rows = [
        Row(splits.get(f"{file.parent.name}/{file.name}", "train"), str(file.absolute()), (file.parent.name,))
        for file in root.glob("[!._]*/*.wav")
    ]
    if not rows:
        raise WrongUse(f"--data-dir {root}: no words' folders with .wav files in it; unpack {site} there")
    return assemble(rows, "speech-commands", modality="sound")


def ag_news(data_dir: Path | None = None) -> DataSet:
    """120,000 and 7,600 news items of four kinds: `ag_news_csv/` (arXiv 1509.01626)."""
    root = _needed("ag-news", data_dir, "train.csv and test.csv", TITLED)
    return read_titled("ag-news", root, "ag_news_csv", AG_NEWS)


def dbpedia(data_dir: Path | None = None) -> DataSet:
    """560,000 and 70,000 first paragraphs of Wikipedia, of fourteen kinds: `dbpedia_csv/` (arXiv 1509.01626)."""
    root = _needed("dbpedia", data_dir, "train.csv and test.csv", TITLED)
    return read_titled("dbpedia", root, "dbpedia_csv", DBPEDIA)


KNOWN: dict[str, Callable[[Path | None], DataSet]] = {
    "digits": digits,
    "mnist": mnist,
    "fashion-mnist": fashion_mnist,
    "cifar10": cifar10,
    "cifar100": cifar100,
    "imagenet": imagenet,
    "librispeech": librispeech,
    "speech-commands": speech_commands,
    "ag-news": ag_news,
    "dbpedia": dbpedia,
}


def _needed(name: str, data_dir: Path | None, files: str, site: str) -> Path:
    if data_dir is None:
        raise WrongUse(f"{name}: add --data-dir FOLDER, which holds {files} (from {site})")
    if not Path(data_dir).is_dir():
        raise WrongUse(f"--data-dir {data_dir}: no such folder; it must hold {files} (from {site})")
    return Path(data_dir)


def _idx_set(name: str, folder: str, classes: tuple[str, ...], site: str, data_dir: Path | None) -> DataSet:
    root = _needed(name, data_dir, "train-images-idx3-ubyte and the three other IDX files", site)
    places = [root, root / folder / "raw", root / "raw"]

    def samples(split: str, prefix: str) -> Samples:
        pixels_file = _idx_file(places, f"{prefix}-images", 3)
        targets_file = _idx_file(places, f"{prefix}-labels", 1)
        pixels, targets = read_idx(pixels_file, 3), read_idx(targets_file, 1).astype(np.int64)
        if len(pixels) != len(targets):
            raise PlusxError(
                f"{targets_file}: {len(targets)} labels for {len(pixels)} pictures; fetch both files again"
            )
        if len(targets) and targets.max() >= len(classes):
            raise PlusxError(f"{targets_file}: label {targets.max()} is too large; fetch it again")
        return Samples(ArraySource(pixels, f"{name}/{split}"), targets, classes)

    return DataSet(samples("train", "train"), None, samples("test", "t10k"), classes, name)


def _idx_file(places: list[Path], start: str, dims: int) -> Path:
    for place in places:
        for joint in ("-", "."):
            for end in ("", ".gz"):
                path = place / f"{start}{joint}idx{dims}-ubyte{end}"
                if path.is_file():
                    return path
    raise WrongUse(f"--data-dir {places[0]}: no {start}-idx{dims}-ubyte (or .gz) in it; put the four IDX files there")


def _cifar(name: str, torchvision_name: str, pickled: str, binary: str, data_dir: Path | None) -> DataSet:
    site = "https://www.cs.toronto.edu/~kriz/cifar.html"
    root = _needed(name, data_dir, f"{pickled}/ or {binary}/", site)
    for place in (root, root.parent):
        if place == root.parent and root.name not in (pickled, binary):
            continue
        if (place / pickled).is_dir():
            return _cifar_from_torchvision(name, torchvision_name, place, pickled)
        if (place / binary).is_dir():
            parts = {split: read_cifar_batches(place / binary, split) for split in ("train", "test")}
            return _array_set(name, parts)
    for archive in sorted(root.glob("cifar-*.tar.gz")):
        raise WrongUse(f"--data-dir {root}: {archive.name} is still packed: tar -xzf {archive} -C {root}")
    raise WrongUse(f"--data-dir {root}: neither {pickled}/ nor {binary}/ in it; unpack the files from {site}")


def _cifar_from_torchvision(name: str, torchvision_name: str, root: Path, pickled: str) -> DataSet:
    try:
        reader = getattr(importlib.import_module("torchvision.datasets"), torchvision_name)
    except ImportError as error:
        raise PlusxError(f"{name}: reading {pickled}/ needs torchvision: pip install torchvision") from error
    try:
        read = {split: reader(root, train=split == "train") for split in ("train", "test")}
    except RuntimeError as error:
        raise PlusxError(f"{root / pickled}: files are missing or not the official ones; unpack it again") from error
    return _array_set(
        name,
        {split: (part.data, np.array(part.targets), tuple(part.classes)) for split, part in read.items()},
    )


def _array_set(name: str, parts: dict[str, tuple[np.ndarray, np.ndarray, tuple[str, ...]]]) -> DataSet:
    samples = {
        split: Samples(ArraySource(pixels, f"{name}/{split}"), targets.astype(np.int64), classes)
        for split, (pixels, targets, classes) in parts.items()
    }
    return DataSet(samples["train"], None, samples["test"], samples["train"].classes, name)
