"""What is written is read back the same, in the same bytes, or refused before anything is written."""

import dataclasses
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from plusx.archive import Archive, BadArchive, Golden, Manifest, read_archive, read_manifest, write_archive
from plusx.archive.arrays import STORED_TYPES

Same = Callable[[Archive, Archive], None]

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ARRAYS = st.sampled_from(sorted(STORED_TYPES)).flatmap(
    lambda dtype: arrays_of.arrays(dtype, arrays_of.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("written")


@settings(max_examples=60, deadline=None)
@given(
    weights=st.dictionaries(TEXT, ARRAYS, max_size=4),
    classes=st.lists(TEXT.filter(bool), min_size=1, max_size=4, unique=True),
    provenance=st.dictionaries(TEXT, JSON, max_size=3),
)
def test_any_model_reads_back_the_same_in_the_same_bytes(
    model: Archive, folder: Path, assert_same: Same, weights: dict, classes: list[str], provenance: dict
) -> None:
    manifest = Manifest.model_validate(model.manifest.model_dump() | {"classes": classes, "provenance": provenance})
    written = dataclasses.replace(model, manifest=manifest, weights=weights)
    path = write_archive(written, folder / "a.plusx")
    read = read_archive(path)
    assert_same(written, read)

    turned = dict(reversed(provenance.items()))
    again = dataclasses.replace(
        read,
        manifest=read.manifest.model_copy(update={"provenance": turned}),
        weights=dict(reversed(read.weights.items())),
    )
    assert write_archive(again, folder / "b.plusx").read_bytes() == path.read_bytes()


def test_members_are_stored_sorted_and_without_a_clock(model: Archive, tmp_path: Path) -> None:
    with zipfile.ZipFile(write_archive(model, tmp_path / "model.plusx")) as file:
        infos = file.infolist()
        assert file.testzip() is None
    assert [info.filename for info in infos] == [
        "engines/onnx/model.onnx",
        "engines/openvino/model.int8.bin",
        "golden/examples.safetensors",
        "manifest.json",
        "weights.safetensors",
    ]
    assert {(info.compress_type, info.date_time) for info in infos} == {(zipfile.ZIP_STORED, (1980, 1, 1, 0, 0, 0))}


def test_a_run_folder_is_its_model(model: Archive, tmp_path: Path, assert_same: Same) -> None:
    path = write_archive(model, tmp_path / "model.plusx")
    read = read_archive(tmp_path)
    assert read.path == path
    assert_same(read, model)


def test_the_manifest_alone_lists_every_other_member(model: Archive, tmp_path: Path) -> None:
    path = write_archive(model, tmp_path / "model.plusx")
    manifest = read_manifest(path)
    assert manifest == read_archive(path).manifest
    with zipfile.ZipFile(path) as file:
        sizes = {info.filename: info.file_size for info in file.infolist() if info.filename != "manifest.json"}
    assert {name: record.size_bytes for name, record in manifest.files.items()} == sizes


def test_arrays_read_are_writable(model: Archive, tmp_path: Path) -> None:
    read = read_archive(write_archive(model, tmp_path / "model.plusx"))
    read.weights["head.bias"][0] = 5
    assert read.weights["head.bias"][0] == 5


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12, dtype=np.float32).reshape(3, 4).T,
        np.arange(8, dtype=np.int16)[::2],
        np.arange(3, dtype=">f4"),
    ],
    ids=["transposed", "strided", "big-endian"],
)
def test_an_array_is_stored_by_value_however_it_lies_in_memory(
    model: Archive, tmp_path: Path, array: np.ndarray
) -> None:
    path = write_archive(dataclasses.replace(model, weights={"w": array}), tmp_path / "model.plusx")
    np.testing.assert_array_equal(read_archive(path).weights["w"], array)


GOOD = np.zeros((2, 3), np.float32)
REFUSED = {
    "float64": ({"weights": {"w": np.zeros(2)}}, "'w' as float64"),
    "bool": ({"weights": {"w": np.zeros(2, bool)}}, "'w' as bool"),
    "object": ({"weights": {"w": np.array([None])}}, "'w' as object"),
    "reserved name": ({"weights": {"__metadata__": GOOD}}, "named '__metadata__'"),
    "surrogate name": ({"weights": {"\ud800": GOOD}}, "named '\\ud800'"),
    "shapes": ({"golden": Golden(GOOD, GOOD[:1])}, "shapes disagree"),
    "scalar": ({"golden": Golden(GOOD[0, 0].reshape(()), GOOD)}, "shapes disagree"),
    "no examples": ({"golden": Golden(GOOD[:0], GOOD[:0])}, "no golden examples"),
    "nan": ({"golden": Golden(GOOD, GOOD + np.float32("nan"))}, "not finite"),
    "infinite": ({"golden": Golden(GOOD, GOOD + np.float32("inf"))}, "not finite"),
    "climbing engine": ({"engines": {"../model.bin": b""}}, "engines/../model.bin"),
    "engine without folder": ({"engines": {"model.bin": b""}}, "engines/model.bin"),
}


@pytest.mark.parametrize(("change", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_could_not_be_read_is_not_written(model: Archive, tmp_path: Path, change: dict, words: str) -> None:
    path = tmp_path / "model.plusx"
    path.write_bytes(b"the older model")
    with pytest.raises(BadArchive, match=re.escape(words)) as refused:
        write_archive(dataclasses.replace(model, **change), path)
    assert str(refused.value).startswith(f"{path}: ")
    assert str(refused.value).isprintable()
    assert path.read_bytes() == b"the older model"
    assert os.listdir(tmp_path) == ["model.plusx"]


def test_an_overlong_manifest_is_not_written(model: Archive, tmp_path: Path) -> None:
    manifest = model.manifest.model_copy(update={"provenance": {"log": "x" * 2**24}})
    with pytest.raises(BadArchive, match="manifest over 16 MiB; shorten its provenance"):
        write_archive(dataclasses.replace(model, manifest=manifest), tmp_path / "model.plusx")
    assert os.listdir(tmp_path) == []


def test_a_place_that_cannot_be_written_is_named(model: Archive, tmp_path: Path) -> None:
    with pytest.raises(BadArchive, match=r"no/model\.plusx: cannot be written \(No such file or directory\)"):
        write_archive(model, tmp_path / "no" / "model.plusx")


def test_the_docs_reader_needs_no_plusx(model: Archive, tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "archive.md"
    code = page.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    assert "plusx." not in code.replace("model.plusx", "")
    write_archive(model, tmp_path / "model.plusx")
    printed = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", code],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        encoding="utf-8",
    ).stdout.splitlines()
    assert printed[0] == "['cat', 'Hündin', '猫']"
    assert "'head.bias': (3,)" in printed[1]
    assert printed[2] == "(2, 1, 4, 4) (2, 3)"


def test_models_are_read_without_torch() -> None:
    code = "import sys, plusx.archive; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
