"""Inputs from disks and addresses, in order whatever comes first and whatever is missing."""

import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from plusx.errors import PlusxError
from plusx.predict import fetch
from plusx.predict.fetch import content_of, fetched_rows


def sizes(contents: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Rows as predict_stream gives them: it reads ahead of what it answers, and sees bytes that may be bad."""
    ahead: list[bytes] = []
    for content in contents:
        ahead.append(content)
        if len(ahead) == 3:
            yield from (row_of(each) for each in ahead)
            ahead = []
    yield from (row_of(each) for each in ahead)


def row_of(content: bytes) -> dict[str, Any]:
    good = content != b"bad"
    return {"path": None, "size": len(content) if good else None, "error": None if good else "not a picture"}


@pytest.fixture
def memory() -> Iterator[Any]:
    filesystem = fsspec.filesystem("memory")
    yield filesystem
    filesystem.rm("/inputs", recursive=True)


def test_rows_keep_their_order_among_missing_and_slow_ones(tmp_path: Path, memory: Any) -> None:
    names = [f"{number}.bin" for number in range(40)]
    for number, name in enumerate(names):
        if number % 7 != 3:
            memory.pipe_file(f"/inputs/{name}", b"bad" if number % 5 == 4 else b"x" * (number + 10))
            (tmp_path / name).write_bytes(memory.cat_file(f"/inputs/{name}"))
    for base in (str(tmp_path), "memory://inputs"):
        rows = list(fetched_rows(sizes, [(name, f"{base}/{name}") for name in names], ["size"], readers=5))
        assert [row["path"] for row in rows] == names
        for number, row in enumerate(rows):
            if number % 7 == 3:
                assert row == {"path": names[number], "size": None, "error": "there is no such file"}
            elif number % 5 == 4:
                assert row["error"] == "not a picture"
            else:
                assert (row["size"], row["error"]) == (number + 10, None)


def test_nothing_but_missing_ones_and_nothing_at_all() -> None:
    rows = list(fetched_rows(sizes, [("a", "none/a"), ("b", "none/b")], ["size"]))
    assert [(row["path"], row["error"]) for row in rows] == [("a", "there is no such file"), ("b", rows[0]["error"])]
    assert list(fetched_rows(sizes, [], ["size"])) == []


def test_many_wait_for_the_network_at_once(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(64):
        memory.pipe_file(f"/inputs/{number}", b"12345")
    cat_file = type(memory).cat_file

    def slow(*args: Any, **options: Any) -> bytes:
        time.sleep(0.05)
        return cat_file(*args, **options)

    monkeypatch.setattr(type(memory), "cat_file", slow)
    began = time.monotonic()
    rows = list(fetched_rows(sizes, ((str(number), f"memory://inputs/{number}") for number in range(64)), ["size"], 32))
    assert [row["size"] for row in rows] == [5] * 64
    assert time.monotonic() - began < 64 * 0.05 / 2


def test_what_cannot_be_read_is_said_in_a_few_words(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    memory.pipe_file("/inputs/a", b"12345")
    assert str(content_of("nonsense://a")).startswith("no address that fsspec can read")
    monkeypatch.setattr(fetch, "MAX_FILE_BYTES", 4)
    assert content_of("memory://inputs/a") == "the file is larger than 1 GiB"

    def refused(*args: Any, **options: Any) -> bytes:
        raise PermissionError("Forbidden")

    monkeypatch.setattr(type(memory), "cat_file", refused)
    assert content_of("memory://inputs/a") == "cannot be read (Forbidden)"


def test_an_empty_object_is_an_empty_file(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # As S3 answers a range of an empty object.
    def no_range(*args: Any, **options: Any) -> bytes:
        raise OSError(22, "The requested range is not satisfiable")

    memory.pipe_file("/inputs/a", b"")
    monkeypatch.setattr(type(memory), "cat_file", no_range)
    assert content_of("memory://inputs/a") == b""


def test_a_missing_package_is_no_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(PlusxError, match=r"pip install 'plusx\[scale\]'"):
        content_of("s3://bucket/a.png")
