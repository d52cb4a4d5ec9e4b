"""Whatever happens to a model file on its way: it is refused, or it still holds the same."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from plusx.archive import Archive, BadArchive, read_archive, read_manifest

Same = Callable[[Archive, Archive], None]
POSITION = st.floats(0, 1, exclude_max=True)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damaged") / "model.plusx"


def assert_refused_or_same(place: Path, data: bytes, model: Archive, assert_same: Same) -> None:
    place.write_bytes(data)
    read = archive_or_refusal(place)
    if isinstance(read, Archive):
        assert_same(read, model)
    else:
        assert read.startswith(f"{place}: ")
        assert read.isprintable()


def archive_or_refusal(place: Path) -> Archive | str:
    try:
        return read_archive(place)
    except BadArchive as refused:
        return str(refused)


@settings(max_examples=300, deadline=None)
@given(position=POSITION, bit=st.integers(0, 7))
def test_a_flipped_bit(
    position: float, bit: int, place: Path, model_bytes: bytes, model: Archive, assert_same: Same
) -> None:
    data = bytearray(model_bytes)
    data[int(position * len(data))] ^= 1 << bit
    assert_refused_or_same(place, bytes(data), model, assert_same)


@settings(max_examples=200, deadline=None)
@given(position=POSITION, junk=st.binary(min_size=1, max_size=64))
def test_an_overwritten_slice(
    position: float, junk: bytes, place: Path, model_bytes: bytes, model: Archive, assert_same: Same
) -> None:
    start = int(position * len(model_bytes))
    data = model_bytes[:start] + junk + model_bytes[start + len(junk) :]
    assert_refused_or_same(place, data, model, assert_same)


@settings(max_examples=200, deadline=None)
@given(position=POSITION)
@example(position=0.0)
def test_a_file_cut_short_is_refused(position: float, place: Path, model_bytes: bytes) -> None:
    place.write_bytes(model_bytes[: int(position * len(model_bytes))])
    with pytest.raises(BadArchive):
        read_archive(place)
    with pytest.raises(BadArchive):
        read_manifest(place)


@settings(max_examples=100, deadline=None)
@given(before=st.binary(max_size=8), after=st.binary(max_size=8))
@example(before=b"#!/bin/sh\n", after=b"")
@example(before=b"", after=b"\n")
def test_bytes_around_the_zip_are_refused(before: bytes, after: bytes, place: Path, model_bytes: bytes) -> None:
    place.write_bytes(before + model_bytes + after)
    if before or after:
        with pytest.raises(BadArchive):
            read_archive(place)
    else:
        assert read_archive(place).path == place


@settings(max_examples=200, deadline=None)
@given(junk=st.binary(max_size=200), start=st.sampled_from([b"", b"PK\x03\x04", b"PK\x05\x06"]))
def test_random_bytes_are_refused(junk: bytes, start: bytes, place: Path) -> None:
    place.write_bytes(start + junk)
    with pytest.raises(BadArchive):
        read_archive(place)
