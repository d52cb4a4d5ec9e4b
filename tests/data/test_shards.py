"""Reading shards: the same examples as the set that was packed, in any thread or process."""

import multiprocessing
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from packs import everything

import plusx
from plusx.archive import read_archive
from plusx.data import cache as cache_file
from plusx.data.array import ArraySpec
from plusx.data.cache import prepare_samples
from plusx.data.image import ImageSpec
from plusx.data.loader import Loader
from plusx.data.pack import write_shards
from plusx.data.samples import read_dataset
from plusx.data.shards import ShardSource
from plusx.errors import PlusxError

SPEC = ImageSpec(height=8, width=8, channels=1)


def test_examples_classes_and_order_are_the_folder_s(digit_folder: Path, packed: Path) -> None:
    folder, shards = read_dataset(digit_folder), read_dataset(packed)
    assert len(list(packed.glob("train-*.tar"))) > 1
    assert shards.classes == folder.classes
    assert shards.val is None
    for split in ("train", "test"):
        assert everything(shards, split) == everything(folder, split)
        assert shards.split(split).targets.tolist() == folder.split(split).targets.tolist()
        assert shards.split(split).targets.dtype == np.int64
        names = [folder.split(split).source.name(index) for index in range(100)]
        assert [f"{digit_folder}/{shards.split(split).source.name(index)}" for index in range(100)] == names


def test_a_training_on_shards_is_that_on_the_folder(digit_folder: Path, packed: Path, tmp_path: Path) -> None:
    quick: dict[str, Any] = {"changes": {"epochs": "1", "model_options.num_filters": "8"}}
    runs = {
        "folder": plusx.train(digit_folder, out=tmp_path / "a", **quick),
        "shards": plusx.train(packed, out=tmp_path / "b", cache=False, **quick),
    }
    weights = {name: read_archive(run.model).weights for name, run in runs.items()}
    assert weights["shards"].keys() == weights["folder"].keys()
    assert all(np.array_equal(weights["shards"][key], value) for key, value in weights["folder"].items())
    assert runs["shards"].test == runs["folder"].test
    assert runs["shards"].val == runs["folder"].val


def test_bad_files_leave_the_run_of_a_folder_without_them(photos: Path, tmp_path: Path) -> None:
    write_shards(read_dataset(photos), tmp_path / "shards")
    for bad in ("cat/cut.jpg", "dog/text.jpg"):
        (photos / "train" / bad).unlink()
    assert everything(read_dataset(tmp_path / "shards")) == everything(read_dataset(photos))


def test_take_is_a_choice_in_any_order(packed: Path) -> None:
    whole = read_dataset(packed).split("test").source
    some = whole.take(np.array([5, 0, 99]))
    assert [some.read(index) for index in range(3)] == [whole.read(index) for index in (5, 0, 99)]
    again = some.take(np.array([2, 2]))
    assert [again.name(index) for index in range(len(again))] == [whole.name(99)] * 2


def test_fingerprints_tell_sets_and_choices_apart_without_reading_a_shard(digit_folder: Path, packed: Path) -> None:
    write_shards(read_dataset("digits"), packed.parent / "other")
    moved = packed.parent / "moved"
    shutil.copytree(packed, moved)
    for shard in packed.glob("*.tar"):
        shard.unlink()
    source, copy = (read_dataset(folder).split("train").source for folder in (packed, moved))
    assert source.fingerprint() == copy.fingerprint()
    prints = [
        source.fingerprint(),
        read_dataset(packed).split("test").source.fingerprint(),
        read_dataset(packed.parent / "other").split("train").source.fingerprint(),
        source.take(np.array([1, 0])).fingerprint(),
        source.take(np.array([0, 1])).fingerprint(),
    ]
    assert len(set(prints)) == 5
    assert source.take(np.array([1, 0])).fingerprint() == prints[3]


class Counted(ShardSource):
    reads = 0

    def read(self, index: int) -> bytes:
        Counted.reads += 1
        return super().read(index)


def test_nothing_is_read_before_the_first_batch(packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plusx.data.shards.ShardSource", Counted)
    monkeypatch.setattr(Counted, "reads", 0)
    prepared = prepare_samples(read_dataset(packed).split("train"), SPEC, cache=None)
    assert Counted.reads == 0
    Loader(prepared, 16, seed=0).batch(0)
    assert Counted.reads == 16


@pytest.mark.parametrize("too_large", ["for our taste", "for the disk"])
def test_large_sets_get_no_cache_and_the_same_batches(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, too_large: str
) -> None:
    train = read_dataset(packed).split("train")
    small = prepare_samples(train, SPEC, cache=tmp_path / "cache")
    assert small.note is None
    assert len(list((tmp_path / "cache").iterdir())) == 1
    if too_large == "for our taste":
        monkeypatch.setattr(cache_file, "MAX_VERIFIED_BYTES", 200 * 64 - 1)
    else:
        monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**6, 0, 2 * 200 * 64 - 1))
    large = prepare_samples(train, SPEC, cache=tmp_path / "none" / "yet")
    assert large.note is not None
    assert "no cache" in large.note
    assert not (tmp_path / "none").exists()
    assert large.kept.tolist() == small.kept.tolist()
    for one, other in zip(Loader(small, 30, 3).stream(0, 15), Loader(large, 30, 3).stream(0, 15), strict=True):
        assert torch.equal(one.inputs, other.inputs)
        assert torch.equal(one.targets, other.targets)
        assert one.targets.dtype == torch.int64
    rows = np.array([3, 50, 199])
    for both in ("among", "take"):
        parts = [getattr(prepared, both)(rows) for prepared in (small, large)]
        assert parts[0].targets.tolist() == parts[1].targets.tolist() == train.targets[rows].tolist()
        assert (parts[0].gather(np.arange(3)) == parts[1].gather(np.arange(3))).all()


def test_what_packing_could_not_know_is_looked_at(packed: Path) -> None:
    train = read_dataset(packed).split("train")
    with pytest.raises(PlusxError, match="max_pixels"):
        prepare_samples(train, SPEC.model_copy(update={"max_pixels": 60}), cache=None)
    with pytest.raises(PlusxError, match="a file where an array is needed"):
        prepare_samples(train, ArraySpec(sizes=(1, 8, 8), mean=(0,), std=(1,)), cache=None)


def test_many_threads_read_at_once(packed: Path) -> None:
    source = read_dataset(packed).split("train").source
    one_by_one = [source.read(index) for index in range(200)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(source.read, [*range(200)] * 3)) == one_by_one * 3


SOURCES: dict[str, ShardSource] = {}


def read_in_child(index: int) -> tuple[bytes, str]:
    return SOURCES["it"].read(index), SOURCES["it"].name(index)


# torch, imported by the tests, keeps threads; what is forked here uses none of them.
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not fork")
def test_a_forked_process_reads_on(packed: Path) -> None:
    SOURCES["it"] = source = read_dataset(packed).split("train").source
    source.read(0)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        read = pool.map(read_in_child, range(200))
    assert read == [(source.read(index), source.name(index)) for index in range(200)]


def test_a_class_folder_with_an_index_json_of_its_own_is_a_class_folder(digit_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(digit_folder, tmp_path / "set")
    for content in ('{"format": "something else"}', "[]", ""):
        (tmp_path / "set" / "index.json").write_text(content)
        assert len(read_dataset(tmp_path / "set").split("train")) == 200


def test_an_index_json_that_is_cut_short_is_said(packed: Path) -> None:
    whole = (packed / "index.json").read_text()
    (packed / "index.json").write_text(whole[:-20])
    with pytest.raises(PlusxError, match=r"index\.json: no JSON"):
        read_dataset(packed)
