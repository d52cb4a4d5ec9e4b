"""Damaged and hostile shards: nothing is read that is not what was packed."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pytest

from plusx.data.cache import prepare_samples
from plusx.data.image import ImageSpec
from plusx.data.samples import read_dataset
from plusx.errors import PlusxError

SPEC = ImageSpec(height=8, width=8, channels=1)


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
