"""Lists of inputs, against pyarrow's own reading of the whole table."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plusx.errors import PlusxError, WrongUse
from plusx.predict.manifest import open_manifest


def write_list(path: Path, paths: Sequence[str | None], group_rows: int, kind: pa.DataType | None = None) -> Path:
    table = pa.table({"size": list(range(len(paths))), "path": pa.array(paths, kind or pa.string())})
    pq.write_table(table, path, row_group_size=group_rows)
    return path


@pytest.mark.parametrize("group_rows", [1, 7, 10, 64, 1000])
@pytest.mark.parametrize("part_rows", [1, 10, 33, 500])
def test_every_row_is_in_one_part_in_order(group_rows: int, part_rows: int, tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(333)]
    manifest = open_manifest(str(write_list(tmp_path / "m.parquet", names, group_rows)))
    assert manifest.rows == 333
    parts = -(-333 // part_rows)
    for middle in (0, parts // 2, parts):
        found = [*manifest.parts(0, middle, part_rows), *manifest.parts(middle, parts, part_rows)]
        assert [number for number, _ in found] == list(range(parts))
        assert [len(paths) for _, paths in found[:-1]] == [part_rows] * (parts - 1)
        assert [path for _, paths in found for path in paths.to_pylist()] == names


def test_a_piece_may_span_files_and_large_groups(tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(50_000)]
    for number, (first, end) in enumerate([(0, 20_000), (20_000, 20_000), (20_000, 50_000)]):
        write_list(tmp_path / f"list-{number + 9}.parquet", names[first:end], 40_000)
    manifest = open_manifest(str(tmp_path))
    assert [Path(file).name for file in manifest.files] == ["list-9.parquet", "list-10.parquet", "list-11.parquet"]
    ((number, paths),) = manifest.parts(3, 4, 6_000)
    assert (number, paths.to_pylist()) == (3, names[18_000:24_000])


def test_texts_of_other_kinds_are_texts_and_missing_ones_none(tmp_path: Path) -> None:
    kind = pa.dictionary(pa.int32(), pa.string())
    manifest = open_manifest(str(write_list(tmp_path / "m.parquet", ["a", None, "a"], 2, kind)))
    assert [paths.to_pylist() for _, paths in manifest.parts(0, 1, 5)] == [["a", None, "a"]]


def test_relative_paths_are_the_manifests_folders(tmp_path: Path) -> None:
    manifest = open_manifest(str(write_list(tmp_path / "m.parquet", ["a"], 2)))
    assert manifest.located("b/a.png") == str(tmp_path / "b" / "a.png")
    assert manifest.located("/x/a.png") == "/x/a.png"
    assert manifest.located("s3://bucket/a.png") == "s3://bucket/a.png"


def test_a_list_at_an_address_has_its_inputs_beside_it(tmp_path: Path) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    path = write_list(tmp_path / "m.parquet", ["a", "b"], 1)
    memory.pipe_file("/lists/m.parquet", path.read_bytes())
    for address in ("memory://lists/m.parquet", "memory://lists/"):
        manifest = open_manifest(address)
        assert manifest.located("a") == "memory://lists/a"
        assert [paths.to_pylist() for _, paths in manifest.parts(0, 2, 1)] == [["a"], ["b"]]
    memory.rm("/lists", recursive=True)


def test_what_is_no_list_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.parquet").write_text("path\na.png\n")
    with pytest.raises(WrongUse, match=r"text\.parquet: no Parquet file"):
        open_manifest(str(tmp_path / "text.parquet"))
    pq.write_table(pa.table({"paths": ["a"]}), tmp_path / "other.parquet")
    with pytest.raises(WrongUse, match="no column path; did you mean paths"):
        open_manifest(str(tmp_path / "other.parquet"))
    pq.write_table(pa.table({"path": [1]}), tmp_path / "numbers.parquet")
    with pytest.raises(WrongUse, match="its column path is int64, not text"):
        open_manifest(str(tmp_path / "numbers.parquet"))
    with pytest.raises(PlusxError, match="there is no such file"):
        open_manifest(str(tmp_path / "none.parquet"))
    with pytest.raises(WrongUse, match="no list of inputs"):
        open_manifest(str(tmp_path / "none"))


def test_a_list_that_changed_is_an_error(tmp_path: Path) -> None:
    path = write_list(tmp_path / "m.parquet", ["a"] * 10, 10)
    manifest = open_manifest(str(path))
    write_list(path, ["a"] * 9, 10)
    with pytest.raises(PlusxError, match="the list has changed"):
        list(manifest.parts(0, 1, 10))


def test_what_is_known_of_a_list_does_not_grow_with_its_paths(tmp_path: Path) -> None:
    manifest = open_manifest(str(write_list(tmp_path / "m.parquet", ["a" * 1000] * 5000, 5000)))
    arrays = (manifest.file_of, manifest.group_of, manifest.ends)
    assert sum(array.nbytes for array in arrays) == 24
    assert all(isinstance(array, np.ndarray) for array in arrays)
