"""Packing: what lies in the shards afterwards, read by the standard library and by stock webdataset."""

import csv
import hashlib
import io
import json
import os
import tarfile
import warnings
from pathlib import Path

import numpy as np
import pytest
import webdataset
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from plusx.data.cache import prepare_samples
from plusx.data.image import ImageSpec
from plusx.data.pack import write_shards
from plusx.data.samples import ArraySource, DataSet, Samples, read_dataset
from plusx.errors import PlusxError, WrongUse


def members(shard: Path) -> dict[str, bytes]:
    with tarfile.open(shard) as tar:
        return {member.name: read.read() for member in tar if (read := tar.extractfile(member))}


def content(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def arrays(pixels: np.ndarray, targets: np.ndarray | None = None) -> DataSet:
    targets = np.arange(len(pixels)) % 2 if targets is None else targets
    train = Samples(ArraySource(pixels, "made"), targets, ("a", "b"))
    return DataSet(train, None, None, ("a", "b"), "made")


def test_files_keep_their_bytes_and_kinds(photos: Path, tmp_path: Path) -> None:
    packed = write_shards(read_dataset(photos), tmp_path / "shards")
    assert packed.counts == {"train": 10, "test": 2}
    assert packed.shards == 2
    inside = members(tmp_path / "shards" / "train-000000.tar")
    assert list(inside)[:4] == ["000000000.jpg", "000000000.cls", "000000001.jpg", "000000001.cls"]
    originals = {path.read_bytes() for path in photos.glob("train/*/*")}
    assert {value for name, value in inside.items() if not name.endswith(".cls")} <= originals
    # Told by its content: photo 4 is a PNG that is called .jpg.
    assert sorted(name[-3:] for name in inside if not name.endswith("cls")) == ["jpg"] * 9 + ["png"]
    assert {value for name, value in inside.items() if name.endswith(".cls")} == {b"0", b"1"}


def test_unreadable_files_are_left_out_and_listed(photos: Path, tmp_path: Path) -> None:
    packed = write_shards(read_dataset(photos), tmp_path / "shards")
    with open(tmp_path / "shards" / "skipped.csv", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["path", "reason"]
    assert [row[0] for row in rows[1:]] == ["train/cat/cut.jpg", "train/dog/text.jpg"]
    assert "cut short" in rows[1][1]
    assert rows[1:] == [list(one) for one in packed.skipped]
    notes = read_dataset(tmp_path / "shards").notes
    assert "2 unreadable pictures" in notes[0]


def test_packing_twice_gives_the_same_bytes(photos: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere" / "again"
    moved.parent.mkdir()
    os.rename(photos, moved)
    write_shards(read_dataset(moved), tmp_path / "one", threads=1)
    os.rename(moved, photos)
    write_shards(read_dataset(photos), tmp_path / "other", threads=4)
    assert content(tmp_path / "one") == content(tmp_path / "other")
    assert str(tmp_path).encode() not in (tmp_path / "one" / "index.arrow").read_bytes()
    with tarfile.open(tmp_path / "one" / "train-000000.tar") as tar:
        assert {(member.mtime, member.uid, member.gid, member.uname) for member in tar} == {(0, 0, 0, "")}


@settings(max_examples=10, deadline=None)
@given(limit=st.integers(1, 40_000), count=st.integers(1, 20))
def test_shards_hold_as_much_as_they_may(limit: int, count: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    out = tmp_path_factory.mktemp("packed") / "shards"
    pixels = np.random.default_rng(count).integers(0, 256, (count, 20, 30), np.uint8)
    write_shards(arrays(pixels), out, shard_bytes=limit, threads=1)
    shards = sorted(out.glob("*.tar"))
    sizes = [len(members(shard)) for shard in shards]
    assert sum(sizes) == 2 * count
    assert min(sizes) >= 2
    for shard, size in zip(shards, sizes, strict=True):
        assert shard.stat().st_size <= limit or size == 2
    if len(shards) > 1 and sizes[0] > 2:
        assert shards[0].stat().st_size + 3 * 10_240 > limit


@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 1), (6, 5, 2), (6, 5, 3), (6, 5, 4)])
def test_arrays_keep_their_pixels(shape: tuple[int, ...], tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, *shape), np.uint8)
    before = arrays(pixels).split("train")
    write_shards(arrays(pixels), tmp_path / "shards")
    after = read_dataset(tmp_path / "shards").split("train")
    for channels in (1, 3):
        spec = ImageSpec(height=6, width=5, channels=channels)
        for index in range(4):
            assert spec.peek(after.source.read(index)) == spec.peek(before.source.read(index))
            assert (spec.prepare(after.source.read(index)) == spec.prepare(before.source.read(index))).all()
    stored = Image.open(io.BytesIO(after.source.read(0)))
    assert (np.asarray(stored) == pixels[0].squeeze()).all()


def webdataset_samples(folder: Path, split: str) -> list[dict]:
    shards = [str(path) for path in sorted(folder.glob(f"{split}-*.tar"))]
    with warnings.catch_warnings():
        # Shards are few and tiny here; in use each worker takes some.
        warnings.simplefilter("ignore")
        return list(webdataset.WebDataset(shards, shardshuffle=False, empty_check=False).decode("rgb8"))


def test_stock_webdataset_reads_them(tmp_path: Path) -> None:
    write_shards(read_dataset("digits"), tmp_path / "shards", shard_bytes=400_000)
    digits = read_dataset("digits").split("test")
    read = webdataset_samples(tmp_path / "shards", "test")
    assert len(list((tmp_path / "shards").glob("test-*.tar"))) > 1
    assert [sample["cls"] for sample in read] == digits.targets.tolist()
    for index, sample in enumerate(read):
        assert (sample["png"][:, :, 0] == digits.source.read(index)).all()


def test_several_labels(tmp_path: Path) -> None:
    targets = np.array([[1, 0], [0, 0], [1, 1], [0, 1]], np.uint8)
    pixels = np.arange(4 * 30, dtype=np.uint8).reshape(4, 6, 5)
    write_shards(arrays(pixels, targets), tmp_path / "shards")
    after = read_dataset(tmp_path / "shards").split("train")
    assert after.targets.dtype == np.uint8
    assert after.targets.tolist() == targets.tolist()
    read = webdataset_samples(tmp_path / "shards", "train")
    assert [sample["json"] for sample in read] == [{"labels": [0]}, {"labels": []}, {"labels": [0, 1]}, {"labels": [1]}]
    assert "cls" not in read[0]


def test_what_is_there_stays(photos: Path, tmp_path: Path) -> None:
    dataset = read_dataset(photos)
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for there in (photos, tmp_path / "empty", tmp_path / "link"):
        with pytest.raises(WrongUse, match="something is there already"):
            write_shards(dataset, there)
    with pytest.raises(WrongUse, match="local folder"):
        write_shards(dataset, "s3://bucket/shards")
    assert list((tmp_path / "empty").iterdir()) == []


def test_nothing_is_left_of_a_packing_that_failed(photos: Path, tmp_path: Path) -> None:
    def stop(split: str, done: int, count: int) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "out" / "shards"
    with pytest.raises(KeyboardInterrupt):
        write_shards(read_dataset(photos), out, on_progress=stop)
    for path in photos.glob("test/*/*"):
        path.write_bytes(b"none")
    with pytest.raises(PlusxError, match="none of 2 test pictures can be used"):
        write_shards(read_dataset(photos), out)
    (tmp_path / "file").touch()
    with pytest.raises(PlusxError, match="cannot be written"):
        write_shards(read_dataset(photos), tmp_path / "file" / "shards")
    assert list(out.parent.iterdir()) == []


def test_shards_can_be_packed_again_into_other_sizes(photos: Path, tmp_path: Path) -> None:
    write_shards(read_dataset(photos), tmp_path / "one")
    write_shards(read_dataset(tmp_path / "one"), tmp_path / "many", shard_bytes=1)
    assert len(list((tmp_path / "many").glob("*.tar"))) == 12
    one, many = (read_dataset(tmp_path / name).split("train") for name in ("one", "many"))
    assert [many.source.read(index) for index in range(10)] == [one.source.read(index) for index in range(10)]
    assert [many.source.name(index) for index in range(10)] == [one.source.name(index) for index in range(10)]


def test_the_index_is_as_its_format_says(photos: Path, tmp_path: Path) -> None:
    write_shards(read_dataset(photos), tmp_path / "shards")
    about = json.loads((tmp_path / "shards" / "index.json").read_text())
    assert about["format"] == "plusx shards"
    assert about["version"] == 1
    assert about["classes"] == ["cat", "dog"]
    assert about["splits"] == {"train": [0, 10], "test": [10, 12]}
    assert [shard["name"] for shard in about["shards"]] == ["train-000000.tar", "test-000000.tar"]
    for shard in about["shards"]:
        assert shard["size_bytes"] == (tmp_path / "shards" / shard["name"]).stat().st_size
    assert about["index"]["sha256"] == hashlib.sha256((tmp_path / "shards" / "index.arrow").read_bytes()).hexdigest()


def test_a_packed_set_prepares_as_the_files_do(photos: Path, tmp_path: Path) -> None:
    write_shards(read_dataset(photos), tmp_path / "shards")
    spec = ImageSpec(height=9, width=9, channels=3)
    files, shards = (
        prepare_samples(read_dataset(data).split("train"), spec, cache=None) for data in (photos, tmp_path / "shards")
    )
    assert len(files) == len(shards) == 10
    assert (files.gather(np.arange(10)) == shards.gather(np.arange(10))).all()
    assert files.targets.tolist() == shards.targets.tolist()
