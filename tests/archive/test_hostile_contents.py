"""Manifests and arrays made by hand to do harm, in zips that are otherwise right: each is refused."""

import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from plusx.archive import read_archive, read_manifest

Members = dict[str, bytes]
Forge = Callable[..., Path]
Refused = Callable[..., None]

WEIGHTS, GOLDEN, MANIFEST = "weights.safetensors", "golden/examples.safetensors", "manifest.json"


# The manifest


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no JSON"),
        (b"\xff\xfe{}", "no JSON"),
        (b"[]", "no JSON object"),
        (b"{}", "without a format_version"),
        (b'{"format_version": 1.0}', "without a format_version"),
        (b'{"format_version": "1.0\\n"}', "without a format_version"),
        (b'{"format_version": "1.0"}', "wrong at created_with (Field required)"),
        (b'{"format_version": "1.0", "format_version": "1.0"}', "a key is given twice"),
        (b'{"format_version": NaN}', "NaN is no JSON number"),
        (b'{"format_version": -Infinity}', "-Infinity is no JSON number"),
        (b'{"size": 1' + b"0" * 5000 + b"}", "no JSON"),
        (b'{"format_version": ' + b"[" * 100_000, "nested too deeply"),
        (b" " * (16 * 2**20 + 1), "more than 16 MiB"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_a_manifest_that_is_none(
    members: Members, tmp_path: Path, data: bytes, words: str, assert_refused: Refused
) -> None:
    path = tmp_path / "model.plusx"
    with zipfile.ZipFile(path, "w") as file:
        for name, content in (members | {MANIFEST: data}).items():
            file.writestr(name, content)
    assert_refused(path, words, read_manifest)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"classes": ["a", "b", "a"]}, "the class 'a' is named twice"),
        ({"classes": ["a", ""]}, "wrong at classes.1"),
        ({"classes": []}, "wrong at classes"),
        ({"classes": ["\ud800"]}, "wrong at classes.0"),
        ({"provenance": {"\ud800": 1}}, "surrogates not allowed"),
        ({"provenance": {"a": json.loads("[" * 300 + "]" * 300)}}, "wrong at provenance.a"),
        ({"classes": "ab"}, "wrong at classes"),
        ({"created_at": "yesterday"}, "wrong at created_at"),
        ({"created_at": "2026-01-31T12:00:00"}, "is not a time in UTC"),
        ({"created_at": "2026-01-31T12:00:00+01:00"}, "is not a time in UTC"),
        ({"colour": "red"}, "wrong at colour"),
        ({"two\nlines": 1}, r"wrong at two\nlines"),
        ({"task": None}, "wrong at task"),
    ],
)
def test_a_manifest_with_wrong_values(
    forge: Forge, members: Members, change: dict, words: str, assert_refused: Refused
) -> None:
    assert_refused(forge(members, change), words)


def test_a_number_that_overflows(forge: Forge, members: Members, assert_refused: Refused) -> None:
    path = forge(members, {"provenance": {"loss": "huge"}})
    with zipfile.ZipFile(path) as file:
        data = file.read(MANIFEST).replace(b'"huge"', b"1e9999")
    with zipfile.ZipFile(path, "w") as file:
        for name, content in (members | {MANIFEST: data}).items():
            file.writestr(name, content)
    assert_refused(path, "wrong at", read_manifest)


@pytest.mark.parametrize(
    "record", [{"size_bytes": -1}, {"sha256": "AB" * 32}, {"sha256": "ab" * 32 + "\n"}, {"mode": 7}]
)
def test_a_wrong_record_of_a_member(forge: Forge, members: Members, record: dict, assert_refused: Refused) -> None:
    files = json.loads(members[MANIFEST])["files"]
    files[WEIGHTS] |= record
    assert_refused(forge(members, {"files": files}, listed=False), f"wrong at files.{WEIGHTS}")


def test_a_newer_minor_version_is_read_without_its_new_keys(forge: Forge, members: Members) -> None:
    read = read_archive(forge(members, {"format_version": "1.7", "colour": "red"}))
    assert read.manifest.format_version == "1.7"
    assert "colour" not in read.manifest.model_dump()


def test_a_newer_major_version_asks_for_an_update_whatever_else_it_holds(
    forge: Forge, members: Members, assert_refused: Refused
) -> None:
    path = forge(members | {"layers/new": b""}, {"format_version": "2.0", "classes": None})
    assert_refused(path, "has format version 2.0, this plusx reads 1.x; update plusx")


# The arrays


def header(values: object, body: bytes = b"") -> bytes:
    data = values if isinstance(values, bytes) else json.dumps(values).encode()
    return struct.pack("<Q", len(data)) + data + body


def tensor(dtype: str, shape: list[int], size_bytes: int) -> bytes:
    return header({"w": {"dtype": dtype, "shape": shape, "data_offsets": [0, size_bytes]}}, bytes(size_bytes))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "malformed"),
        (b"1234567", "malformed"),
        (struct.pack("<Q", 2**63) + b"{}", "declares a header of 9223372036854775808 bytes and has 2"),
        (struct.pack("<Q", 3) + b"{}", "declares a header of 3 bytes and has 2"),
        (header(b"[" * 100_000), "malformed"),
        (header(b"\xff"), "malformed"),
        (header({}, b"hidden"), "malformed"),
        (tensor("F32", [2], 4), "malformed"),
        (tensor("F32", [2**40, 2**40], 0), "malformed"),
        (tensor("F32", [0, 2**62, 4], 0), "malformed"),
        (tensor("F32", [1] * 100, 4), "malformed"),
        (tensor("BF16", [1], 2), "holds numbers of type 'BF16'"),
        (tensor("F64", [1], 8), "has 'w' as float64"),
        (tensor("BOOL", [1], 1), "has 'w' as bool"),
    ],
    ids=str,
)
@pytest.mark.parametrize("member", [WEIGHTS, GOLDEN])
def test_malformed_arrays(
    forge: Forge, members: Members, member: str, data: bytes, words: str, assert_refused: Refused
) -> None:
    assert_refused(forge(members | {member: data}), words)


GOOD = np.zeros((2, 3), np.float32)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"inputs": GOOD}, "golden examples ['inputs'], not inputs and outputs"),
        ({"inputs": GOOD, "outputs": GOOD, "more": GOOD}, "not inputs and outputs"),
        ({"inputs": GOOD, "outputs": GOOD[:1]}, "inputs (2, 3) and outputs (1, 3)"),
        ({"inputs": GOOD, "outputs": GOOD.sum()}, "shapes disagree"),
        ({"inputs": GOOD[:0], "outputs": GOOD[:0]}, "no golden examples"),
        ({"inputs": GOOD, "outputs": GOOD - np.float32("inf")}, "not finite"),
        ({"inputs": GOOD * np.float32("nan"), "outputs": GOOD}, "not finite"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_golden_examples_that_check_nothing(
    forge: Forge, members: Members, arrays: dict[str, np.ndarray], words: str, assert_refused: Refused
) -> None:
    data = save({name: np.asarray(array) for name, array in arrays.items()})
    assert_refused(forge(members | {GOLDEN: data}), words)
