"""The known sets, on small files written in exactly their formats."""

import gzip
import hashlib
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
import torchvision
from sklearn.datasets import load_digits
from waves import wav

from plusx.data.cache import prepare_samples
from plusx.data.image import ImageSpec
from plusx.data.known import KNOWN
from plusx.data.samples import read_dataset
from plusx.errors import PlusxError, WrongUse

FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def idx(values: np.ndarray) -> bytes:
    header = bytes((0, 0, 8, values.ndim)) + struct.pack(f">{values.ndim}I", *values.shape)
    return header + values.tobytes()


def digits_like(count: int = 40) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    return random.integers(0, 256, (count, 28, 28), np.uint8), random.permutation(np.arange(count) % 10).astype(
        np.uint8
    )


def write_mnist(folder: Path, ending: str = "", joint: str = "-") -> tuple[np.ndarray, np.ndarray]:
    pixels, targets = digits_like()
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in zip(FILES, (pixels, targets, pixels[:9], targets[:9]), strict=True):
        content = gzip.compress(idx(values)) if ending else idx(values)
        (folder / (name.replace("-idx", joint + "idx") + ending)).write_bytes(content)
    return pixels, targets


def test_digits_come_with_it():
    dataset = read_dataset("digits")
    train, test = dataset.split("train"), dataset.split("test")
    assert len(train) + len(test) == 1797
    assert abs(len(test) - 1797 / 5) <= 5
    assert (np.abs(test.counts() - (train.counts() + test.counts()) / 5) <= 0.5).all()
    images, targets = load_digits(return_X_y=True)
    for samples in (train, test):
        for index in (0, 5, len(samples) - 1):
            number = int(samples.source.name(index).removeprefix("digits/"))
            pixels = samples.source.read(index)
            assert isinstance(pixels, np.ndarray)
            assert (pixels == np.round(images[number].reshape(8, 8) * 255 / 16)).all()
            assert samples.targets[index] == targets[number]
    assert read_dataset("digits").split("test").source.fingerprint() == test.source.fingerprint()


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("joint", ["-", "."])
@pytest.mark.parametrize("inner", [False, True])
def test_idx_files(tmp_path: Path, name: str, ending: str, joint: str, inner: bool):
    layout = {"mnist": "MNIST/raw", "fashion-mnist": "FashionMNIST/raw"}[name] if inner else "."
    pixels, targets = write_mnist(tmp_path / layout, ending, joint)
    dataset = read_dataset(name, data_dir=tmp_path)
    train = dataset.split("train")
    assert train.targets.tolist() == targets.tolist()
    assert all((train.source.read(index) == pixels[index]).all() for index in range(40))
    assert train.source.name(17) == f"{name}/train/17"
    assert (len(dataset.split("test")), len(dataset.classes)) == (9, 10)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda content: content[:-1], "shorter than its header"),
        (lambda content: content + b"x", "longer than its header"),
        (lambda content: b"\0\0\x0d" + content[3:], "not an IDX file"),
        (lambda content: content[:7], "not an IDX file"),
        (lambda content: content[:4] + b"\xff" * 12 + content[16:], "its header asks for"),
        (lambda content: idx(digits_like(39)[0]), "40 labels for 39 pictures"),
    ],
)
def test_damaged_idx_files_are_named(tmp_path: Path, change, words: str):
    write_mnist(tmp_path)
    path = tmp_path / FILES[0]
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(PlusxError, match=words) as error:
        read_dataset("mnist", data_dir=tmp_path)
    assert str(tmp_path) in str(error.value)
    assert "\n" not in str(error.value)


def test_other_damage_to_idx_files(tmp_path: Path):
    write_mnist(tmp_path)
    (tmp_path / FILES[1]).write_bytes(idx(np.full(40, 10, np.uint8)))
    with pytest.raises(PlusxError, match="label 10 is too large"):
        read_dataset("mnist", data_dir=tmp_path)
    (tmp_path / FILES[1]).unlink()
    with pytest.raises(WrongUse, match="no train-labels-idx1-ubyte"):
        read_dataset("mnist", data_dir=tmp_path)
    zipped = gzip.compress(idx(np.zeros(40, np.uint8)))
    for content in (zipped[:-9], b"junk", zipped[:20] + b"\xff\xff" + zipped[22:]):
        (tmp_path / f"{FILES[1]}.gz").write_bytes(content)
        with pytest.raises(PlusxError, match="fetch it again"):
            read_dataset("mnist", data_dir=tmp_path)


def cifar_batch(count: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(rows as in the files: red, green, blue planes of 32 x 32, targets)"""
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (count, 3072), np.uint8), random.integers(0, classes, count)


def check_cifar(dataset, split: str, rows: np.ndarray, targets: np.ndarray) -> None:
    samples = dataset.split(split)
    assert samples.targets.tolist() == targets.tolist()
    for index, row in enumerate(rows):
        assert (samples.source.read(index) == row.reshape(3, 32, 32).transpose(1, 2, 0)).all()


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_cifar_s_pickles_are_read_by_torchvision_after_its_hash_check(
    tmp_path: Path, monkeypatch, name: str, inside: bool
):
    reader = {"cifar10": torchvision.datasets.CIFAR10, "cifar100": torchvision.datasets.CIFAR100}[name]
    classes = [f"class{number:03}" for number in range(10 if name == "cifar10" else 100)]
    folder = tmp_path / reader.base_folder
    folder.mkdir()
    parts: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {"train_list": [], "test_list": []}

    def write(file: str, content: dict) -> str:
        (folder / file).write_bytes(pickle.dumps(content, protocol=2))
        return hashlib.md5((folder / file).read_bytes()).hexdigest()

    files = [(kind, file) for kind in parts for file, _ in getattr(reader, kind)]
    for seed, (kind, file) in enumerate(files):
        rows, targets = cifar_batch(3, len(classes), seed)
        parts[kind].append((rows, targets))
        write(file, {"data": rows, "labels" if name == "cifar10" else "fine_labels": targets.tolist()})
    with pytest.raises(PlusxError, match="not the official ones"):
        read_dataset(name, data_dir=tmp_path)  # pickles that are not CIFAR's are never opened
    for kind in parts:
        hashed = [[file, hashlib.md5((folder / file).read_bytes()).hexdigest()] for file, _ in getattr(reader, kind)]
        monkeypatch.setattr(reader, kind, hashed)
    md5 = write(reader.meta["filename"], {reader.meta["key"]: classes})
    monkeypatch.setattr(reader, "meta", {**reader.meta, "md5": md5})
    dataset = read_dataset(name, data_dir=folder if inside else tmp_path)
    assert dataset.classes == tuple(classes)
    for kind, split in (("train_list", "train"), ("test_list", "test")):
        rows, targets = (np.concatenate(values) for values in zip(*parts[kind], strict=True))
        check_cifar(dataset, split, rows, targets)


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_cifar_s_binary_version(tmp_path: Path, name: str):
    folder = tmp_path / {"cifar10": "cifar-10-batches-bin", "cifar100": "cifar-100-binary"}[name]
    folder.mkdir()
    classes = 10 if name == "cifar10" else 100
    names_file = "batches.meta.txt" if name == "cifar10" else "fine_label_names.txt"
    (folder / names_file).write_text("\n".join(f"class{number:03}" for number in range(classes)) + "\n\n")
    train = [f"data_batch_{number}.bin" for number in range(1, 6)] if name == "cifar10" else ["train.bin"]
    written: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for seed, file in enumerate([*train, "test_batch.bin" if name == "cifar10" else "test.bin"]):
        rows, targets = written[file] = cifar_batch(4, classes, seed)
        coarse = [] if name == "cifar10" else [np.full((4, 1), 19, np.uint8)]
        (folder / file).write_bytes(np.hstack([*coarse, targets[:, None].astype(np.uint8), rows]).tobytes())
    dataset = read_dataset(name, data_dir=tmp_path)
    rows, targets = (np.concatenate(values) for values in zip(*(written[file] for file in train), strict=True))
    check_cifar(dataset, "train", rows, targets)
    check_cifar(dataset, "test", *written[file])
    with open(folder / train[0], "ab") as batch:
        batch.write(b"x")
    with pytest.raises(PlusxError, match="whole number"):
        read_dataset(name, data_dir=tmp_path)
    (folder / train[0]).write_bytes(bytes([200, 200]) + bytes(3072) if classes == 100 else bytes([200]) + bytes(3072))
    with pytest.raises(PlusxError, match="label 200"):
        read_dataset(name, data_dir=tmp_path)
    (folder / train[0]).unlink()
    with pytest.raises(PlusxError, match="cannot be read"):
        read_dataset(name, data_dir=tmp_path)


def test_packed_cifar_gives_the_one_command(tmp_path: Path):
    (tmp_path / "cifar-10-python.tar.gz").touch()
    with pytest.raises(WrongUse, match=r"tar -xzf .*cifar-10-python\.tar\.gz -C "):
        read_dataset("cifar10", data_dir=tmp_path)


def test_imagenet_s_folders(make_folder):
    root = make_folder({"train/n02/a.JPEG": 1, "train/n01/b.JPEG": 2, "val/n01/c.JPEG": 3})
    dataset = read_dataset("imagenet", data_dir=root)
    assert dataset.classes == ("n01", "n02")
    assert dataset.split("val").targets.tolist() == [0]
    flat = make_folder({"../flat/train/n02/a.JPEG": 1, "../flat/val/b.JPEG": 2}).parent / "flat"
    with pytest.raises(WrongUse, match="no class folders; put the pictures of each class"):
        read_dataset("imagenet", data_dir=flat)
    with pytest.raises(WrongUse, match="no train/ or val/"):
        read_dataset("imagenet", data_dir=root / "train")


@pytest.mark.parametrize("name", sorted(set(KNOWN) - {"digits"}))
def test_where_files_come_from_is_said(tmp_path: Path, name: str):
    with pytest.raises(WrongUse, match=f"{name}: add --data-dir .*https://"):
        read_dataset(name)
    with pytest.raises(WrongUse, match="no such folder"):
        read_dataset(name, data_dir=tmp_path / "nowhere")
    with pytest.raises(WrongUse, match="--data-dir"):
        read_dataset(name, data_dir=tmp_path)
    with pytest.raises(WrongUse, match="needs no files"):
        read_dataset("digits", data_dir=tmp_path)


def test_one_set_in_three_forms_is_the_same_rows_in_the_same_order(tmp_path: Path, encode):
    pixels, targets = write_mnist(tmp_path / "idx")
    rows = ["path,label,split"]
    for split, count in (("train", 40), ("test", 9)):
        for index in range(count):
            path = tmp_path / "png" / split / str(targets[index]) / f"{index:05}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode(pixels[index]))
            rows.insert(1, f"{path},{targets[index]},{split}")  # backwards
    (tmp_path / "list.csv").write_text("\n".join(rows))
    spec = ImageSpec(height=28, width=28, channels=1)
    forms = [
        read_dataset("mnist", data_dir=tmp_path / "idx"),
        read_dataset(tmp_path / "png"),
        read_dataset(tmp_path / "list.csv"),
    ]
    for split in ("train", "test"):
        prepared = [prepare_samples(form.split(split), spec, cache=None) for form in forms]
        whole = [each.gather(np.arange(len(each))) for each in prepared]
        for each, values in zip(prepared, whole, strict=True):
            assert each.classes == tuple("0123456789")
            assert each.targets.tolist() == targets[: len(each)].tolist()
            assert (values[:, :, :, 0] == pixels[: len(each)]).all()


def write_speech_commands(root: Path, words: int = 3) -> Path:
    """Words' folders, lists and noise as in the archive, with files of a few samples."""
    for word in ("bed", "up", "zero", "no", "backward")[:words]:
        for number in range(4):
            file = root / word / f"{number:08x}_nohash_{number % 2}.wav"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(wav(np.zeros(9, np.int16)))
    (root / "validation_list.txt").write_text("bed/00000000_nohash_0.wav\nup/00000001_nohash_1.wav\n")
    (root / "testing_list.txt").write_text("bed/00000003_nohash_1.wav\n")
    noise = root / "_background_noise_"
    noise.mkdir()
    (noise / "white_noise.wav").write_bytes(wav(np.zeros(99, np.int16)))
    (noise / "README.md").write_text("noise")
    (root / "LICENSE").write_text("CC BY 4.0")
    return root


@pytest.mark.parametrize("words", [3, 5])
def test_speech_commands_are_parted_by_their_lists(tmp_path: Path, words: int) -> None:
    dataset = read_dataset("speech-commands", data_dir=write_speech_commands(tmp_path, words))
    assert dataset.classes == (("bed", "up", "zero"), ("backward", "bed", "no", "up", "zero"))[words > 3]
    val, test = dataset.split("val"), dataset.split("test")
    assert {Path(val.source.name(row)).parent.name for row in range(len(val))} == {"bed", "up"}
    assert (len(val), len(test), len(dataset.split("train"))) == (2, 1, 4 * words - 3)
    assert test.source.name(0) == str(tmp_path / "bed" / "00000003_nohash_1.wav")
    assert {samples.modality for samples in (val, test, dataset.split("train"))} == {"sound"}


@pytest.mark.parametrize("missing", ["validation_list.txt", "testing_list.txt"])
def test_speech_commands_without_a_list_say_which(tmp_path: Path, missing: str) -> None:
    (write_speech_commands(tmp_path) / missing).unlink()
    with pytest.raises(WrongUse, match=f"no {missing} in it; unpack"):
        read_dataset("speech-commands", data_dir=tmp_path)
    with pytest.raises(WrongUse, match="--data-dir FOLDER"):
        read_dataset("speech-commands")
