"""Reading shards: the same examples as the set that was packed, from disk and from afar, and nothing damaged."""

import hashlib
import http.server
import json
import multiprocessing
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pytest
import torch

import plusx
from plusx.archive import read_archive
from plusx.data import cache as cache_file
from plusx.data import places
from plusx.data.array import ArraySpec
from plusx.data.cache import prepare_samples
from plusx.data.image import ImageSpec
from plusx.data.loader import Loader
from plusx.data.pack import write_shards
from plusx.data.samples import DataSet, read_dataset
from plusx.data.shards import ShardSource
from plusx.errors import PlusxError, WrongUse

SPEC = ImageSpec(height=8, width=8, channels=1)


@pytest.fixture
def packed(digit_folder: Path, tmp_path: Path) -> Path:
    """The 200 and 100 digits in several shards."""
    write_shards(read_dataset(digit_folder), tmp_path / "shards", shard_bytes=100_000)
    return tmp_path / "shards"


def everything(dataset: DataSet, split: str = "train") -> list[Any]:
    samples = dataset.split(split)
    return [samples.source.read(index) for index in range(len(samples))]


# the same as what was packed


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


# no pass over the data


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


# threads and processes


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


# from afar


class Ranges(http.server.SimpleHTTPRequestHandler):
    """The standard library's server, taught to answer `Range: bytes=first-last`."""

    asked: list[tuple[str, str | None]]
    knows_ranges = True

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        asked = self.headers.get("Range")
        self.asked.append((path.name, asked))
        if not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        if asked and self.knows_ranges:
            first, last = asked.removeprefix("bytes=").split("-")
            total = len(content)
            content = content[int(first) : int(last) + 1]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{int(first) + len(content) - 1}/{total}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server(packed: Path) -> Iterator[tuple[str, type[Ranges]]]:
    """(its address, its handler) of a server of the packed shards."""

    class Handler(Ranges):
        asked: list[tuple[str, str | None]] = []  # noqa: RUF012

        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(packed.parent))

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{serving.server_address[1]}/shards", Handler
        serving.shutdown()
        thread.join()


def test_http_is_read_by_ranges(packed: Path, server: tuple[str, type[Ranges]]) -> None:
    address, handler = server
    local, remote = read_dataset(packed), read_dataset(f"{address}/")
    assert remote.split("train").source.remote
    assert remote.split("train").source.fingerprint() == local.split("train").source.fingerprint()
    assert everything(remote, "test") == everything(local, "test")
    one, other = (prepare_samples(each.split("train"), SPEC, cache=None) for each in (local, remote))
    assert torch.equal(Loader(one, 64, 1).batch(1).inputs, Loader(other, 64, 1).batch(1).inputs)
    shards = [asked for name, asked in handler.asked if name.endswith(".tar")]
    assert len(shards) == 100 + 64
    assert None not in shards
    fetched = [name for name, _ in handler.asked].count("index.arrow")
    read_dataset(address)
    assert [name for name, _ in handler.asked].count("index.arrow") == fetched, "the index is fetched once"


def test_a_server_that_sends_whole_files_is_told_of(server: tuple[str, type[Ranges]]) -> None:
    address, handler = server
    source = read_dataset(address).split("train").source
    handler.knows_ranges = False
    with pytest.raises(PlusxError, match="must know HTTP's Range"):
        source.read(0)


def test_what_is_not_there_is_named(server: tuple[str, type[Ranges]], packed: Path) -> None:
    address, _ = server
    with pytest.raises(PlusxError, match=r"/none/index\.json: there is no such file"):
        read_dataset(f"{address}/none")
    source = read_dataset(address).split("train").source
    (packed / "train-000000.tar").unlink()
    with pytest.raises(PlusxError, match=r"train-000000\.tar: there is no such file"):
        source.read(0)


@pytest.fixture
def in_memory(packed: Path) -> Iterator[str]:
    memory = fsspec.filesystem("memory")
    memory.put(str(packed), "/bucket/shards", recursive=True)
    yield "memory://bucket/shards"
    memory.rm("/bucket", recursive=True)


def test_any_address_of_fsspec_is_read(packed: Path, in_memory: str) -> None:
    local, remote = read_dataset(packed), read_dataset(in_memory)
    assert everything(remote) == everything(local)
    assert everything(read_dataset(f"file://{packed}")) == everything(local)
    with pytest.raises(WrongUse, match="--data-dir"):
        read_dataset(in_memory, data_dir=packed)


def test_a_read_that_fails_is_tried_again(in_memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source = read_dataset(in_memory).split("train").source
    memory = type(fsspec.filesystem("memory"))
    cat_file, failures = memory.cat_file, iter([ConnectionError("lost"), ConnectionError("lost")])

    def unsteady(*args: Any, **options: Any) -> bytes:
        if error := next(failures, None):
            raise error
        return cat_file(*args, **options)

    monkeypatch.setattr(places, "PAUSE_S", 0)
    monkeypatch.setattr(memory, "cat_file", unsteady)
    assert source.read(0) == read_dataset(in_memory).split("train").source.read(0)
    failures = iter([ConnectionError("lost")] * 3)
    with pytest.raises(PlusxError, match=r"train-000000\.tar: cannot be read \(lost\)"):
        source.read(0)


def test_addresses_that_need_more_say_what(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(WrongUse, match=r"s3fs.*pip install 'plusx\[scale\]'"):
        read_dataset("s3://bucket/shards")
    with pytest.raises(WrongUse, match="no address that fsspec can read"):
        read_dataset("nonsense://bucket/shards")


# damage


def test_every_flipped_byte_of_a_picture_is_noticed(packed: Path) -> None:
    source = read_dataset(packed).split("train").source
    whole = (packed / "train-000000.tar").read_bytes()
    start, length = whole.index(b"\x89PNG"), len(source.read(0))
    for place in range(start, start + length):
        flipped = bytes([whole[place] ^ 1])
        (packed / "train-000000.tar").write_bytes(whole[:place] + flipped + whole[place + 1 :])
        with pytest.raises(PlusxError, match=r"train-000000\.tar: the shard is damaged at 000000000 \(train/"):
            source.read(0)
    (packed / "train-000000.tar").write_bytes(whole[: start + length - 1])
    with pytest.raises(PlusxError, match="damaged"):
        source.read(0)


@pytest.mark.parametrize("cached", [True, False])
def test_a_damaged_shard_stops_a_run_and_is_not_skipped(packed: Path, tmp_path: Path, cached: bool) -> None:
    whole = bytearray((packed / "train-000001.tar").read_bytes())
    whole[whole.index(b"\x89PNG") + 30] ^= 1
    (packed / "train-000001.tar").write_bytes(whole)
    train = read_dataset(packed).split("train")
    with pytest.raises(PlusxError, match=r"train-000001\.tar: the shard is damaged"):
        prepare_samples(train, SPEC, cache=tmp_path / "c" if cached else None).gather(np.arange(len(train)))


def test_a_missing_shard_is_named(packed: Path) -> None:
    (packed / "train-000000.tar").unlink()
    with pytest.raises(PlusxError, match=r"train-000000\.tar: there is no such file"):
        read_dataset(packed).split("train").source.read(0)


@pytest.mark.parametrize("keep", [0, 1, 100, -1])
def test_an_index_that_is_cut_short(packed: Path, keep: int) -> None:
    whole = (packed / "index.arrow").read_bytes()
    (packed / "index.arrow").write_bytes(whole[:keep])
    with pytest.raises(PlusxError, match=r"index\.arrow: the index is damaged"):
        read_dataset(packed)


def test_an_index_that_is_gone_or_changed(packed: Path, in_memory: str) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/bucket/shards/index.arrow", memory.cat_file("/bucket/shards/index.arrow")[:-1])
    with pytest.raises(PlusxError, match=r"memory://.*: the index is damaged"):
        read_dataset(in_memory)
    whole = bytearray((packed / "index.arrow").read_bytes())
    whole[len(whole) // 2] ^= 1
    (packed / "index.arrow").write_bytes(whole)
    with pytest.raises(PlusxError, match="the index is damaged"):
        read_dataset(packed)
    (packed / "index.arrow").unlink()
    with pytest.raises(PlusxError, match=r"index\.arrow: there is no such file"):
        read_dataset(packed)


# hostile indexes, which vouch for themselves


def say_otherwise(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    about = json.loads((folder / "index.json").read_text())
    change(about)
    (folder / "index.json").write_text(json.dumps(about))


ABOUTS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "absolute shard": (lambda about: about["shards"][0].update(name="/etc/passwd"), "name"),
    "shard above": (lambda about: about["shards"][0].update(name="../train-000000.tar"), "name"),
    "shard below": (lambda about: about["shards"][0].update(name="a/train-000000.tar"), "name"),
    "shard with a line": (lambda about: about["shards"][0].update(name="train-000000.tar\n"), "name"),
    "negative size": (lambda about: about["shards"][0].update(size_bytes=-1), "size_bytes"),
    "more rows": (lambda about: about["splits"].update(test=[200, 301]), "do not part"),
    "splits that overlap": (lambda about: about["splits"].update(test=[100, 300]), "do not part"),
    "empty split": (lambda about: about["splits"].update(val=[200, 200]), "empty"),
    "unknown split": (lambda about: about["splits"].update(more=[300, 301]), "splits"),
    "too few classes": (lambda about: about["classes"].pop(), "a class that there is not"),
    "one class twice": (lambda about: about["classes"].__setitem__(0, "1"), "one name"),
    "other kind": (lambda about: about.update(multilabel=True), "columns"),
    "unknown key": (lambda about: about.update(extra=1), "extra"),
    "newer": (lambda about: about.update(version=2), "newer plusx"),
    "no version": (lambda about: about.pop("version"), ""),
}


@pytest.mark.parametrize(("change", "says"), ABOUTS.values(), ids=ABOUTS.keys())
def test_a_hostile_index_json_is_refused(packed: Path, change: Callable[[dict[str, Any]], object], says: str) -> None:
    say_otherwise(packed, change)
    if not says:
        read_dataset(packed)
        return
    with pytest.raises(PlusxError, match=says) as caught:
        read_dataset(packed)
    assert "\n" not in str(caught.value)
    assert str(packed) in str(caught.value)


def forge(folder: Path, table: pa.Table | bytes) -> None:
    """Puts another index.arrow there, with the sums that go with it."""
    path = folder / "index.arrow"
    if isinstance(table, bytes):
        path.write_bytes(table)
    else:
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
    known = {"size_bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    say_otherwise(folder, lambda about: about["index"].update(known))


def rows(folder: Path) -> pa.Table:
    return pa.ipc.open_file(pa.BufferReader((folder / "index.arrow").read_bytes())).read_all()


def with_value(table: pa.Table, column: str, value: Any) -> pa.Table:
    place = table.schema.get_field_index(column)
    values = [value, *table.column(column).to_pylist()[1:]]
    return table.set_column(place, table.schema.field(column), pa.array(values, table.schema.field(column).type))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("offset", -1),
        ("offset", 2**62),
        ("offset", 10**6),
        ("length", -1),
        ("length", 2**31 - 1),
        ("shard", -1),
        ("shard", 2**31 - 1),
    ],
)
def test_rows_that_lead_out_of_their_shard_are_refused(packed: Path, column: str, value: int) -> None:
    forge(packed, with_value(rows(packed), column, value))
    source = read_dataset(packed).split("train").source
    with pytest.raises(PlusxError, match="row 0 lies outside its shard"):
        source.read(0)
    assert len(source.read(1)) > 50


@pytest.mark.parametrize("target", [-1, 10, 2**31 - 1])
def test_classes_that_there_are_not_are_refused(packed: Path, target: int) -> None:
    forge(packed, with_value(rows(packed), "target", target))
    with pytest.raises(PlusxError, match="a class that there is not"):
        read_dataset(packed)


def test_other_columns_are_refused(packed: Path) -> None:
    whole = rows(packed)
    nothing_missing = with_value(whole, "name", "x")
    forge(packed, nothing_missing)
    assert read_dataset(packed).split("train").source.name(0) == "x"
    for other in (whole.drop_columns("name"), whole.slice(1), b"ARROW1\0\0 nothing of the kind"):
        forge(packed, other)
        with pytest.raises(PlusxError, match="the index is damaged"):
            read_dataset(packed)


def test_names_that_lead_out_of_the_index_are_refused(packed: Path) -> None:
    whole = (packed / "index.arrow").read_bytes()
    names = rows(packed).column("name").chunk(0)
    offsets = np.frombuffer(names.buffers()[1], np.int32)[: len(names) + 1]
    forged = offsets.copy()
    forged[1] = 2**31 - 1
    assert whole.count(offsets.tobytes()) == 1
    forge(packed, whole.replace(offsets.tobytes(), forged.tobytes()))
    source = read_dataset(packed).split("train").source
    for row in (0, 1, 2):
        with pytest.raises(PlusxError, match="the index is damaged"):
            source.name(row)
    assert len(source.read(0)) > 50


# folders that are none


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
