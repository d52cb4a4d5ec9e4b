"""Zips made by hand to do harm: each is refused."""

import os
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from plusx.archive import read_archive, read_manifest

Members = dict[str, bytes]
Forge = Callable[..., Path]
Refused = Callable[..., None]

WEIGHTS, GOLDEN = "weights.safetensors", "golden/examples.safetensors"


def test_a_forged_file_that_lies_about_nothing_is_read(forge: Forge, members: Members) -> None:
    assert read_archive(forge(members)).manifest.classes == ("cat", "Hündin", "猫")


# The path


def test_a_missing_path(tmp_path: Path, assert_refused: Refused) -> None:
    assert_refused(tmp_path / "model.plusx", "is not there")
    assert_refused(tmp_path / ("x" * 5000), "cannot be read (File name too long)")


def test_a_folder_without_a_model(tmp_path: Path, assert_refused: Refused) -> None:
    assert_refused(tmp_path, "is a folder without model.plusx")


def test_pipes_devices_and_empty_files(tmp_path: Path, assert_refused: Refused) -> None:
    pipe = tmp_path / "model.plusx"
    os.mkfifo(pipe)
    assert_refused(pipe, "is no regular file")
    assert_refused(tmp_path, "is no regular file")
    assert_refused(Path(os.devnull), "is no regular file")
    empty = tmp_path / "empty.plusx"
    empty.touch()
    assert_refused(empty, "is empty")


def test_bytes_before_or_after_the_zip(model_bytes: bytes, tmp_path: Path, assert_refused: Refused) -> None:
    path = tmp_path / "model.plusx"
    for before, after in ((b"#!/bin/sh\n", b""), (b"", b"\n"), (b"", b"<script>")):
        path.write_bytes(before + model_bytes + after)
        assert_refused(path, "has bytes before or after the zip")


# The zip's members


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "/etc/evil",
        "C:\\evil",
        "C:/evil",
        "engines\\onnx\\model.onnx",
        "engines/../../evil",
        "engines/onnx/../../evil",
        "engines/onnx/.hidden",
        "engines/onnx/deep/model.onnx",
        "engines/onnx/model.onnx\n",
        "Weights.safetensors",
        "run.py",
        "x" * 5000,
        "two\nlines\x1b[31m",
    ],
)
def test_a_member_of_another_name(
    forge: Forge, members: Members, tmp_path: Path, name: str, assert_refused: Refused
) -> None:
    path = forge(members | {name: b"evil"})
    assert_refused(path, "which is no part of a model file")
    assert_refused(path, "which is no part of a model file", read_manifest)
    assert os.listdir(tmp_path) == [path.name]


def test_a_name_that_hides_behind_a_nul(forge: Forge, members: Members, assert_refused: Refused) -> None:
    name = "engines/a/b\0.exe"
    path = forge(members | {"engines/a/b_.exe": b"evil"})
    path.write_bytes(path.read_bytes().replace(b"engines/a/b_.exe", name.encode()))
    assert_refused(path, "which reads as two names")


@pytest.mark.parametrize("missing", [WEIGHTS, GOLDEN])
def test_a_member_that_is_missing(forge: Forge, members: Members, missing: str, assert_refused: Refused) -> None:
    del members[missing]
    assert_refused(forge(members), f"it has no {missing}")


def test_a_zip_without_a_manifest(tmp_path: Path, assert_refused: Refused) -> None:
    path = tmp_path / "model.plusx"
    with zipfile.ZipFile(path, "w"):
        pass
    assert_refused(path, "it has no manifest.json")


def test_members_that_are_not_as_listed(forge: Forge, members: Members, assert_refused: Refused) -> None:
    extra = members | {"engines/onnx/other.onnx": b"evil"}
    assert_refused(forge(extra, listed=False), "disagree on whether there is 'engines/onnx/other.onnx'")
    fewer = {name: data for name, data in members.items() if not name.startswith("engines/")}
    assert_refused(forge(fewer, listed=False), "disagree on whether there is 'engines/onnx/model.onnx'")
    longer = members | {WEIGHTS: members[WEIGHTS] + b"\0"}
    assert_refused(forge(longer, listed=False), f"has {WEIGHTS} in another size", read_manifest)
    changed = members | {WEIGHTS: members[WEIGHTS][:-1] + b"\x7f"}
    assert_refused(forge(changed, listed=False), f"has {WEIGHTS} with other content")
    assert read_manifest(forge(changed, listed=False)).classes[0] == "cat"


def test_two_members_of_one_name(forge: Forge, members: Members, assert_refused: Refused) -> None:
    path = forge(members)
    with zipfile.ZipFile(path, "a") as file, pytest.warns(UserWarning, match="Duplicate name"):
        file.writestr(WEIGHTS, b"evil")
    assert_refused(path, "has two members of one name")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressed_members(forge: Forge, members: Members, method: int, assert_refused: Refused) -> None:
    bomb = members | {"engines/onnx/model.onnx": bytes(10**6)}
    assert_refused(forge(bomb, compression=method), "compressed, which model files never are")


@pytest.mark.parametrize(
    "kind", [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO, stat.S_IFCHR], ids=["link", "folder", "pipe", "device"]
)
def test_members_that_are_no_files(forge: Forge, members: Members, kind: int, assert_refused: Refused) -> None:
    path = forge(members)
    entry = zipfile.ZipInfo("engines/onnx/model.xml")
    entry.external_attr = (kind | 0o644) << 16
    with zipfile.ZipFile(path, "a") as file:
        file.writestr(entry, "/etc/passwd")
    assert_refused(path, "as a link, a folder or a device")


def patch(path: Path, member: str, offset: int, form: str, value: int) -> None:
    """Overwrite a field of the member's entry in the zip's central directory."""
    data = bytearray(path.read_bytes())
    entry = -1
    while True:
        entry = data.index(b"PK\x01\x02", entry + 1)
        length = struct.unpack_from("<H", data, entry + 28)[0]
        if data[entry + 46 : entry + 46 + length] == member.encode():
            break
    struct.pack_into(form, data, entry + offset, value)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("offset", "form", "value", "words"),
    [
        (8, "<H", 0x1, "encrypted"),
        (8, "<H", 0x40, "encrypted"),
        (8, "<H", 0x20, "cut short or damaged"),
        (6, "<H", 99, "cut short or damaged"),
        (10, "<H", 97, "compressed"),
        (16, "<I", 12345, "cut short or damaged"),
        (20, "<I", 10, "compressed"),
        (28, "<H", 5, "cut short or damaged"),
        (42, "<I", 2**31, "declares members larger than the whole file"),
    ],
    ids=["encrypted", "strongly", "patch", "version", "method", "crc", "size", "name", "offset"],
)
def test_directory_entries_that_lie(
    forge: Forge, members: Members, offset: int, form: str, value: int, words: str, assert_refused: Refused
) -> None:
    path = forge(members)
    patch(path, WEIGHTS, offset, form, value)
    assert_refused(path, words)


@pytest.mark.parametrize("size_bytes", [10**6, 2**32 - 1])
def test_a_size_beyond_the_file(forge: Forge, members: Members, size_bytes: int, assert_refused: Refused) -> None:
    path = forge(members)
    patch(path, WEIGHTS, 20, "<I", size_bytes)
    patch(path, WEIGHTS, 24, "<I", size_bytes)
    assert_refused(path, "declares members larger than the whole file")


def test_overlapping_members(forge: Forge, members: Members, assert_refused: Refused) -> None:
    inner = b"PK\x03\x04" + bytes(22) + struct.pack("<HH", len("engines/b/b"), 0) + b"engines/b/b"
    path = forge(members | {"engines/a/a": inner + b"data", "engines/b/b": b"data"})
    start = path.read_bytes().index(inner)
    patch(path, "engines/b/b", 42, "<I", start)
    assert_refused(path, "overlapping another member")
